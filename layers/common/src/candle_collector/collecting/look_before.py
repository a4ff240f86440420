"""Asks by itself for the first candle of the hours that an answer leaves out at its head, where nothing vouches for it.

An answer whose head was cut looks like one of a symbol that was listed later. A request for one row cannot be cut: it
brings the first candle or nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from candle_collector.domain.candle import Candle
from candle_collector.domain.coverage import Settlement
from candle_collector.domain.progress import Head
from candle_collector.domain.windows import Window

FetchOldest = Callable[[int], Candle | None]
"""Returns the exchange's first candle from an hour on; None where it does not say."""


class ContradictionError(Exception):
    """Two answers of the exchange contradict each other: none of them is believed."""


def look_before(before: Window, first: Candle, known_first: int | None, fetch_oldest: FetchOldest) -> Head:
    """Say what is known of the hours before the first row of an answer.

    Parameters
    ----------
    before
        Those hours.
    first
        The answer's first candle.
    known_first
        The first stored hour of the series, None where none is stored.

    Raises
    ------
    ContradictionError
        The exchange ignores where it is asked from, or has said two things.
    """
    if known_first is None or known_first >= before.start:
        oldest = _not_after(first, fetch_oldest(0))
        if oldest is None or oldest.hour >= before.start:
            return _listing(before, first, oldest)
    again = _not_after(first, fetch_oldest(before.start))
    if again is None or again.hour < before.start:
        return Head()
    return Head(Settlement(never_printed=(before,))) if again == first else _from(again, first)


def _listing(before: Window, first: Candle, oldest: Candle | None) -> Head:
    """Say what follows from the first candle of all, which is not before the hours in question."""
    if oldest is None:
        return Head()
    if oldest == first:
        return Head(Settlement(absent=before))
    absent = Window(before.start, min(oldest.hour, before.end))
    return Head(Settlement(absent=absent if absent.hours else None), _from(oldest, first).to_ask)


def _not_after(first: Candle, found: Candle | None) -> Candle | None:
    if found is not None and found.hour > first.hour:
        raise ContradictionError
    return found


def _from(found: Candle, first: Candle) -> Head:
    """Ask for the hours from a candle on that the answer left out; one of another value vouches for nothing."""
    left_out = Window(found.hour, first.hour)
    return Head(to_ask=(left_out,)) if left_out.hours else Head()
