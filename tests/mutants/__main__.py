"""`make mutants`: puts one-line defects into copies of the project, and says which test notices each."""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from tests.mutants.catalogue import PACKAGE, Mutant, read_mutants
from tests.mutants.copies import MUTANT_SECONDS, Copy, CopyError
from tests.mutants.verdict import Judged, faults, summary

Given = TypeVar("Given")
Made = TypeVar("Made")

CONTROL = Mutant(
    f"{PACKAGE}/domain/interval.py",
    "DAY_MS = 24 * HOUR_MS",
    "DAY_MS = 23 * HOUR_MS",
    tests=("tests/unit/test_dates.py",),
)
"""It must be noticed in every copy, or the tests read other code than what is changed."""

_UNCHANGED_SECONDS = 900


def main() -> int:
    """Return 0 where enough is noticed, 1 where not, and 2 where that cannot be said."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    mutants = [mutant for mutant in read_mutants() if arguments.only in mutant.name]
    if arguments.sample:
        noticed = [mutant for mutant in mutants if not mutant.survives and not mutant.slow]
        mutants = random.Random(arguments.seed).sample(noticed, min(arguments.sample, len(noticed)))
        print(f"{len(mutants)} mutants by chance: --sample {arguments.sample} --seed {arguments.seed}")
    if not mutants:
        print(f"no mutant has {arguments.only!r} in its name", file=sys.stderr)
        return 2
    began = time.monotonic()
    try:
        with _copies(arguments.workers) as copies:
            _check(copies, mutants)
            judged = list(_judge(copies, mutants))
    except CopyError as error:
        print(error, file=sys.stderr)
        return 2
    wrong = faults(judged, whole=not (arguments.only or arguments.sample))
    print(*summary(judged, wrong, time.monotonic() - began), sep="\n")
    return 1 if wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", default="", help="only mutants with this text in their name, such as domain/plan")
    parser.add_argument("--workers", type=int, default=2, help="how many copies are tested at a time")
    parser.add_argument("--sample", type=int, default=0, help="so many by chance, of the quick ones")
    today = datetime.now(UTC).date().toordinal()
    parser.add_argument("--seed", type=int, default=today, help="which ones by chance; without it, each day others")
    return parser.parse_args()


@contextmanager
def _copies(count: int) -> Iterator[list[Copy]]:
    """Yield copies of the project; what runs in them ends before they are removed."""
    with tempfile.TemporaryDirectory(prefix="candles-mutants-") as folder:
        copies: list[Copy] = []
        try:
            for number in range(count):
                (place := Path(folder, str(number))).mkdir()
                copies.append(Copy(place))
            yield copies
        finally:
            for copy in copies:
                copy.stop()


def _check(copies: Sequence[Copy], mutants: Iterable[Mutant]) -> None:
    """Prove that the tests pass on unchanged code, and that they read the copies.

    Raises
    ------
    CopyError
        They do not.
    """
    tests = list(dict.fromkeys(test for mutant in mutants for test in mutant.tests))
    shares = [(copy, tests[number :: len(copies)]) for number, copy in enumerate(copies)]

    def check(share: tuple[Copy, list[str]]) -> None:
        copy, of_copy = share
        unchanged = copy.run([*of_copy, *CONTROL.tests], seconds=_UNCHANGED_SECONDS)
        if unchanged.noticed_by:
            raise CopyError(f"{unchanged.noticed_by} fails on unchanged code:\n{unchanged.output}")
        with copy.changed(CONTROL):
            if not copy.run(CONTROL.tests, seconds=MUTANT_SECONDS).noticed_by:
                raise CopyError("the tests do not read the copy that is changed, so they can notice nothing")

    list(_in_parallel(check, shares, copies))
    print(f"{len(tests)} files and tests pass on unchanged code")


def _judge(copies: Sequence[Copy], mutants: Sequence[Mutant]) -> Iterator[Judged]:
    """Yield what came of each mutant, and print it."""
    free: SimpleQueue[Copy] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def judge(mutant: Mutant) -> Judged:
        copy = free.get()
        try:
            with copy.changed(mutant):
                result = copy.run(mutant.tests, seconds=MUTANT_SECONDS)
        except CopyError as error:
            raise CopyError(f"{mutant.name}: {error}") from error
        finally:
            free.put(copy)
        return Judged(mutant, result)

    for number, judged in enumerate(_in_parallel(judge, mutants, copies), 1):
        print(f"[{number:3}/{len(mutants)}] {judged.line()}", flush=True)
        yield judged


def _in_parallel(work: Callable[[Given], Made], given: Iterable[Given], copies: Sequence[Copy]) -> Iterator[Made]:
    """Yield what `work` makes of each, in order; when one fails, or a person ends it, all end."""
    with ThreadPoolExecutor(len(copies)) as pool:
        try:
            yield from pool.map(work, given)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for copy in copies:
                copy.stop()
            raise


if __name__ == "__main__":
    sys.exit(main())
