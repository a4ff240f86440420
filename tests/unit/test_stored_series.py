"""A series' record is a hint: readers follow what is stored, at two queries a series, and say where it was wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.domain import windows
from candle_collector.domain.repaired_series import repair
from candle_collector.domain.series import Series
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window
from candle_collector.ports import StoredBlocks
from candle_collector.reading.candle_frame import candle_frame
from candle_collector.reading.export_candles import Exported, export
from candle_collector.reading.report_coverage import CoveragePorts, report_coverage, report_series_coverage
from candle_collector.reading.stored_series import stored_records, stored_series
from candle_collector.reading.stream_candles import range_of_dates

from tests.fakes.clock import FakeClock
from tests.fakes.exchange import synthetic_candle
from tests.fakes.rate_limiter import FakeRateLimiter
from tests.fakes.stores import FakeCandleStore, FakeSeriesStore
from tests.fakes.world import World
from tests.hourly import HOUR, first_hour_of, hourly, ms_of_hour
from tests.streams import stream_months

SYMBOL = "BTCUSDT"
SERIES = hourly(SYMBOL)
START = first_hour_of("2024-12-25")
LATER = first_hour_of("2025-05-01")
NOW = first_hour_of("2025-06-01") + 12
EVER = range_of_dates(None, None, BINANCE)


class CountingStore(FakeCandleStore):
    """Counts the calls that read."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def coverage(self, series: Series, within: Window) -> StoredBlocks:
        self.calls["coverage"] += 1
        return super().coverage(series, within)

    def first_slot(self, series: Series) -> int | None:
        self.calls["first_slot"] += 1
        return super().first_slot(series)

    def last_slot(self, series: Series) -> int | None:
        self.calls["last_slot"] += 1
        return super().last_slot(series)


def coverage_ports(system: World) -> CoveragePorts:
    return CoveragePorts(system.candles, system.series, system.rate_limiter, system.clock, {HOUR})


def exported(system: World, folder: Path) -> Exported:
    path = folder / f"{len(list(folder.iterdir()))}.csv"
    return export(stream_months(system.candles, system.series, SERIES, EVER), path)


def older(record: SeriesRecord) -> SeriesRecord:
    """Return the record as a worker wrote it that knew of the newest month alone."""
    return replace(record, first=LATER, absent=Window(LATER - 10, LATER), years={2025: 100})


WRONG: list[Callable[[SeriesRecord], SeriesRecord]] = [
    older,
    lambda record: SeriesRecord(record.series),
    lambda record: replace(record, last=START + 5),
    lambda record: replace(record, first=LATER + 10, last=LATER + 9),
    lambda record: replace(record, years={2022: 9000, 2024: 1, 2025: 10**6}),
    lambda record: replace(record, delisted=Window(LATER, NOW), absent=Window(START - 500, NOW)),
]


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_exported_is_what_is_stored_before_and_after_the_runs_that_follow(
    wrong: Callable[[SeriesRecord], SeriesRecord], tmp_path: Path
) -> None:
    system = World({SYMBOL: range(START - 500, NOW + 1)})
    system.collect(start=START, end=NOW - 30)
    assert not report_series_coverage(SERIES, coverage_ports(system)).record_repaired
    system.series.overwrite(wrong(system.series.get(SERIES)))
    before = report_series_coverage(SERIES, coverage_ports(system))
    assert before.record_repaired
    for mode in (None, "forward", "gap_fill"):
        if mode:
            system.collect(mode)
        stored = windows.count(system.candles.slots(SERIES))
        assert exported(system, tmp_path).rows == stored
        assert report_series_coverage(SERIES, coverage_ports(system)).stored == stored
        (listed,) = report_coverage(coverage_ports(system)).symbols
        assert listed.stored == stored
        assert len(candle_frame(system.candles, system.series, [SYMBOL], market=BINANCE)) == stored


def test_an_export_says_which_record_was_wrong_and_what_is_stored(tmp_path: Path) -> None:
    system = World({SYMBOL: range(START - 500, NOW + 1)})
    system.collect(start=START, end=LATER + 99)
    assert exported(system, tmp_path).corrections == {}
    system.series.overwrite(older(system.series.get(SERIES)))
    assert exported(system, tmp_path).corrections == {
        SYMBOL: "the record of BTCUSDT names 2025-05-01T00:00:00Z to 2025-05-05T02:00:00Z as stored; "
        "what is stored is 2024-12-25T00:00:00Z to 2025-05-05T02:00:00Z"
    }


def test_lost_candles_are_expected_where_the_record_names_them() -> None:
    system = World({SYMBOL: range(START - 500, NOW + 1)})
    system.collect(start=START, end=START + 999)
    system.candles.remove(SERIES, (Window(START, START + 100), Window(START + 900, START + 1000)))
    report = report_series_coverage(SERIES, coverage_ports(system), end_ms=ms_of_hour(START + 1000))
    assert [window.candles for window in report.missing] == [100, 100]
    assert (report.stored, report.expected, report.record_repaired) == (800, 1000, True)
    system.candles.remove(SERIES, (Window(START, NOW),))
    report = report_series_coverage(SERIES, coverage_ports(system), end_ms=ms_of_hour(START + 1000))
    assert (report.first, report.stored, report.missing_candles, report.segments) == (None, 0, 1000, [])
    assert report_coverage(coverage_ports(system)).symbols[0].stored == 0


def test_a_hundred_series_cost_two_queries_each_more_than_their_years() -> None:
    candles, records = CountingStore(), FakeSeriesStore()
    names = [f"S{number:03}USDT" for number in range(100)]
    for name in names:
        candles.store(
            hourly(name), [synthetic_candle(name, LATER + hour) for hour in range(5)], (), absent_blocks=frozenset()
        )
        records.put(SeriesRecord(hourly(name), first=LATER, last=LATER + 4, years={2025: 5}))
    ports = CoveragePorts(candles, records, FakeRateLimiter(), FakeClock(), {HOUR})
    first = report_coverage(ports)
    second = report_coverage(ports, after=first.next)
    assert (len(first.symbols), len(second.symbols), second.next) == (60, 40, None)
    assert candles.calls == {"first_slot": 100, "last_slot": 100}
    candles.calls.clear()
    for name in names:
        assert len(list(stream_months(candles, records, hourly(name), EVER))) == 1
    assert candles.calls == {"first_slot": 100, "last_slot": 100}


def test_a_series_that_is_read_alone_costs_two_queries_more() -> None:
    candles, records = CountingStore(), FakeSeriesStore()
    candles.store(SERIES, [synthetic_candle(SYMBOL, LATER)], (), absent_blocks=frozenset())
    report_series_coverage(SERIES, CoveragePorts(candles, records, FakeRateLimiter(), FakeClock(), {HOUR}))
    assert candles.calls == {"first_slot": 1, "last_slot": 1, "coverage": 1}


def test_a_series_of_which_nothing_is_stored_costs_a_query() -> None:
    candles = CountingStore()
    assert not stored_series(SeriesRecord(SERIES), candles).life.slots
    assert candles.calls == {"first_slot": 1}


def test_a_record_that_names_no_candle_is_held_against_what_is_stored() -> None:
    candles, records = FakeCandleStore(), FakeSeriesStore()
    candles.store(hourly("AUSDT"), [synthetic_candle("AUSDT", LATER)], (), absent_blocks=frozenset())
    records.put(SeriesRecord(hourly("AUSDT")))
    records.put(SeriesRecord(hourly("BUSDT")))
    records.put(SeriesRecord(hourly("CUSDT"), first=LATER, last=LATER))
    assert [record.last for record in stored_records(records, candles)] == [LATER, None, LATER]


def test_a_proof_is_cut_where_it_denies_a_stored_candle() -> None:
    noted = SeriesRecord(SERIES, absent=Window(START, START + 50), delisted=Window(START + 60, START + 90))
    record = repair(noted, START + 20, START + 70).record
    assert (record.absent, record.delisted) == (Window(START, START + 20), Window(START + 71, START + 90))
    record = repair(noted, START, START + 90).record
    assert (record.absent, record.delisted) == (None, None)
    assert repair(noted, None, None).record == noted


def test_a_record_that_fits_is_not_repaired() -> None:
    candles = FakeCandleStore()
    candles.store(SERIES, [synthetic_candle(SYMBOL, LATER + n) for n in range(5)], (), absent_blocks=frozenset())
    known = stored_series(SeriesRecord(SERIES, first=LATER, last=LATER + 4), candles)
    assert (known.is_repaired, known.correction, known.span) == (False, None, Window(LATER, LATER + 5))
    known = stored_series(SeriesRecord(SERIES, first=LATER - 7, last=LATER + 2), candles)
    assert (known.is_repaired, known.life, known.span) == (
        True,
        Window(LATER, LATER + 5),
        Window(LATER - 7, LATER + 5),
    )
