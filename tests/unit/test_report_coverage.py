"""Coverage is reported of every series: what it should hold, holds, never can hold, and misses."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from candle_collector.domain import windows
from candle_collector.domain.coverage import percent
from candle_collector.domain.failed_window import FailedWindow
from candle_collector.domain.segments import segments
from candle_collector.domain.series import Series
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window, Windows
from candle_collector.errors import NotFoundError
from candle_collector.ports import StoredBlocks
from candle_collector.reading.report_coverage import (
    READS_A_PAGE,
    CoveragePorts,
    report_coverage,
    report_series_coverage,
)

from tests.exchange import needs_recordings
from tests.fakes.clock import FakeClock
from tests.fakes.exchange import synthetic_candle
from tests.fakes.rate_limiter import FakeRateLimiter
from tests.fakes.stores import FakeCandleStore, FakeSeriesStore
from tests.hourly import HOUR, format_hour, hour_of, hourly, ms_of_hour, year_window
from tests.recorded import recorded_rows
from tests.unit.json_answers import as_json


def coverage(*arguments: Any, **options: Any) -> Any:
    return as_json(report_coverage(*arguments, **options))


def symbol_coverage(symbol: str, ports: CoveragePorts, **options: Any) -> Any:
    return as_json(report_series_coverage(hourly(symbol), ports, **options))


NOW = hour_of(FakeClock().now())
START = NOW - 1000


class CountingStore(FakeCandleStore):
    """Counts the reads of coverage."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[tuple[Series, Window]] = []

    def coverage(self, series: Series, within: Window) -> StoredBlocks:
        self.reads.append((series, within))
        return super().coverage(series, within)


class Archive:
    """An archive in memory."""

    def __init__(self) -> None:
        self.candles = CountingStore()
        self.series = FakeSeriesStore()
        self.rate_limiter = FakeRateLimiter()
        self.ports = CoveragePorts(self.candles, self.series, self.rate_limiter, FakeClock(), {HOUR})

    def hold(self, record: SeriesRecord, stored: Windows, never: Windows = ()) -> None:
        """Store a series, its record with it."""
        candles = [synthetic_candle(record.symbol, hour) for hour in windows.slots_in(stored)]
        self.candles.store(record.series, candles, never, absent_blocks=frozenset())
        years = {year: windows.count(windows.clip(stored, year_window(year))) for year in range(2017, 2027)}
        self.series.put(
            replace(record, first=stored[0].start, last=stored[-1].end - 1, years={y: n for y, n in years.items() if n})
        )


@pytest.fixture
def archive() -> Archive:
    return Archive()


def as_answer(window: Window) -> dict[str, object]:
    return {"start": format_hour(window.start), "end": format_hour(window.end), "candles": window.slots}


def test_a_series_is_reported_with_its_windows(archive: Archive) -> None:
    never, hole, lag = Window(START + 10, START + 13), Window(START + 500, START + 600), Window(NOW - 4, NOW)
    stored = windows.subtract((Window(START, NOW - 4),), (never, hole))
    failed = FailedWindow(Window(START + 480, START + 600), 8, "the exchange answered 503")
    archive.hold(
        SeriesRecord(hourly("BTCUSDT"), absent=Window(START - 50, START), failed_windows=(failed,)), stored, (never,)
    )
    assert symbol_coverage("BTCUSDT", archive.ports) == {
        "symbol": "BTCUSDT",
        "interval": "1h",
        "is_kept": True,
        "listing": {"first": format_hour(START), "is_proven": True, "asked_from": format_hour(START - 50)},
        "first": format_hour(START),
        "last": format_hour(NOW - 5),
        "delisted_from": None,
        "segments": [as_answer(Window(START, NOW - 4))],
        "start": format_hour(START),
        "end": format_hour(NOW),
        "expected": 1000,
        "stored": 893,
        "never_printed_candles": 3,
        "never_printed": [as_answer(never)],
        "missing_candles": 104,
        "missing": [
            {**as_answer(hole), "attempts": 8, "last_error": "the exchange answered 503"},
            {**as_answer(lag), "attempts": 0, "last_error": None},
        ],
        "percent": 89.6,
        "rejected": [],
        "record_repaired": False,
    }


def test_the_list_says_the_same_as_each_series_by_itself(archive: Archive) -> None:
    for symbol, gap in (("AUSDT", 0), ("BUSDT", 7), ("CUSDT", 300)):
        never = (Window(START + 100, START + 100 + gap),) if gap else ()
        archive.hold(SeriesRecord(hourly(symbol)), windows.subtract((Window(START, NOW - gap),), never), never)
    reported = coverage(archive.ports)
    assert reported["next"] is None
    assert reported["symbols"] == [symbol_coverage(symbol, archive.ports) for symbol in ("AUSDT", "BUSDT", "CUSDT")]


def test_an_hour_that_turned_up_after_all_is_not_called_never_printed(archive: Archive) -> None:
    archive.hold(SeriesRecord(hourly("AUSDT")), (Window(START, NOW - 5),), (Window(START + 7, START + 9),))
    for reported in (symbol_coverage("AUSDT", archive.ports), *coverage(archive.ports)["symbols"]):
        assert (reported["never_printed_candles"], reported["never_printed"]) == (0, [])


def test_the_list_reads_no_items_of_full_years(archive: Archive) -> None:
    stored = Window(year_window(2022).start + 5, NOW)
    archive.hold(SeriesRecord(hourly("AUSDT")), (stored,))
    archive.hold(SeriesRecord(hourly("BUSDT")), windows.subtract((stored,), (Window(START, START + 1),)))
    assert [item["missing_candles"] for item in coverage(archive.ports)["symbols"]] == [0, 1]
    assert archive.candles.reads == [(hourly("BUSDT"), Window(year_window(2025).start, NOW))]


def pages(archive: Archive) -> list[list[str]]:
    """Return the symbols of all pages of the list."""
    found, after = [], None
    while True:
        page = coverage(archive.ports, after=after)
        found.append([item["symbol"] for item in page["symbols"]])
        after = page["next"]
        if after is None:
            return found


@pytest.mark.parametrize(("short", "a_page"), [(0, 60), (1, 30), (2, 20)])
def test_a_page_of_the_list_ends_before_it_reads_too_much(archive: Archive, short: int, a_page: int) -> None:
    year = year_window(2023).end
    holes = (Window(year - 5, year - 4), Window(year + 4, year + 5))
    stored = windows.subtract((Window(year - 9, year + 9),), holes[:short])
    symbols = [f"S{number:03}USDT" for number in range(READS_A_PAGE + 5)]
    for symbol in symbols:
        archive.hold(SeriesRecord(hourly(symbol)), stored)
    found = pages(archive)
    assert [len(page) for page in found[:-1]] == [a_page] * (len(found) - 1)
    assert [symbol for page in found for symbol in page] == symbols
    assert len(archive.candles.reads) == short * len(symbols)


def test_a_series_of_more_years_than_a_page_reads_has_a_page_of_its_own(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("candle_collector.reading.report_coverage.READS_A_PAGE", 2)
    for symbol in ("AUSDT", "BUSDT"):
        end = year_window(2023).end
        archive.hold(SeriesRecord(hourly(symbol)), (Window(end - 9, end - 5), Window(end + 5, end + 9)))
    assert pages(archive) == [["AUSDT"], ["BUSDT"]]


def test_a_record_that_names_nothing_is_left_out_of_the_list_until_something_is_stored(archive: Archive) -> None:
    archive.series.put(SeriesRecord(hourly("AUSDT")))
    assert coverage(archive.ports) == {"symbols": [], "next": None}
    archive.candles.store(hourly("AUSDT"), [synthetic_candle("AUSDT", NOW - 1)], (), absent_blocks=frozenset())
    (reported,) = coverage(archive.ports)["symbols"]
    assert (reported["stored"], reported["record_repaired"]) == (1, True)
    assert reported == symbol_coverage("AUSDT", archive.ports)


def test_of_a_series_without_a_candle_nothing_is_expected_up_to_an_end(archive: Archive) -> None:
    archive.series.put(SeriesRecord(hourly("AUSDT"), failed_windows=(FailedWindow(Window(START, NOW), 4, "503"),)))
    reported = symbol_coverage("AUSDT", archive.ports, end_ms=ms_of_hour(NOW))
    assert (reported["expected"], reported["start"], reported["end"]) == (0, None, None)


@pytest.mark.parametrize("count", [0, 1, 999, 1001, 10**6])
def test_a_count_that_does_not_fit_is_not_believed(archive: Archive, count: int) -> None:
    archive.hold(
        SeriesRecord(hourly("AUSDT")), windows.subtract((Window(START, NOW),), (Window(START + 5, START + 6),))
    )
    archive.series.put(replace(archive.series.get(hourly("AUSDT")), years={2025: count}))
    (reported,) = coverage(archive.ports)["symbols"]
    assert (reported["stored"], reported["missing_candles"]) == (999, 1)
    assert reported["record_repaired"] == (count != 999)


def test_hours_before_the_listing_are_not_counted_as_never_printed_too(archive: Archive) -> None:
    never = Window(START + 5, START + 9)
    archive.hold(SeriesRecord(hourly("AUSDT")), (Window(START + 10, NOW),), (never,))
    record = replace(archive.series.get(hourly("AUSDT")), first=START, absent=Window(START - 5, START + 10))
    archive.series.put(record)
    reported = symbol_coverage("AUSDT", archive.ports)
    assert (reported["expected"], reported["stored"], reported["never_printed_candles"]) == (990, 990, 0)


def test_after_a_delisting_nothing_is_expected(archive: Archive) -> None:
    archive.hold(SeriesRecord(hourly("AUSDT"), delisted=Window(NOW - 100, NOW - 7)), (Window(START, NOW - 100),))
    reported = symbol_coverage("AUSDT", archive.ports)
    assert (reported["expected"], reported["percent"], reported["delisted_from"]) == (
        900,
        100.0,
        format_hour(NOW - 100),
    )


def test_a_range_may_be_asked_for(archive: Archive) -> None:
    archive.hold(SeriesRecord(hourly("AUSDT"), absent=Window(START - 10, START)), (Window(START, NOW - 20),))
    reported = symbol_coverage("AUSDT", archive.ports, start_ms=ms_of_hour(START - 30), end_ms=ms_of_hour(NOW + 50))
    assert reported["expected"] == 1030 - 10
    assert [item["candles"] for item in reported["missing"]] == [20, 20]
    assert (
        symbol_coverage("AUSDT", archive.ports, start_ms=ms_of_hour(START + 5), end_ms=ms_of_hour(NOW - 20))["percent"]
        == 100.0
    )


def test_an_exchange_whose_clock_is_behind_is_not_expected_to_have_printed_more(archive: Archive) -> None:
    archive.hold(SeriesRecord(hourly("AUSDT")), (Window(START, NOW - 48),))
    archive.rate_limiter.note_clock(round(timedelta(hours=-48).total_seconds() * 1000))
    assert symbol_coverage("AUSDT", archive.ports)["missing_candles"] == 0
    archive.rate_limiter.note_clock(round(timedelta(hours=-72).total_seconds() * 1000))
    reported = symbol_coverage("AUSDT", archive.ports)
    assert (reported["expected"], reported["stored"]) == (NOW - 48 - START,) * 2


def test_a_symbol_without_a_candle_is_reported_in_the_list_and_expects_nothing(archive: Archive) -> None:
    archive.series.put(SeriesRecord(hourly("AUSDT"), failed_windows=(FailedWindow(Window(START, NOW), 4, "503"),)))
    (reported,) = coverage(archive.ports)["symbols"]
    assert (reported["expected"], reported["percent"], reported["segments"], reported["first"]) == (0, None, [], None)


def test_a_symbol_that_was_never_collected_is_not_found(archive: Archive) -> None:
    with pytest.raises(NotFoundError):
        symbol_coverage("AUSDT", archive.ports)


def test_a_hundred_percent_is_said_of_nothing_less() -> None:
    assert percent(70_127, 70_128) == 99.99
    assert percent(70_128, 70_128) == 100.0


def test_a_name_used_twice_has_two_segments() -> None:
    life, outage, pause = Window(0, 5000), Window(100, 132), Window(2000, 2168)
    assert segments(life, (outage, pause), HOUR) == (Window(0, 2000), Window(2168, 5000))


@needs_recordings
def test_btcusdc_has_two_segments(archive: Archive) -> None:
    hours = windows.from_slots(candle.slot for year in (2022, 2023) for candle in recorded_rows("BTCUSDC", year))
    life = Window(hours[0].start, hours[-1].end)
    archive.hold(SeriesRecord(hourly("BTCUSDC")), hours, windows.subtract((life,), hours))
    reported = symbol_coverage("BTCUSDC", archive.ports, start_ms=ms_of_hour(life.start), end_ms=ms_of_hour(life.end))
    before, after = reported["segments"]
    assert (before["end"], after["start"]) == ("2022-09-29T03:00:00Z", "2023-03-12T06:00:00Z")
    assert reported["percent"] == 100.0


def test_a_rejected_hour_is_named_and_is_neither_stored_nor_missing(archive: Archive) -> None:
    stored = (Window(START, START + 50), Window(START + 51, NOW))
    reason = FailedWindow(Window(START + 50, START + 51), 1, "the high is under the open")
    archive.hold(SeriesRecord(hourly("AUSDT"), rejected=(reason,)), stored)
    report = symbol_coverage("AUSDT", archive.ports)
    hours = NOW - START
    assert (report["expected"], report["stored"], report["missing_candles"]) == (hours, hours - 1, 0)
    assert [(item["candles"], item["last_error"]) for item in report["rejected"]] == [(1, "the high is under the open")]
    assert report["percent"] < 100
