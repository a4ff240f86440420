"""What is emitted: each figure once, after the write that it is about, so that sums are what the records say."""

from __future__ import annotations

from datetime import timedelta

import pytest
from candle_collector.adapters.emf_metrics import EmfMetrics
from candle_collector.bootstrap import SqlContainer
from candle_collector.collecting.control_run import cancel_run
from candle_collector.collecting.measure_archive import measure_archive
from candle_collector.domain.closing import lag_hours
from candle_collector.domain.interval import Interval
from candle_collector.domain.run import Failure, Outcome, Run, degraded_percent
from candle_collector.errors import ExchangeUnavailableError
from candle_collector.ports import ArchiveFigures
from candle_collector.settings import Settings

from tests.emf import Emitted, emitted, sums
from tests.fakes.exchange import Asked
from tests.fakes.world import Crash, World
from tests.hourly import HOUR, first_hour_of, moment_of

START = first_hour_of("2025-05-01")
END = START + 250
NOW = first_hour_of("2025-06-01") + 12
STEPS_MOST = 60
BEFORE, AFTER = 0, 1


@pytest.fixture(autouse=True)
def _stack_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "candles")


def four_outcomes() -> tuple[World, Run]:
    """Return a world of one symbol a run for each outcome, with the run started: windows of one symbol fail, or all."""
    hours = range(START - 10, NOW + 1)
    system = World({"BTCUSDT": hours, "ETHUSDT": hours, "SOLUSDT": hours, "XRPUSDT": hours})
    system.metrics = EmfMetrics()
    system.collect(start=START, end=END, symbols=("XRPUSDT",))

    def fail(requested: Asked) -> None:
        cut = {"ETHUSDT": START + 100, "SOLUSDT": 0}.get(requested.symbol)
        if cut is not None and requested.start >= cut:
            raise ExchangeUnavailableError(Failure("unavailable", "503", 503, attempts=2))

    system.defaults = system.defaults.__class__(**{**vars(system.defaults), "batch_size": 100})
    system.exchange.before = fail
    return system, system.start(start=START, end=END)


def recorded(system: World, run: Run) -> dict[str, float]:
    """Return the sums that a run's record says."""
    counts = system.ended(run.run_id).counts or {}
    records = system.runs.symbols(run.run_id)
    return {
        "CandlesStored": counts["records"],
        "Requests": sum(record.requests for record in records),
        "SymbolsPartial": counts["partial"],
        "SymbolsFailed": counts["failed"],
        "RunDegraded": degraded_percent(counts),
        "MissingCandles": sum(record.missing_slots for record in records),
    }


def deliver_until_death(system: World, step: int, when: int) -> None:
    """Deliver messages until a worker dies at a step, counted over all of them."""
    countdown = [step, when]
    for _ in range(4):
        system.deliver(countdown=countdown)


def test_the_sums_of_a_run_are_its_record(capsys: pytest.CaptureFixture[str]) -> None:
    system, run = four_outcomes()
    system.settle()
    expected = recorded(system, run)
    assert (expected["SymbolsPartial"], expected["SymbolsFailed"], expected["RunDegraded"]) == (1, 1, 50)
    assert sums(emitted(capsys.readouterr().out), run.run_id) == expected


def test_messages_that_are_delivered_twice_count_once(capsys: pytest.CaptureFixture[str]) -> None:
    system, run = four_outcomes()
    for message, _ in list(system.queue.sent):
        system.queue.enqueue([message])
    while system.queue.entries:
        assert system.deliver()
    for message, _ in list(system.queue.sent):
        system.work(message)  # and once more, when all has ended
    system.tend()
    assert sums(emitted(capsys.readouterr().out), run.run_id) == recorded(system, run)


@pytest.mark.parametrize("step", range(1, STEPS_MOST, 3))
def test_a_worker_that_is_killed_at_any_step_changes_no_sum(step: int, capsys: pytest.CaptureFixture[str]) -> None:
    system, run = four_outcomes()
    with pytest.raises(Crash):
        deliver_until_death(system, step, BEFORE)
    system.settle()
    assert sums(emitted(capsys.readouterr().out), run.run_id) == recorded(system, run)


@pytest.mark.parametrize("step", range(1, STEPS_MOST, 3))
def test_a_worker_that_dies_between_a_write_and_its_line_leaves_the_line_out_and_doubles_none(
    step: int, capsys: pytest.CaptureFixture[str]
) -> None:
    system, run = four_outcomes()
    with pytest.raises(Crash):
        deliver_until_death(system, step, AFTER)
    system.settle()
    found, expected = sums(emitted(capsys.readouterr().out), run.run_id), recorded(system, run)
    assert all(found.get(name, 0) <= value for name, value in expected.items())


def test_what_a_cancel_closes_is_counted_as_what_a_worker_ends(capsys: pytest.CaptureFixture[str]) -> None:
    system, run = four_outcomes()
    system.deliver()
    cancel_run(run.run_id, system.closing_ports())
    system.settle()
    expected = recorded(system, run)
    assert expected["SymbolsFailed"] == 2
    assert sums(emitted(capsys.readouterr().out), run.run_id) == expected


def test_the_one_dimension_is_the_stack_and_ids_are_metadata(capsys: pytest.CaptureFixture[str]) -> None:
    system, run = four_outcomes()
    system.settle()
    found = emitted(capsys.readouterr().out)
    assert {(value.namespace, value.dimensions) for value in found} == {
        ("CandleCollector", frozenset({("service", "candles")}))
    }
    symbols = [value for value in found if value.name == "SymbolsFailed" and value.logged["run_id"] == run.run_id]
    assert {value.logged["symbol"] for value in symbols if value.value} == {"SOLUSDT"}
    assert len(symbols) == len(run.symbols)


def units(found: list[Emitted]) -> dict[str, str]:
    return {value.name: value.unit for value in found}


def test_a_callers_refusal_and_the_archives_state_are_lines_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    EmfMetrics().key_refused()
    EmfMetrics().archive_stands(ArchiveFigures(lag_hours=6, overdue_seconds=0.0, blocked_seconds=12.5))
    found = emitted(capsys.readouterr().out)
    assert sums(found) == {"KeysRefused": 1, "LagHours": 6, "OpenRunOverdue": 0, "BlockedSeconds": 12.5}
    assert units(found) == {
        "KeysRefused": "Count",
        "LagHours": "Count",
        "OpenRunOverdue": "Seconds",
        "BlockedSeconds": "Seconds",
    }


def test_an_archive_at_home_prints_no_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    system, run = four_outcomes()
    system.metrics = SqlContainer(Settings({"DATABASE_URL": "sqlite://"})).metrics
    system.settle()
    system.metrics.archive_stands(figures(system))
    system.metrics.key_refused()
    found = emitted(capsys.readouterr().out)
    assert [value for value in found if value.logged.get("run_id") in {run.run_id, None}] == []


def figures(system: World) -> ArchiveFigures:
    return measure_archive(system.runs, system.series, system.rate_limiter, system.clock.now(), frozenset(Interval))


def test_an_empty_archive_is_not_behind() -> None:
    assert figures(World({"BTCUSDT": range(START, NOW)})) == ArchiveFigures(0, 0.0, 0.0)


def test_the_lag_grows_by_the_hour_until_something_is_stored() -> None:
    system = World({"BTCUSDT": range(START, NOW + 40)})
    system.collect(start=START, end=NOW)
    before = figures(system).lag_hours
    system.clock.advance(14 * 3600)
    assert figures(system).lag_hours == before + 14
    system.collect("forward")
    assert figures(system).lag_hours == 0


def test_hours_in_which_a_long_run_is_at_work_as_expected_do_not_count_as_lag() -> None:
    system = World({"BTCUSDT": range(START, NOW + 60)})
    system.collect("forward", start=START)
    system.exchange.weight_limit, system.exchange.weight_seconds = 1, 1200  # 20 hours for the market alone
    system.clock.advance(3600)
    run = system.start("forward")
    assert run.estimated_seconds // 3600 == 34
    before = figures(system).lag_hours
    system.clock.advance(20 * 3600)
    assert figures(system).lag_hours == before
    system.clock.advance(20 * 3600)
    assert figures(system).lag_hours == before + 6


@pytest.mark.parametrize(("offset_ms", "hours"), [(0, 1), (-3_600_000, 0), (3_600_000, 1)])
def test_of_two_clocks_the_one_that_is_behind_counts(offset_ms: int, hours: int) -> None:
    now = moment_of(NOW + 2) + timedelta(minutes=5)
    newest = [(HOUR, NOW), (HOUR, NOW - 5)]
    assert lag_hours(newest, now, clock_offset_ms=offset_ms) == hours
    assert lag_hours([], now, clock_offset_ms=offset_ms) is None


def test_a_run_is_overdue_from_its_deadline_on() -> None:
    system = World({"BTCUSDT": range(START, NOW + 1)})
    run = system.start(start=START, end=END)
    system.clock.advance(system.defaults.deadline.total_seconds() - 1)
    assert figures(system).overdue_seconds == 0
    system.clock.advance(1 + 90)
    assert figures(system).overdue_seconds == 90
    system.tend()
    assert system.ended(run.run_id).counts
    assert figures(system).overdue_seconds == 0


def test_an_exchange_that_is_closed_is_so_for_as_long_as_it_said() -> None:
    system = World({"BTCUSDT": range(START, NOW + 1)})
    system.rate_limiter.block(120, Failure("blocked", "429"), now=system.clock.now(), seen=None)
    assert figures(system).blocked_seconds == pytest.approx(120, abs=1)
    system.clock.advance(121)
    assert figures(system).blocked_seconds == 0


def test_a_run_without_a_symbol_is_not_degraded() -> None:
    assert degraded_percent({outcome.value: 0 for outcome in Outcome}) == 0
