"""The largest answers of the API are sent: Lambda refuses one of more than 6 MB, its text being a string in JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.collecting import plan_run as planning
from candle_collector.collecting.plan_run import plan_run
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.domain import windows
from candle_collector.domain.comparison import Comparison, Difference
from candle_collector.domain.failed_window import FailedWindow
from candle_collector.domain.run import KEPT_WINDOWS, Failure, Outcome, Run, RunSeries, RunSeriesRecord, with_missing
from candle_collector.domain.series import Series
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window
from candle_collector.ports import StoredBlocks
from candle_collector.reading.report_coverage import CoveragePorts, report_coverage, report_series_coverage
from candle_collector.reading.report_runs import report_status

from tests.fakes.clock import FakeClock
from tests.fakes.leases import FakeLeaseStore
from tests.fakes.rate_limiter import FakeRateLimiter
from tests.fakes.runs import FakeRunStore
from tests.fakes.stores import FakeCandleStore, FakeSeriesStore
from tests.fakes.world import World
from tests.hourly import HOUR, first_hour_of, hour_of, hourly, ms_of_hour, times_of
from tests.unit.json_answers import as_json

LAMBDA_MOST = 6 * 1024 * 1024
START = first_hour_of("2017-08-01")
NOW = hour_of(FakeClock().now())
LINE = ",".join(["123456.12345678"] * 10)
HOSTILE = 'the exchange answered "<html>\\n\\\\…" ' * 200


def sent(answer: Any) -> int:
    """Return how many bytes an answer has as a function returns it."""
    text = json.dumps(answer, default=vars, ensure_ascii=False, separators=(",", ":"))
    return len(json.dumps({"statusCode": 200, "body": text}))


def status(symbols: int, *, message: str, differences: int = 0) -> Any:
    """Return the largest status of a run of so many symbols."""
    clock = FakeClock()
    leases = FakeLeaseStore()
    runs = FakeRunStore(clock, leases)
    names = [f"币安人生{number:011}USDT" for number in range(symbols)]
    lacking = tuple(Window(START + 3 * number, START + 3 * number + 1) for number in range(5000))
    different = tuple(Difference(START + number, LINE, LINE) for number in range(differences))
    now = clock.now()
    run = Run(
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "gap_fill",
        *times_of(Window(START, NOW)),
        ms_of_hour(NOW),
        tuple(RunSeries(hourly(name)) for name in names),
        1000,
        now,
        now + timedelta(hours=5),
        *BINANCE.limit,
        open=frozenset(str(hourly(name)) for name in names),
    )
    record = with_missing(
        RunSeriesRecord(
            run.run_id,
            hourly(names[0]),
            outcome=Outcome.PARTIAL,
            records=3,
            failure=Failure("unavailable", message, 503, -1000, 4),
            first=START,
            last=NOW,
            comparison=Comparison(compared=70_000, left=differences, differences=different) if differences else None,
        ),
        lacking,
    )
    runs.create(run, [replace(record, series=hourly(name)) for name in names])
    return report_status(run.run_id, runs=runs, leases=leases, rate_limiter=FakeRateLimiter(), clock=clock)


def test_the_status_of_500_symbols_names_100_windows_of_each() -> None:
    answer = status(500, message="the exchange answered 503: " + "x" * 250)
    assert sent(answer) < LAMBDA_MOST
    details = as_json(answer)["last_results"]["details"]
    assert {len(detail["missing"]) for detail in details} == {KEPT_WINDOWS}


@pytest.mark.parametrize(
    ("symbols", "message", "differences"), [(800, "503", 0), (800, HOSTILE, 20), (1500, HOSTILE, 0)]
)
def test_a_status_of_any_size_is_sent_and_counts_all(symbols: int, message: str, differences: int) -> None:
    answer = status(symbols, message=message, differences=differences)
    assert sent(answer) < LAMBDA_MOST
    results = as_json(answer)["last_results"]
    assert len(results["details"]) == results["total_cryptos"] == results["partial"] == symbols
    assert results["total_records"] == 3 * symbols
    assert {detail["missing_candles"] for detail in results["details"]} == {5000}
    (named,) = {len(detail["missing"]) for detail in results["details"]}
    assert named < KEPT_WINDOWS
    if symbols == 800:
        assert sent(answer) > LAMBDA_MOST / 2
        assert named > 0


def test_a_dry_run_of_any_size_is_sent_and_counts_all(monkeypatch: pytest.MonkeyPatch) -> None:
    names = tuple(f"S{number:04}USDT" for number in range(800))
    system = World(dict.fromkeys(names, ()))
    lacking = tuple(Window(START + 3 * number, START + 3 * number + 1) for number in range(1000))
    plan = planning._SeriesPlan(hourly(""), lacking, 70, lacking, 1)
    monkeypatch.setattr(planning, "_series_plan", lambda *given, **_: plan._replace(series=given[3].series))
    request = RunRequest("backward", ms_of_hour(START), symbols=names)
    answer = plan_run(request, system.defaults, system.run_ports(), system.candles)
    assert LAMBDA_MOST / 2 < sent(answer) < LAMBDA_MOST
    found = as_json(answer)
    assert (len(found["symbols"]), found["missing_candles"]) == (800, 800 * 1000)


class HolesEverywhere(FakeCandleStore):
    """A store in which every series has every third hour stored, every third never printed, and the rest missing."""

    def coverage(self, series: Series, within: Window) -> StoredBlocks:  # noqa: ARG002 - the same for all
        hours = range(within.start - within.start % 3, within.end, 3)
        stored, never = (windows.from_slots(hour + more for hour in hours) for more in (0, 1))
        return StoredBlocks(stored, never, frozenset())

    def first_slot(self, series: Series) -> int:  # noqa: ARG002 - as above
        return START

    def last_slot(self, series: Series) -> int:  # noqa: ARG002 - as above
        return NOW - 3


def coverage_ports(starts: dict[str, int], *, failed: tuple[FailedWindow, ...] = ()) -> CoveragePorts:
    clock, series = FakeClock(), FakeSeriesStore()
    for symbol, start in starts.items():
        series.put(SeriesRecord(hourly(symbol), first=start, last=NOW - 3, failed_windows=failed))
    return CoveragePorts(HolesEverywhere(), series, FakeRateLimiter(), clock, (HOUR,))


def pages(ports: CoveragePorts) -> Iterator[Any]:
    after: str | None = None
    while True:
        page = report_coverage(ports, after=after)
        yield page
        after = page.next
        if after is None:
            return


def test_every_page_of_the_coverage_of_500_symbols_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    begins = {f"S{number:03}USDT": NOW - (3400 if number < 40 else 100) for number in range(500)}  # a page is of 30
    monkeypatch.setattr(HolesEverywhere, "first_slot", lambda _, series: begins[series.symbol])
    monkeypatch.setattr(HolesEverywhere, "coverage", _read_once(HolesEverywhere.coverage))
    seen: list[str] = []
    largest = 0
    for page in pages(coverage_ports(begins)):
        largest = max(largest, sent(page))
        seen += [report.symbol for report in page.symbols]
    assert seen == [f"S{number:03}USDT" for number in range(500)]
    assert LAMBDA_MOST / 2 < largest < LAMBDA_MOST


def _read_once(read: Any) -> Any:
    """Return a read of coverage that works out what it returns once for each window."""
    known: dict[Window, StoredBlocks] = {}

    def coverage(store: FakeCandleStore, series: Series, within: Window) -> StoredBlocks:
        if within not in known:
            known[within] = read(store, series, within)
        return known[within]

    return coverage


def test_a_series_with_holes_everywhere_is_sent_with_its_first_windows_and_counts_all() -> None:
    failed = (FailedWindow(Window(START, NOW), 4, HOSTILE),)
    ports = coverage_ports({"S000USDT": START}, failed=failed)
    answer = report_series_coverage(hourly("S000USDT"), ports)
    assert LAMBDA_MOST / 2 < sent(answer) < LAMBDA_MOST
    assert len(answer.missing) < answer.missing_candles
    assert answer.missing_candles == pytest.approx((NOW - START) / 3, abs=2)
    assert answer.expected == answer.stored + answer.never_printed_candles + answer.missing_candles
    (listed,) = report_coverage(ports).symbols
    assert listed == answer
    rest = report_series_coverage(hourly("S000USDT"), ports, start_ms=ms_of_hour(NOW - 3000))
    assert sum(window.candles for window in rest.missing) == rest.missing_candles
