"""How far a worker is with a series, and what an answer of the exchange changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from candle_collector.domain import windows
from candle_collector.domain.candle import Candle
from candle_collector.domain.coverage import Coverage, settle
from candle_collector.domain.run import Mode
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window, Windows

SHORT_RANGE_HOURS = 168
"""A forward range up to this long is read alone, a longer one with the whole years that it touches."""


@dataclass(frozen=True)
class Progress:
    """What is known of a series, and what is still to be requested of it.

    Attributes
    ----------
    within
        The hours that the run is about.
    read
        The hours whose coverage was read: `within`, perhaps with the whole years around it.
    trading
        Whether the symbol trades.
    to_ask
        The hours that are still to be requested.
    nothing_from
        The hour from which on the answer before had room for more rows and brought none; None where it had no room.
    """

    within: Window
    read: Window
    trading: bool
    series: Series
    coverage: Coverage
    to_ask: Windows
    nothing_from: int | None = None

    @property
    def stored_hours(self) -> int:
        """How many hours of the range are stored."""
        return windows.count(windows.clip(self.coverage.stored, self.within))

    @property
    def missing(self) -> Windows:
        """The hours of the range that are missing."""
        return self.coverage.missing(self.within)

    def giving_up(self, window: Window) -> Progress:
        """Return the progress without the hours of a window that could not be fetched."""
        return replace(self, to_ask=windows.subtract(self.to_ask, (window,)))


@dataclass(frozen=True)
class Learned:
    """What an answer brings.

    Attributes
    ----------
    progress
        The progress when all of it is stored.
    candles
        The candles that are wanted and not stored yet.
    never_printed
        The hours of the range that are newly proven to have no candle.
    asked_to
        The hour up to which the answer settles the range.
    """

    progress: Progress
    candles: Sequence[Candle]
    never_printed: Windows
    asked_to: int


def window_to_read(mode: Mode, within: Window) -> Window:
    """Return the hours whose coverage is read, so that the counts of whole years can be set."""
    if not within.hours or (mode == "forward" and within.hours <= SHORT_RANGE_HOURS):
        return within
    first, last = (windows.year_window(windows.year_of(hour)) for hour in (within.start, within.end - 1))
    return Window(first.start, last.end)


def learn(
    progress: Progress, requested: Window, hours: Sequence[int], candles: Sequence[Candle], *, closed_end: int
) -> Learned:
    """Return what the answer to a request for `asked` brings.

    Parameters
    ----------
    hours
        The hours of all rows, ascending, the running one included.
    candles
        The closed candles among them.
    closed_end
        The hour after the last closed one.
    """
    series, coverage = progress.series, progress.coverage
    # Of a symbol that does not trade an answer without rows may be the end: two that agree are believed, one is not.
    again = progress.nothing_from is not None and progress.nothing_from <= requested.start
    proof = settle(
        requested,
        hours,
        known_before=series.first is not None and series.first < requested.start,
        ended=again and not progress.trading and (series.last is None or series.last < requested.start),
        closed_end=closed_end,
    )
    new = _wanted(candles, progress.to_ask, requested, hours)
    stored = windows.union([*coverage.stored, *windows.from_hours(candle.hour for candle in new)])
    series = series.updated(stored, progress.read, proof)
    known = Coverage(stored, coverage.never_printed, series.absent, series.delisted)
    fresh = windows.clip(windows.subtract(proof.never_printed, known.covered()), progress.within)
    known = replace(known, never_printed=windows.union([*known.never_printed, *fresh]))
    if hours:  # all up to the last row is settled; what follows needs another request, unless this one brought nothing
        asked_to = hours[-1] + 1
        nothing_from = asked_to if len(hours) < requested.hours else None
    else:
        asked_to = requested.end if again or progress.trading else requested.start
        nothing_from = requested.start
    settled = [Window(requested.start, asked_to), *(window for window in (proof.absent, proof.delisted) if window)]
    # what seemed to lie before the listing is requested when an earlier candle has turned up
    released = windows.clip(windows.subtract(coverage.covered(), known.covered()), progress.within)
    to_ask = windows.subtract(windows.union([*progress.to_ask, *released]), windows.union(settled))
    after = replace(progress, series=series, coverage=known, to_ask=to_ask, nothing_from=nothing_from)
    return Learned(after, new, fresh, asked_to)


def _wanted(candles: Sequence[Candle], to_ask: Windows, requested: Window, hours: Sequence[int]) -> list[Candle]:
    """Return the candles whose hours are to be requested; rows past the window are kept too."""
    reach = Window(requested.start, max(requested.end, hours[-1] + 1)) if hours else requested
    wanted = set(windows.hours_in(windows.clip(to_ask, reach)))
    return [candle for candle in candles if candle.hour in wanted]
