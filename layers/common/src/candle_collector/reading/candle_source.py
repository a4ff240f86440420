"""Which stored candles answer a question about an interval: the longest ones that it can be made of, part by part.

The longest stored interval that divides the asked one needs the fewest candles. Before its first candle and behind its
last one the next longest is read, as far as that reaches further: so what is stored of one interval never hides what
is stored of another. Gaps between the first and the last are left to `gap_fill`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from candle_collector.domain import windows
from candle_collector.domain.aggregate import INTERVALS, AnyGrid, bases_of, grid_of
from candle_collector.domain.interval import Interval
from candle_collector.domain.market import Market
from candle_collector.domain.series import Series
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window, Windows
from candle_collector.errors import IntervalNotServedError, NotFoundError
from candle_collector.ports import CandleStore, SeriesStore
from candle_collector.reading.stored_series import stored_series

EVER = Window(0, 7_258_118_400_000)
"""All times, in ms since 1970 UTC: up to the year 2200, behind every candle."""


class CandleSource(NamedTuple):
    """A stored series, and how its slots make up the candles that are asked for."""

    series: Series
    grid: AnyGrid

    def bucket_from(self, ms: int) -> int:
        """Return when the first candle opens that opens at a time or after it, in ms since 1970 UTC."""
        interval = self.series.interval
        return interval.open_ms(self.grid.ceil(interval.slot_from(ms)))

    def bucket_at(self, ms: int) -> int:
        """Return when the candle opens that a time lies in, in ms since 1970 UTC."""
        interval = self.series.interval
        return interval.open_ms(self.grid.floor(interval.slot_at(ms)))


class Part(NamedTuple):
    """The times, in ms since 1970 UTC, of whose candles a source is read."""

    source: CandleSource
    within: Window


def parts_of(
    symbol: str, interval: str, market: Market, records: SeriesStore, candles: CandleStore, *, shift_ms: int = 0
) -> list[Part]:
    """Return what candles of one of `INTERVALS` are read from: parts of all times, ascending, together all of them.

    Parameters
    ----------
    shift_ms
        How long before UTC's the days of the longer intervals begin.

    Raises
    ------
    NotFoundError
        Nothing is stored of the symbol.
    IntervalNotServedError
        What is stored does not make up the interval; the message names the nearest that can be had.
    """
    known = {record.series.interval: record for record in records.of_symbol(market.name, symbol)}
    stored: list[tuple[CandleSource, Window]] = []
    for base in bases_of(interval, shift_ms):
        series = Series(symbol, base, market.name)
        # of those behind the longest one, which has all that most questions are about, the records are believed
        if span := _span(series, known, None if stored else candles):
            stored.append((CandleSource(series, _grid(series, interval, market, shift_ms, known)), span))
    if stored:
        return _parts(stored)
    others = [base for base in Interval if _span(Series(symbol, base, market.name), known, candles)]
    if not others:
        raise NotFoundError(f"nothing is stored of {symbol}")
    raise IntervalNotServedError(
        f"{interval} of {symbol} cannot be made of what is stored, {_nearest(interval, others)}"
    )


def _span(series: Series, known: Mapping[Interval, SeriesRecord], candles: CandleStore | None) -> Window | None:
    """Return the times from the first to the last stored candle of a series, in ms; None where nothing is stored.

    Its record says so; where that names none, the candles do, if they are given. With them go the times before and
    behind, of which it is proven that no candle is there.
    """
    record = known.get(series.interval, SeriesRecord(series))
    if None in (record.first, record.last) and candles is not None:
        record = stored_series(record, candles).record
    if record.first is None or record.last is None:
        return None
    start = record.absent.start if record.absent else record.first
    end = record.delisted.end if record.delisted else record.last + 1
    return Window(series.interval.open_ms(start), series.interval.open_ms(end))


def _parts(stored: list[tuple[CandleSource, Window]]) -> list[Part]:
    """Return the parts of all times that stored series are read for.

    Parameters
    ----------
    stored
        The series, the longest interval first, and the times of which each knows all slots but for gaps.
    """
    parts: list[Part] = []
    taken: Windows = ()
    for source, known in stored:
        whole = Window(source.bucket_from(known.start), source.bucket_at(known.end))
        free = windows.subtract((whole,), taken) if whole.slots else ()
        parts += [Part(source, window) for window in free]
        taken = windows.union([*taken, *free])
    # neither has a whole candle in between, so that it does not matter who is looked at there
    ordered = sorted(parts, key=lambda part: part.within) or [Part(stored[0][0], EVER)]
    starts = [EVER.start, *(part.within.start for part in ordered[1:]), EVER.end]
    return [Part(part.source, Window(*times)) for part, times in zip(ordered, pairwise(starts), strict=True)]


def _grid(
    base: Series, interval: str, market: Market, shift_ms: int, known: Mapping[Interval, SeriesRecord]
) -> AnyGrid:
    symbol, listed = base.symbol, None
    if interval == "3d":
        listed = market.listed_ms(symbol)
        listed = _proven(known) if listed is None else listed
    try:
        return grid_of(interval, base.interval, shift_ms, listed=listed)
    except ValueError as error:
        raise IntervalNotServedError(
            f"{error} here of {symbol}; collect it from a day before its listing (mode backward), or ask for another "
            "interval"
        ) from error


def _proven(known: Mapping[Interval, SeriesRecord]) -> int | None:
    """Return when the symbol's first candle began, in ms since 1970 UTC, where one of its series has proof of it."""
    listed = ((interval, record.listed) for interval, record in sorted(known.items()))
    return next((interval.open_ms(slot) for interval, slot in listed if slot is not None), None)


def _nearest(interval: str, stored: list[Interval]) -> str:
    """Return what is stored, and the nearest intervals that it makes up, in words."""
    kept = ", ".join(map(str, stored))
    served = [name for name in INTERVALS if any(base in stored for base in bases_of(name))]
    at = INTERVALS.index(interval)
    shorter = [name for name in served if INTERVALS.index(name) < at][-1:]
    longer = [name for name in served if INTERVALS.index(name) > at][:1]
    return f"{kept}; the nearest that can be had: {' and '.join(shorter + longer)}"
