"""Stored candles beside those of the exchange: what answers say of a window, and how a symbol is judged by it.

An answer may be cut, older than it seems, or about another symbol. So what differs by one answer is asked for once
more, and only what both say alike is a difference.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from candle_collector.domain import windows
from candle_collector.domain.comparison import Comparison, Difference
from candle_collector.domain.interval import Interval
from candle_collector.domain.progress import Answer
from candle_collector.domain.run import Failure, Outcome
from candle_collector.domain.windows import Window, Windows

DIFFERS = "differs"
"""The kind of the failure where stored candles are not those of the exchange."""

_HALF = 2


class Reading(NamedTuple):
    """What one answer says of the slots of a window.

    Attributes
    ----------
    end
        The slot after the last that it says something of: that of its last row.
    offered
        Its candles as lines by slot, empty for stored slots that it leaves out. A row that is wrong, or of a slot that
        has not closed, says nothing.
    """

    end: int
    offered: Mapping[int, str]

    def differing(self, stored: Mapping[int, str]) -> dict[int, str]:
        """Return what is not as it is stored, by slot."""
        return {slot: line for slot, line in self.offered.items() if line != stored.get(slot, "")}


class Part(NamedTuple):
    """A part of a window that two answers, or one that differs in nothing, have said everything about.

    Attributes
    ----------
    compared
        How many slots were compared.
    doubtful
        The slots that were not, because the answers say different things, neither what is stored.
    """

    window: Window
    compared: int
    differences: tuple[Difference, ...]
    doubtful: Windows


@dataclass(frozen=True)
class Verdict:
    """What is known of the slots of a window from its start up to where the answers reach.

    Attributes
    ----------
    compared
        The slots that were compared, ascending.
    differences
        What both answers offer alike and is not stored so, by slot.
    doubtful
        The slots of which the answers say different things, neither what is stored.
    """

    window: Window
    compared: tuple[int, ...]
    differences: tuple[Difference, ...]
    doubtful: Windows

    @property
    def is_another_series(self) -> bool:
        """Whether more than half of the slots differ, as they would if candles of another symbol were stored."""
        return len(self.differences) * _HALF > len(self.compared)

    def parts(self, most: int) -> Iterator[Part]:
        """Yield the window in parts of at most `most` differences."""
        start = self.window.start
        for first in range(0, max(1, len(self.differences)), most):
            following = self.differences[first + most : first + most + 1]
            window = Window(start, following[0].slot if following else self.window.end)
            compared = sum(window.start <= slot < window.end for slot in self.compared)
            doubtful = windows.clip(self.doubtful, window)
            yield Part(window, compared, self.differences[first : first + most], doubtful)
            start = window.end


def windows_to_compare(
    known: Windows, within: Window, *, slots: int, sample: int = 100, seed: str = ""
) -> tuple[Window, ...]:
    """Return the windows of a range that are asked for: those of which something is known, or a share of them.

    Parameters
    ----------
    known
        The slots that are stored or called never printed. What is missing is for collection.
    slots
        The most slots of a window.
    sample
        How many percent of the windows are taken, at least one.
    seed
        Which ones: the same for the same text.
    """
    cut = (Window(start, min(start + slots, within.end)) for start in range(within.start, within.end, slots))
    whole = [window for window in cut if windows.clip(known, window)]
    taken = -(-len(whole) * sample // 100)
    return tuple(sorted(random.Random(seed).sample(whole, taken)))  # noqa: S311 - a sample, no secret


def read_answer(answer: Answer, window: Window, stored: Mapping[int, str]) -> Reading:
    """Return what an answer says of a window; nothing where it has no row from its start on."""
    rows = [slot for slot in answer.slots if slot >= window.start]
    end = min(window.end, rows[-1] + 1) if rows else window.start
    has_row = frozenset(rows)
    left_out = {slot: "" for slot in stored if slot < end and slot not in has_row}
    candles = {candle.slot: candle.line() for candle in answer.candles if window.start <= candle.slot < end}
    return Reading(end, left_out | candles)


def compare(window: Window, stored: Mapping[int, str], first: Reading, second: Reading) -> Verdict:
    """Return what two answers to one question say; the same one twice where it differs in nothing."""
    end = min(first.end, second.end)
    one_says, other_says = first.differing(stored), second.differing(stored)
    differ = {slot for slot, line in one_says.items() if slot < end and other_says.get(slot) == line}
    doubtful = {
        slot for slot in one_says.keys() & other_says.keys() if slot < end and one_says[slot] != other_says[slot]
    }
    read = {slot for slot in stored.keys() & (first.offered.keys() | second.offered.keys()) if slot < end}
    return Verdict(
        Window(window.start, end),
        tuple(sorted((read | differ) - doubtful)),
        tuple(Difference(slot, stored.get(slot, ""), one_says[slot]) for slot in sorted(differ)),
        windows.from_slots(doubtful),
    )


def judge_comparison(comparison: Comparison, missing: Windows) -> Outcome:
    """Return the outcome of a symbol of which no more is compared.

    Parameters
    ----------
    missing
        What could not be compared.
    """
    if not missing and not comparison.left:
        return Outcome.COMPLETE if comparison.compared else Outcome.SKIPPED
    return Outcome.PARTIAL if comparison.compared else Outcome.FAILED


def explain(
    comparison: Comparison, missing: Windows, failure: Failure | None, interval: Interval, *, repair: bool
) -> Failure | None:
    """Return why a symbol is not complete: what differs still, before what could not be compared and why."""
    if comparison.left and comparison.first_left is not None:
        first = interval.format(comparison.first_left)[:16]
        counts = f"{comparison.left:,} of {comparison.compared:,} compared candles"
        message = f"{counts} differ{' still' if repair else ''} from the exchange's, the first at {first}"
        message += _what_repair_does(comparison)
        if repair:
            message += f"; {comparison.repaired:,} were repaired"
        if missing and failure:
            message += f"; {windows.count(missing):,} candles were not compared: {failure.message}"
        return Failure(DIFFERS, message)
    return failure if missing else None


def _what_repair_does(comparison: Comparison) -> str:
    """Return what a repair would do for the candles that differ still."""
    if not comparison.denied:
        return "; verify with repair replaces them"
    if not comparison.replaceable:
        return ": it has no candle there, and what is stored is never deleted"
    return (
        f"; verify with repair replaces {comparison.replaceable:,} of them, and of {comparison.denied:,} it has no "
        "candle: what is stored is never deleted"
    )
