"""What a store of the series' records promises."""

from __future__ import annotations

from dataclasses import replace

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.domain.coverage import Silence
from candle_collector.domain.failed_window import FailedWindow
from candle_collector.domain.interval import Interval
from candle_collector.domain.series import Series
from candle_collector.domain.series_record import Dispute, SeriesRecord
from candle_collector.domain.windows import Window
from candle_collector.errors import StaleTurnError
from candle_collector.ports import SeriesStore

from tests.hourly import hourly

BTC, MINUTES = hourly("BTCUSDT"), Series("BTCUSDT", Interval.MINUTE, BINANCE.name)
FULL = SeriesRecord(
    BTC,
    first=420_000,
    last=480_000,
    absent=Window(410_000, 420_000),
    delisted=Window(480_001, 490_000),
    years={2024: 8784, 2025: 12},
    failed_windows=(FailedWindow(Window(450_000, 450_003), 8, "the exchange answered 503"),),
    silence=Silence(Window(480_001, 490_000), "01JWNP30F0AAAAAAAAAAAAAAAA"),
    disputed=Dispute("0123456789abcdef" * 4, "01JWNP30F0BBBBBBBBBBBBBBBB"),
    denied=(Window(450_010, 450_012), Window(460_000, 460_001)),
)


class SeriesStoreContract:
    """Tests of whatever the fixture `series_store` gives."""

    def test_a_series_that_nothing_is_known_of_is_empty(self, series_store: SeriesStore) -> None:
        assert series_store.get(BTC) == SeriesRecord(BTC)
        assert list(series_store.all()) == []

    def test_a_record_is_read_back_as_it_was_written(self, series_store: SeriesStore) -> None:
        series_store.put(FULL)
        assert series_store.get(BTC) == FULL

    def test_a_record_is_written_whole(self, series_store: SeriesStore) -> None:
        written = series_store.put(FULL)
        plain = SeriesRecord(BTC, first=5, last=6, revision=written.revision)
        assert series_store.put(plain) == plain
        assert series_store.get(BTC) == SeriesRecord(BTC, first=5, last=6)

    def test_a_record_that_was_changed_since_it_was_read_is_not_written(self, series_store: SeriesStore) -> None:
        older = series_store.put(FULL)
        assert series_store.get(BTC).revision == older.revision
        newer = series_store.put(replace(older, last=480_001))
        for stale in (replace(older, last=5), FULL):
            with pytest.raises(StaleTurnError):
                series_store.put(stale)
        assert series_store.get(BTC) == newer

    def test_two_intervals_of_a_symbol_have_a_record_each(self, series_store: SeriesStore) -> None:
        hours = series_store.put(FULL)
        minutes = series_store.put(SeriesRecord(MINUTES, first=28_000_000, last=28_000_001))
        assert (series_store.get(BTC), series_store.get(MINUTES)) == (hours, minutes)
        series_store.put(replace(minutes, last=28_000_002))
        assert series_store.get(BTC) == hours

    def test_all_records_come_by_symbol_and_interval(self, series_store: SeriesStore) -> None:
        for series in (hourly("SOLUSDT"), BTC, hourly("ADAUSDT"), hourly("\u5e01USDT"), MINUTES):
            series_store.put(SeriesRecord(series, first=1, last=2))
        expected = [hourly("ADAUSDT"), MINUTES, BTC, hourly("SOLUSDT"), hourly("\u5e01USDT")]
        assert [item.series for item in series_store.all()] == expected

    def test_the_records_of_a_symbol_are_those_of_its_intervals(self, series_store: SeriesStore) -> None:
        for series in (hourly("BTCUSDTX"), BTC, hourly("BTCUSD"), MINUTES, MINUTES._replace(market="another")):
            series_store.put(SeriesRecord(series, first=1, last=2))
        found = series_store.of_symbol(BTC.market, BTC.symbol)
        assert [(record.series, record.first) for record in found] == [(MINUTES, 1), (BTC, 1)]
        assert series_store.of_symbol(BTC.market, "ETHUSDT") == []
