"""Stored candles month by month, so that years of a hundred symbols pass through little memory."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from candle_collector.domain import dates, windows
from candle_collector.domain.aggregate import INTERVAL_HOURS, Grid
from candle_collector.domain.candle_columns import CandleColumns, columns_of
from candle_collector.domain.repaired_series import RepairedSeries
from candle_collector.domain.windows import Window, Windows
from candle_collector.ports import CandleStore, SeriesStore
from candle_collector.reading.read_candles import complete_buckets
from candle_collector.reading.stored_series import read_segments, split_years, stored_series

READ_HOURS = 92 * 24
"""The most hours that are read at a time, where a month has no more: a quarter, some 4 MB."""


@dataclass(frozen=True)
class Month:
    """The candles of a symbol and a month (UTC), ascending.

    Attributes
    ----------
    month
        Such as ``2025-01``.
    hours
        How many hours the month's part of the asked range has, for progress.
    segments
        For each candle the number, from 1, of the life of the symbol that it belongs to: names are used again.
    correction
        A sentence, where the series' record does not name the first and the last stored candle.
    """

    symbol: str
    month: str
    hours: int
    columns: CandleColumns
    segments: Sequence[int]
    correction: str | None = None


def range_of_dates(start: str | None, end: str | None) -> Window:
    """Return the hours of dates or timestamps, both included; all there are where none is given.

    Raises
    ------
    ValueError
        One of them is not a date, or the end is before the start.
    """
    within = Window(
        dates.EARLIEST if start is None else dates.start_of(start),
        windows.year_window(2199).end if end is None else dates.end_of(end),
    )
    if not within.hours:
        raise ValueError(f"the end, {end}, is before the start, {start}")
    return within


def hours_to_stream(known: RepairedSeries, within: Window, grid: Grid) -> Window:
    """Return the hours that are read for an export: those of the range and the series' life, to whole buckets."""
    life = known.life
    if not life.clip(within).hours:
        return Window(0, 0)
    start = max(grid.ceil(within.start), grid.floor(life.start))
    return Window(start, max(start, grid.ceil(min(within.end, life.end))))


def stream_months(
    candles: CandleStore, series: SeriesStore, symbol: str, within: Window, *, interval: str = "1h"
) -> Iterator[Month]:
    """Yield a symbol's candles that open in `within`, month by month, whatever the series' record says of them.

    Parameters
    ----------
    interval
        One of `INTERVAL_HOURS`; candles longer than an hour are there when nothing is missing in them.
    """
    yield from stream_series(candles, stored_series(series.get(symbol), candles), within, interval=interval)


def stream_series(
    candles: CandleStore, known: RepairedSeries, within: Window, *, interval: str = "1h"
) -> Iterator[Month]:
    """Yield the candles of a series as `stream_months` does, where its first and its last have been read already."""
    grid = Grid(INTERVAL_HOURS[interval])
    symbol = known.series.symbol
    lives = _lives(candles, known)
    for months in _readings(_months(hours_to_stream(known, within, grid))):
        whole = Window(months[0][1].start, months[-1][1].end)
        if grid.hours == 1:
            found = candles.columns(symbol, whole)
        else:
            hours = candles.candles(symbol, whole, limit=whole.hours)
            found = columns_of(list(complete_buckets(candles, lambda: known.series, symbol, hours, grid)))
        for month, part in months:
            of_month = found.part(bisect_left(found.hour, part.start), bisect_left(found.hour, part.end))
            yield Month(symbol, month, part.hours, of_month, _segments_of(of_month.hour, lives), known.correction)


def _segments_of(hours: Sequence[int], lives: Windows) -> list[int]:
    """Return the number of the life that each of some ascending hours lies in."""
    numbers: list[int] = []
    for number, life in enumerate(lives[:-1], 1):
        numbers += [number] * (bisect_left(hours, life.end) - len(numbers))
    return numbers + [len(lives)] * (len(hours) - len(numbers))


def _readings(months: Iterator[tuple[str, Window]]) -> Iterator[list[tuple[str, Window]]]:
    """Yield as many months at a time as are read at once."""
    held: list[tuple[str, Window]] = []
    for month, part in months:
        if held and part.end - held[0][1].start > READ_HOURS:
            yield held
            held = []
        held.append((month, part))
    if held:
        yield held


def _lives(candles: CandleStore, known: RepairedSeries) -> Windows:
    """Return the segments of a series; the items of years that are full by its record are not read."""
    _, short = split_years(known)
    never = [window for year in short for window in candles.coverage(known.series.symbol, year).never_printed]
    return read_segments(known, windows.union(never), candles)


def _months(within: Window) -> Iterator[tuple[str, Window]]:
    """Yield the months (UTC) that `within` touches, and what of them lies in it."""
    at = within.start
    while at < within.end:
        moment = windows.moment_of(at)
        years, month = divmod(moment.month, 12)
        end = min(within.end, windows.first_hour_of(f"{moment.year + years}-{month + 1:02}-01"))
        yield windows.day_of(at)[:7], Window(at, end)
        at = end
