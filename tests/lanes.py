"""Runs every check and test of `make test` in lanes beside each other, and says at the end how long each took.

The lanes that start servers and the emulator wait for most of their time, and are what the whole takes longest for. The
others compute all the time: they are nicer, and take what those leave of the processors.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

LOGS = Path(".local/test-logs")
NICER = "nice -n 10"
PYTHON = shlex.quote(sys.executable)
TESTS = f"{PYTHON} -m pytest"
LONG_WAITS = "tests/standalone/test_cannot_collect.py"

COMMANDS = {
    "emulator": [f"{TESTS} tests/e2e -k local-aws"],
    "server": [f"{TESTS} tests/e2e -k 'not local-aws'"],
    "standalone": [f"{TESTS} tests/standalone --ignore {LONG_WAITS}"],
    "waiting": [f"{TESTS} {LONG_WAITS}"],
    "checks": [
        f"{NICER} {PYTHON} -m mypy",
        f"{NICER} make template",
        f"{NICER} {TESTS} tests/template tests/api_contract",
        f"{NICER} {PYTHON} -m tests.mutants --sample 4 --workers 1",
    ],
    "adapters": [f"{NICER} {TESTS} tests/integration"],
    "unit": [f"{NICER} {TESTS} tests/unit"],
}
COMPILED_BY = (
    f"{TESTS} --collect-only --quiet tests/e2e/test_reading.py tests/integration/test_functions.py"
    " tests/template/test_translated.py tests/api_contract/test_answers.py tests/unit/test_as_deployed.py"
)
"""Has Python compile most of what tests import, in a first run: each lane would, beside the others, for 30 s more."""
MEANWHILE = "checks"
"""The lane that begins before: mypy comes compiled."""
SHOWN = "unit"
"""The lane whose output is shown as it comes; that of the others follows when they have ended."""


@dataclass
class Lane:
    """Commands one after the other, all of them whichever fail."""

    name: str
    interrupted: Event
    failed: list[str] = field(default_factory=lambda: ["it did not end"])
    seconds: float = 0

    @property
    def log(self) -> Path:
        """Where the output is kept."""
        return LOGS / f"{self.name}.log"

    def run(self) -> None:
        """Run the commands, until Ctrl-C, which ends the one that runs by itself."""
        begun, failed = time.monotonic(), []
        with self.log.open("wb") as log:
            output = None if self.name == SHOWN else log
            for command in COMMANDS[self.name]:
                if self.interrupted.is_set():
                    break
                if subprocess.call(shlex.split(command), stdout=output, stderr=output):  # noqa: S603 - ours
                    failed.append(command)
        self.failed = failed
        self.seconds = time.monotonic() - begun


def main() -> int:
    """Run all lanes, print what they printed, and return 1 where one failed."""
    is_first = not LOGS.exists()
    LOGS.mkdir(parents=True, exist_ok=True)
    interrupted = Event()
    lanes = [Lane(name, interrupted) for name in COMMANDS]
    threads = {lane.name: Thread(target=lane.run) for lane in lanes}
    try:
        if is_first and MEANWHILE in threads:
            threads[MEANWHILE].start()
            print("compiling what the tests import, as in each first run", flush=True)
            subprocess.call(shlex.split(COMPILED_BY), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - ours
        for thread in threads.values():
            if thread.ident is None:
                thread.start()
        threads[SHOWN].join()
        print("waiting for the other tests, which began beside these", flush=True)
        for lane in lanes:
            threads[lane.name].join()
            print(lane.log.read_text(encoding="utf-8", errors="replace"), end="", flush=True)
    except KeyboardInterrupt:
        interrupted.set()
        return 130
    for lane in lanes:
        print(
            f"{lane.name:10} {lane.seconds:4.0f} s  {'; '.join(['failed', *lane.failed]) if lane.failed else 'passed'}"
        )
    return int(any(lane.failed for lane in lanes))


if __name__ == "__main__":
    sys.exit(main())
