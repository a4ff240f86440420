"""What is said of mutants: a line for each, and what is wrong with all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tests.mutants.catalogue import Mutant
from tests.mutants.copies import Result

LEAST_PERCENT = 95


class Judged(NamedTuple):
    """A mutant and what came of its tests."""

    mutant: Mutant
    result: Result

    @property
    def survived(self) -> bool:
        """Whether no test noticed it."""
        return self.result.noticed_by is None

    def line(self) -> str:
        """Return it as the table shows it."""
        outcome = "SURVIVED" if self.survived else "caught"
        by = f"\n{'':27}by {self.result.noticed_by}" if not self.survived else ""
        return f"{outcome:8} {self.result.seconds:5.1f} s  {self.mutant.name}{by}"


def faults(judged: Sequence[Judged], *, whole: bool) -> list[str]:
    """Return what is wrong: a survivor without a reason, a reason without a survivor, and too many survivors.

    Parameters
    ----------
    whole
        Whether this is the whole list; of a few, one survivor would be too many.
    """
    wrong = []
    for item in judged:
        if item.survived and not item.mutant.survives:
            wrong.append(f"no test notices {item.mutant.name}")
        if item.mutant.survives and not item.survived:
            wrong.append(f"{item.result.noticed_by} notices {item.mutant.name}, which is said to survive")
    least = math.ceil(len(judged) * LEAST_PERCENT / 100)
    noticed = sum(not item.survived for item in judged)
    if whole and noticed < least:
        wrong.append(f"{noticed} of {len(judged)} are noticed, and {least} must be")
    return wrong


def summary(judged: Sequence[Judged], wrong: Sequence[str], seconds: float) -> Iterator[str]:
    """Yield the lines behind the table: how many were noticed, each survivor with its reason, and what is wrong."""
    noticed = sum(not item.survived for item in judged)
    yield f"\n{noticed} of {len(judged)} mutants caught ({100 * noticed / len(judged):.1f} %) in {seconds:.0f} s"
    for item in judged:
        if item.survived and item.mutant.survives:
            yield f"survives: {item.mutant.name}\n          {item.mutant.survives}"
    yield from (f"WRONG: {fault}" for fault in wrong)
