"""A question about an interval is answered from the longest stored one that it is made of, or says what can be had."""

from __future__ import annotations

from dataclasses import replace

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.domain.aggregate import AS_STORED, Grid, MonthGrid
from candle_collector.domain.interval import HOUR_MS, Interval, interval_named
from candle_collector.domain.series import Series
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window
from candle_collector.errors import IntervalNotServedError, NotFoundError
from candle_collector.reading.candle_source import EVER, CandleSource, Part, parts_of

from tests.fakes.exchange import synthetic_candle
from tests.fakes.stores import FakeCandleStore, FakeSeriesStore

SYMBOL = "NEWUSDT"
FIRST_DAY = 20_000


class Archive:
    """An archive that holds a day of a symbol in some intervals."""

    def __init__(self, *intervals: str, with_records: bool = True) -> None:
        self.candles = FakeCandleStore()
        self.series = FakeSeriesStore()
        for interval in map(interval_named, intervals):
            series, first = Series(SYMBOL, interval, BINANCE.name), FIRST_DAY * interval.slots_a_day
            if with_records:
                self.series.put(SeriesRecord(series, first=first, last=first + interval.slots_a_day - 1))
            else:
                self.candles.store(series, [synthetic_candle(SYMBOL, first)], (), absent_blocks=frozenset())

    def source(self, interval: str, *, symbol: str = SYMBOL, shift_ms: int = 0) -> CandleSource:
        (part,) = self.parts(interval, symbol=symbol, shift_ms=shift_ms)
        assert part.within == EVER
        return part.source

    def parts(self, interval: str, *, symbol: str = SYMBOL, shift_ms: int = 0) -> list[Part]:
        return parts_of(symbol, interval, BINANCE, self.series, self.candles, shift_ms=shift_ms)


@pytest.mark.parametrize(
    ("stored", "requested", "source"),
    [
        ("1m 1h", "1m", CandleSource(Series(SYMBOL, Interval.MINUTE, BINANCE.name), AS_STORED)),
        ("1m 1h", "1h", CandleSource(Series(SYMBOL, Interval.HOUR, BINANCE.name), AS_STORED)),
        ("1m 5m 1h", "15m", CandleSource(Series(SYMBOL, Interval.MINUTES_5, BINANCE.name), Grid(3))),
        ("1m 1h", "15m", CandleSource(Series(SYMBOL, Interval.MINUTE, BINANCE.name), Grid(15))),
        ("1m 1h 1d", "4h", CandleSource(Series(SYMBOL, Interval.HOUR, BINANCE.name), Grid(4))),
        ("1m 1h 1d", "1M", CandleSource(Series(SYMBOL, Interval.DAY, BINANCE.name), MonthGrid(Interval.DAY))),
        ("1m", "1M", CandleSource(Series(SYMBOL, Interval.MINUTE, BINANCE.name), MonthGrid(Interval.MINUTE))),
    ],
)
@pytest.mark.parametrize("with_records", [True, False])
def test_the_longest_stored_interval_that_divides_it_is_read(
    stored: str, requested: str, source: CandleSource, *, with_records: bool
) -> None:
    assert Archive(*stored.split(), with_records=with_records).source(requested) == source


def test_days_of_another_zone_are_not_made_of_stored_days() -> None:
    archive = Archive("1h", "1d")
    for interval, grid in (("1d", Grid(24, 8)), ("1w", Grid(168, 8, 96))):
        source = archive.source(interval, shift_ms=8 * HOUR_MS)
        assert source == CandleSource(Series(SYMBOL, Interval.HOUR, BINANCE.name), grid)


@pytest.mark.parametrize(
    ("stored", "requested", "said"),
    [
        ("1h", "15m", "cannot be made of what is stored, 1h; the nearest that can be had: 1h"),
        ("5m", "3m", "cannot be made of what is stored, 5m; the nearest that can be had: 5m"),
        ("3m 1d", "5m", "cannot be made of what is stored, 3m, 1d; the nearest that can be had: 3m and 15m"),
        ("1d", "12h", "cannot be made of what is stored, 1d; the nearest that can be had: 1d"),
    ],
)
def test_where_it_cannot_be_made_the_nearest_are_named(stored: str, requested: str, said: str) -> None:
    with pytest.raises(IntervalNotServedError) as refused:
        Archive(*stored.split()).source(requested)
    assert str(refused.value) == f"{requested} of {SYMBOL} {said}"


def test_of_a_symbol_of_which_nothing_is_stored_there_is_nothing() -> None:
    with pytest.raises(NotFoundError):
        Archive("1h").source("1h", symbol="NOUSDT")


def test_3d_of_a_symbol_whose_listing_is_not_known_says_what_to_do() -> None:
    with pytest.raises(IntervalNotServedError, match=r"NEWUSDT; collect it from a day before its listing"):
        Archive("1h", "1d").source("3d")


def test_3d_is_counted_from_the_listing_that_any_series_of_the_symbol_has_proven() -> None:
    archive = Archive("5m", "1d")
    minutes = archive.series.get(Series(SYMBOL, Interval.MINUTES_5, BINANCE.name))
    assert minutes.first is not None
    archive.series.put(replace(minutes, absent=Window(minutes.first - 10, minutes.first)))
    assert archive.source("3d") == CandleSource(Series(SYMBOL, Interval.DAY, BINANCE.name), Grid(3, 0, FIRST_DAY))
