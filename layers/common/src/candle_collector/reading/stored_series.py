"""A series as readers take it: its record, with the first and the last candle that the candle table holds."""

from __future__ import annotations

from collections.abc import Iterator

from candle_collector.domain.repaired_series import RepairedSeries, repair
from candle_collector.domain.segments import is_another_price, segments
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window, Windows
from candle_collector.ports import CandleStore, SeriesStore


def stored_series(noted: SeriesRecord, candles: CandleStore) -> RepairedSeries:
    """Return a record held against what is stored, by two queries of an item each; by one where nothing is stored."""
    first = candles.first_slot(noted.series)
    last = None if first is None else candles.last_slot(noted.series)
    return repair(noted, first, last)


def stored_records(series: SeriesStore, candles: CandleStore) -> Iterator[SeriesRecord]:
    """Yield all records, by symbol; those that name no candle are held against what is stored."""
    for noted in series.all():
        yield noted if noted.last is not None else stored_series(noted, candles).record


def split_years(known: RepairedSeries) -> tuple[Windows, Windows]:
    """Split the span of a series into years that are full by its record, and those whose items are to be read.

    A year is believed to be full where its count is that of all its slots between the first and the last stored candle:
    then it has no candle that would be left out. Any other count, one that is too high as well, is not believed.
    """
    span, life, interval = known.span, known.life, known.record.series.interval
    if not span.slots:
        return (), ()
    full: list[Window] = []
    short: list[Window] = []
    for year in interval.years_of(span):
        part = interval.year_window(year).clip(span)
        is_full = part == part.clip(life) and known.noted.years.get(year) == part.slots
        (full if is_full else short).append(part)
    return tuple(full), tuple(short)


def read_segments(known: RepairedSeries, never_printed: Windows, candles: CandleStore) -> Windows:
    """Return the segments of a series; two candles are read for each pause of a day that is shorter than a week."""
    series, life = known.record.series, known.life

    def jumped(pause: Window) -> bool:
        before = candles.candles(series, Window(life.start, pause.start), limit=1, newest=True)
        after = candles.candles(series, Window(pause.end, life.end), limit=1)
        return bool(before and after) and is_another_price(before[0], after[0])

    return segments(life, never_printed, series.interval, jumped) if life.slots else ()
