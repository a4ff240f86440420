"""What the API says of runs adds up at every moment, because it is computed from the records."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from candle_collector.collecting.run_scope import RunPorts, RunRequest
from candle_collector.collecting.start_run import start_run
from candle_collector.domain.run import Failure, Outcome, Run, RunSeriesRecord
from candle_collector.errors import ExchangeUnavailableError, NotFoundError
from candle_collector.reading.report_runs import report_runs, report_status

from tests.fakes.exchange import Asked
from tests.fakes.world import Crash, World
from tests.hourly import first_hour_of, hourly, ms_of_hour
from tests.unit.json_answers import as_json

START = first_hour_of("2025-05-01")
END = START + 48
NOW = first_hour_of("2025-06-01") + 12


def world() -> World:
    system = World(dict.fromkeys(("BTCUSDT", "ETHUSDT", "SOLUSDT"), range(START - 100, NOW + 1)))
    system.defaults = replace(system.defaults, batch_size=24)
    return system


def reported(system: World, run_id: str | None = None, **options: int) -> dict[str, Any]:
    found = report_status(
        run_id, runs=system.runs, leases=system.leases, rate_limiter=system.rate_limiter, clock=system.clock, **options
    )
    status: dict[str, Any] = as_json(found)
    return status


def outcomes(results: dict[str, Any]) -> int:
    return sum(results[name] for name in ("complete", "partial", "failed", "skipped"))


def test_before_the_first_run_there_is_nothing_to_report() -> None:
    status = reported(world())
    assert (status["is_running"], status["status"], status["run_id"]) == (False, "idle", None)
    assert status["current_operation"] is status["elapsed_seconds"] is status["last_results"] is None


def test_a_verification_reports_what_it_compared_and_other_runs_do_not() -> None:
    system = world()
    system.collect(start=START, end=END, symbols=("BTCUSDT",))
    (before,) = reported(system)["last_results"]["details"]
    names = ("compared", "different", "repaired", "denied", "differences")
    assert [before[name] for name in names] == [None] * 5
    right = system.candles.lines[hourly("BTCUSDT"), START + 5]
    system.candles.lines[hourly("BTCUSDT"), START + 5] = wrong = f"1{right}"
    system.exchange.printed["BTCUSDT"] -= {START + 9}
    lacking = system.candles.lines[hourly("BTCUSDT"), START + 9]
    system.clock.advance(1)
    system.collect("verify", repair=True)
    results = reported(system)["last_results"]
    (found,) = results["details"]
    assert (results["mode"], results["total_records"]) == ("verify", 1)
    assert [found[name] for name in names] == [
        48,
        2,
        1,
        1,
        [
            {"open_time": "2025-05-01T05:00:00Z", "stored": wrong, "offered": right},
            {"open_time": "2025-05-01T09:00:00Z", "stored": lacking, "offered": None},
        ],
    ]


def test_a_symbol_says_how_many_candles_the_run_came_for() -> None:
    system = world()
    system.collect(start=START, end=START + 12, symbols=("BTCUSDT",))
    system.clock.advance(1)
    system.start(start=START, end=END, symbols=("BTCUSDT", "ETHUSDT"))
    wanted = [item["wanted_candles"] for item in reported(system)["last_results"]["details"]]
    assert wanted == [None, None]
    system.settle()
    details = reported(system)["last_results"]["details"]
    assert [(item["symbol"], item["wanted_candles"], item["records"]) for item in details] == [
        ("BTCUSDT", 36, 36),
        ("ETHUSDT", 48, 48),
    ]
    system.clock.advance(1)
    system.collect(start=START, end=END, symbols=("BTCUSDT",))
    (skipped,) = reported(system)["last_results"]["details"]
    assert (skipped["status"], skipped["wanted_candles"]) == ("skipped", 0)
    system.clock.advance(1)
    system.collect("verify", symbols=("BTCUSDT",))
    (verified,) = reported(system)["last_results"]["details"]
    assert (verified["compared"], verified["wanted_candles"]) == (48, 48)


def test_whoever_asks_often_leaves_the_windows_out() -> None:
    system = world()

    def fail(_: Asked) -> None:
        raise ExchangeUnavailableError(Failure("unavailable", "the exchange answered 503", 503, None, 4))

    system.exchange.before = fail
    system.collect(start=START, end=END, symbols=("BTCUSDT",))
    (whole,) = reported(system)["last_results"]["details"]
    (numbers,) = reported(system, most_windows=0)["last_results"]["details"]
    assert whole["missing"]
    assert numbers == {**whole, "missing": []}


def test_done_grows_with_each_symbol_and_adds_up_at_every_moment() -> None:
    system = world()
    run = system.start(start=START, end=END)
    for done in range(3):
        status = reported(system)
        assert (status["is_running"], status["current_operation"], status["run_id"]) == (True, "backward", run.run_id)
        progress, results = status["progress"], status["last_results"]
        assert (progress["done"], progress["total"]) == (done, 3)
        assert progress["percent"] == round(100 * done / 3, 1)
        assert outcomes(results) == done == results["complete"]
        assert results["total_records"] == done * 48
        assert len(results["details"]) == results["total_cryptos"] == 3
        system.clock.advance(10)
        system.deliver()
    status = reported(system)
    assert (status["is_running"], status["status"], status["progress"]["percent"]) == (False, "idle", 100)
    assert status["current_operation"] is status["elapsed_seconds"] is None
    assert status["progress"]["eta_seconds"] == 0


def test_the_time_left_is_that_of_the_estimate_until_something_is_done_and_computed_from_that_afterwards() -> None:
    system = world()
    run = system.start(start=START, end=END)
    assert reported(system)["progress"]["eta_seconds"] == run.estimated_seconds > 0
    system.deliver()
    system.clock.advance(30)
    assert (reported(system)["elapsed_seconds"], reported(system)["progress"]["eta_seconds"]) == (30, 60)


def test_a_symbol_that_lacks_something_says_what_and_why() -> None:
    system = world()

    def fail(requested: Asked) -> None:
        if requested.symbol == "ETHUSDT" and requested.start == START:
            raise ExchangeUnavailableError(Failure("unavailable", "the exchange answered 503", 503, -1008, 4))

    system.exchange.before = fail
    system.collect(start=START, end=END)
    (detail,) = [item for item in reported(system)["last_results"]["details"] if item["symbol"] == "ETHUSDT"]
    assert (detail["status"], detail["records"], detail["requests"], detail["retries"]) == ("partial", 24, 5, 3)
    assert detail["missing"] == [{"start": "2025-05-01T00:00:00Z", "end": "2025-05-02T00:00:00Z", "candles": 24}]
    assert detail["missing_candles"] == 24
    assert detail["error"] == {
        "kind": "unavailable",
        "message": "the exchange answered 503",
        "http_status": 503,
        "exchange_code": -1008,
        "attempts": 4,
    }


def test_that_a_run_waits_for_the_exchange_is_reported_with_the_time() -> None:
    system = world()
    system.start(start=START, end=END)
    system.rate_limiter.block(90, Failure("blocked", "banned", 418), now=system.clock.now(), seen=None)
    assert reported(system)["waiting_for_exchange_until"] == "2025-06-01T12:06:30Z"
    system.clock.advance(91)
    assert reported(system)["waiting_for_exchange_until"] is None


def test_a_run_waits_for_the_first_of_its_delayed_messages_while_nobody_is_at_work() -> None:
    system = world()
    run = system.start(start=START, end=END)
    now = system.clock.now()
    for symbol, seconds in (("BTCUSDT", 90), ("ETHUSDT", 60), ("SOLUSDT", 30)):
        record = system.record(run, symbol)
        system.runs.put_symbol(replace(record, due_at=now + timedelta(seconds=seconds)))
    system.runs.put_symbol(system.record(run, "SOLUSDT").ended(Outcome.FAILED))
    assert reported(system)["waiting_for_exchange_until"] == "2025-06-01T12:06:00Z"
    claimed = system.record(run, "BTCUSDT").claimed(1, now=now, until=now + timedelta(seconds=5))
    assert claimed is not None
    system.runs.put_symbol(claimed)
    assert reported(system)["waiting_for_exchange_until"] is None


def test_an_earlier_run_is_reported_by_its_id() -> None:
    system = world()
    first = system.collect(start=START, end=END)
    system.clock.advance(1)
    second = system.collect(start=START, end=END)
    assert reported(system)["run_id"] == second.run_id
    assert reported(system, first.run_id)["last_results"]["complete"] == 3
    assert reported(system, second.run_id)["last_results"]["skipped"] == 3
    with pytest.raises(NotFoundError):
        reported(system, "01ARZ3NDEKTSV4RRFFQ69G5FAV")


def test_while_a_run_is_written_the_one_before_is_not_taken_for_it() -> None:
    system = world()
    system.collect(start=START, end=END)
    system.leases.take(
        "01ARZ3NDEKTSV4RRFFQ69G5FAV", now=system.clock.now(), expires=system.clock.now() + timedelta(seconds=60)
    )
    assert reported(system)["is_running"] is False


def test_runs_are_listed_newest_first_and_page_by_page() -> None:
    system = world()
    ids = []
    for _ in range(5):
        ids.append(system.collect(start=START, end=END).run_id)
        system.clock.advance(1)
    seen: list[str] = []
    before: str | None = None
    while True:
        page = as_json(report_runs(limit=2, before=before, runs=system.runs))
        seen += [item["run_id"] for item in page["runs"]]
        before = page["next"]
        if before is None:
            break
    assert seen == ids[::-1]
    assert all(
        outcomes(item) == item["total_cryptos"]
        for item in as_json(report_runs(limit=9, before=None, runs=system.runs))["runs"]
    )


def test_a_page_that_is_not_full_is_the_last() -> None:
    system = world()
    system.collect(start=START, end=END)
    assert report_runs(limit=2, before=None, runs=system.runs).next is None


def test_a_run_that_was_never_written_whole_is_not_taken_for_the_last() -> None:
    system = world()
    ended = system.collect(start=START, end=END)
    system.clock.advance(1)
    with pytest.raises(Crash):  # among the symbols
        start_run(
            RunRequest("backward", ms_of_hour(START), ms_of_hour(END)), system.defaults, _dying_while_writing(system)
        )
    system.clock.advance(timedelta(days=2).total_seconds())
    assert reported(system)["run_id"] == ended.run_id


def _dying_while_writing(system: World) -> RunPorts:
    """Return ports whose process dies when it has written the run and one symbol."""
    create = system.runs.create

    def die(run: Run, records: Iterable[RunSeriesRecord]) -> None:
        create(run, list(records)[:1])
        raise Crash

    runs = copy.copy(system.runs)
    runs.create = die  # type: ignore[method-assign] # for this trigger
    return replace(system.run_ports(), runs=runs)


def test_a_run_over_its_time_is_the_active_one_until_it_has_ended() -> None:
    system = world()
    run = system.start(start=START, end=END)
    system.clock.advance(timedelta(days=2).total_seconds())
    assert (reported(system)["run_id"], reported(system)["is_running"]) == (run.run_id, True)
