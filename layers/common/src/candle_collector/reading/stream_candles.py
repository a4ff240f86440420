"""Stored candles month by month, so that years of a hundred symbols pass through little memory."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from candle_collector.domain import dates, windows
from candle_collector.domain.aggregate import AS_STORED, AnyGrid
from candle_collector.domain.candle_columns import CandleColumns, columns_of
from candle_collector.domain.interval import Interval
from candle_collector.domain.market import Market
from candle_collector.domain.repaired_series import RepairedSeries
from candle_collector.domain.windows import Window, Windows
from candle_collector.ports import CandleStore, SeriesStore
from candle_collector.reading.candle_source import EVER, Part
from candle_collector.reading.read_candles import complete_buckets
from candle_collector.reading.stored_series import read_segments, split_years, stored_series

READ_SLOTS = 92 * 24
"""The most candles that are read at a time, where a month has no more: of hours a quarter, some 4 MB."""


@dataclass(frozen=True)
class Month:
    """The candles of a series and a month (UTC), ascending.

    Attributes
    ----------
    month
        Such as ``2025-01``.
    interval
        The one that `columns` counts slots of.
    slots
        How many slots of the month lie in the range that is read, for progress.
    segments
        For each candle the number, from 1, of the life of the symbol that it belongs to: names are used again.
    correction
        A sentence, where the series' record does not name the first and the last stored candle.
    """

    symbol: str
    interval: Interval
    month: str
    slots: int
    columns: CandleColumns
    segments: Sequence[int]
    correction: str | None = None

    def in_slots_of(self, interval: Interval) -> Month:
        """Return it with the slots of a shorter interval, in which each of its candles begins with a slot."""
        if interval is self.interval:
            return self
        slots = [interval.slot_at(self.interval.open_ms(slot)) for slot in self.columns.slot]
        return replace(self, interval=interval, columns=self.columns._replace(slot=slots))

    def joined(self, later: Month) -> Month:
        """Return it with the candles that follow in the same month."""
        columns = CandleColumns._make([*mine, *more] for mine, more in zip(self.columns, later.columns, strict=True))
        segments = [*self.segments, *later.segments]
        correction = self.correction or later.correction
        return replace(self, slots=self.slots + later.slots, columns=columns, segments=segments, correction=correction)


def range_of_dates(start: str | None, end: str | None, market: Market) -> Window:
    """Return the times of dates or timestamps, both included, in ms since 1970 UTC; all where none is given.

    Raises
    ------
    ValueError
        One of them is not a date, or the end is before the start, or before the first candle of the market.
    """
    within = Window(
        market.earliest_ms if start is None else dates.start_of(start),
        EVER.end if end is None else dates.end_of(end),
    )
    if not within.slots:
        why = market.too_early if start is None else f"is before the start, {start}"
        raise ValueError(f"the end, {end}, {why}")
    return within


def slots_to_stream(known: RepairedSeries, within: Window, grid: AnyGrid) -> Window:
    """Return the slots that are read for an export: those of the range and the series' life, to whole buckets."""
    life, wanted = known.life, known.record.series.interval.slots_within(within)
    if not life.clip(wanted).slots:
        return Window(0, 0)
    start = max(grid.ceil(wanted.start), grid.floor(life.start))
    return Window(start, max(start, grid.ceil(min(wanted.end, life.end))))


Parts = Sequence[tuple[RepairedSeries, Part]]
"""What the candles of a symbol are read from: parts, ascending, each with its series as it is stored."""


def stored_parts(parts: Sequence[Part], records: SeriesStore, candles: CandleStore) -> Parts:
    """Return parts with their series."""
    return [(stored_series(records.get(part.source.series), candles), part) for part in parts]


def stream_parts(candles: CandleStore, parts: Parts, within: Window) -> Iterator[Month]:
    """Yield the candles of a symbol that open in `within`, month by month, as if the parts were of one series."""
    pauses = windows.union(pause for known, _ in parts for pause in _pauses(candles, known))
    shortest = min(known.record.series.interval for known, _ in parts)
    held: Month | None = None
    for known, (source, times) in parts:
        ends = [source.series.interval.slot_from(pause.start) for pause in pauses]
        for found in stream_series(candles, known, within.clip(times), grid=source.grid, ends=ends):
            month = found.in_slots_of(shortest)
            if held and held.month != month.month:
                yield held
                held = None
            held = held.joined(month) if held else month
    if held:
        yield held


def _pauses(candles: CandleStore, known: RepairedSeries) -> Iterator[Window]:
    """Yield the times between the lives of a series, in ms since 1970 UTC."""
    interval = known.record.series.interval
    for before, after in pairwise(_lives(candles, known)):
        yield Window(interval.open_ms(before.end), interval.open_ms(after.start))


def stream_series(
    candles: CandleStore,
    known: RepairedSeries,
    within: Window,
    *,
    grid: AnyGrid = AS_STORED,
    ends: Sequence[int] | None = None,
) -> Iterator[Month]:
    """Yield the candles of a series that open in `within`, month by month, whatever its record says of them.

    Parameters
    ----------
    within
        Times, in ms since 1970 UTC.
    grid
        How the slots make up a longer interval, whose candles are there when nothing is missing in them.
    ends
        The slots before which all lives of the symbol but the last end, where they have been read already.
    """
    series = known.record.series
    interval = series.interval
    ends = [life.end for life in _lives(candles, known)[:-1]] if ends is None else ends
    for months in _readings(_months(slots_to_stream(known, within, grid), interval)):
        whole = Window(months[0][1].start, months[-1][1].end)
        if grid == AS_STORED:
            found = candles.columns(series, whole)
        else:
            held = candles.candles(series, whole, limit=whole.slots)
            found = columns_of(list(complete_buckets(candles, lambda: known.record, held, grid)))
        for month, part in months:
            of_month = found.part(bisect_left(found.slot, part.start), bisect_left(found.slot, part.end))
            yield Month(
                series.symbol,
                interval,
                month,
                part.slots,
                of_month,
                _segments_of(of_month.slot, ends),
                known.correction,
            )


def _segments_of(slots: Sequence[int], ends: Sequence[int]) -> list[int]:
    """Return the number of the life that each of some ascending slots lies in; lives but the last end at `ends`."""
    numbers: list[int] = []
    for number, end in enumerate(ends, 1):
        numbers += [number] * (bisect_left(slots, end) - len(numbers))
    return numbers + [len(ends) + 1] * (len(slots) - len(numbers))


def _readings(months: Iterator[tuple[str, Window]]) -> Iterator[list[tuple[str, Window]]]:
    """Yield as many months at a time as are read at once."""
    held: list[tuple[str, Window]] = []
    for month, part in months:
        if held and part.end - held[0][1].start > READ_SLOTS:
            yield held
            held = []
        held.append((month, part))
    if held:
        yield held


def _lives(candles: CandleStore, known: RepairedSeries) -> Windows:
    """Return the segments of a series; the items of years that are full by its record are not read."""
    _, short = split_years(known)
    never = [window for year in short for window in candles.coverage(known.record.series, year).never_printed]
    return read_segments(known, windows.union(never), candles)


def _months(within: Window, interval: Interval) -> Iterator[tuple[str, Window]]:
    """Yield the months (UTC) that `within` touches, and what of them lies in it."""
    at = within.start
    while at < within.end:
        moment = interval.moment_of(at)
        years, month = divmod(moment.month, 12)
        end = min(within.end, interval.first_of_day(f"{moment.year + years}-{month + 1:02}-01"))
        yield interval.day_of(at)[:7], Window(at, end)
        at = end
