"""What is known of a series: which hours are stored, which never were, and which are missing.

The rules by which an hour may be called never printed are all here, in `settle`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from candle_collector.domain import windows
from candle_collector.domain.windows import Window, Windows

YOUNG_HOURS = 24
"""An hour younger than this is never settled by its absence: an exchange that is failing answers short."""


@dataclass(frozen=True)
class Coverage:
    """What is known of a series in some range.

    Attributes
    ----------
    stored
        The hours whose candle is in the store.
    never_printed
        The hours proven to have no candle: an outage or a halt.
    absent
        ``[asked_from, first)``: proven to lie before the first candle.
    delisted
        Proven to lie after the last candle of a symbol that does not trade.
    """

    stored: Windows = ()
    never_printed: Windows = ()
    absent: Window | None = None
    delisted: Window | None = None

    def covered(self) -> Windows:
        """Return the hours that need no request."""
        known = [*self.stored, *self.never_printed]
        known += [window for window in (self.absent, self.delisted) if window]
        return windows.union(known)

    def missing(self, within: Window) -> Windows:
        """Return the hours of `within` that nothing is known of."""
        return windows.subtract(windows.union([within]), self.covered())


class Settlement(NamedTuple):
    """What an answer of the exchange proves besides the candles in it."""

    never_printed: Windows = ()
    absent: Window | None = None
    delisted: Window | None = None


def settle(requested: Window, hours: Sequence[int], *, known_before: bool, ended: bool, closed_end: int) -> Settlement:
    """Say what an answer proves about the hours it leaves out.

    The request was ``startTime=asked.start, limit=asked.hours`` without an endTime, so the answer's rows are the oldest
    candles from there on, and may lie past `asked`.

    - An hour before the last row that has no row has no candle.
    - Where no earlier candle is known, the hours before the first row are before the listing.
    - Hours after the last row prove nothing. An answer without rows proves nothing either, unless the series has ended
      for all else we know and the hours are older than a day: then they are after the delisting.
    - An hour younger than a day stays missing.

    Parameters
    ----------
    asked
        The window of the request.
    hours
        The hours of the answer's rows, ascending, the running one included.
    known_before
        Whether a candle before `asked` is known.
    ended
        Whether the symbol does not trade, no later candle is known, and the answer before this one had room for rows
        of these hours and none either: one answer alone may be short by fault.
    closed_end
        The hour after the last closed one.
    """
    settled = closed_end - YOUNG_HOURS
    if not hours:
        return Settlement(delisted=Window(requested.start, closed_end) if ended and requested.start < settled else None)
    first, last = hours[0], hours[-1]
    before = Window(requested.start, min(first, settled))
    gaps = windows.subtract(windows.union([Window(first, min(last, settled))]), windows.from_hours(hours))
    if known_before:
        gaps = windows.union([before, *gaps])
    return Settlement(never_printed=gaps, absent=before if before.hours and not known_before else None)


def extend(old: Window | None, new: Window | None) -> Window | None:
    """Join what was known with what an answer proved: one window where they touch, else the newer proof."""
    if old is None or new is None:
        return new or old
    if new.start <= old.end and old.start <= new.end:
        return Window(min(old.start, new.start), max(old.end, new.end))
    return new
