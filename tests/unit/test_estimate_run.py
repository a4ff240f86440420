"""A run's estimate when it starts: as long as its dry run says, and a deadline that it can be done by."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from candle_collector.collecting.control_run import retry_run
from candle_collector.collecting.plan_run import plan_run
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.collecting.start_run import start_run
from candle_collector.domain.run import Failure, Mode, Run
from candle_collector.errors import ExchangeUnavailableError

from tests.fakes.exchange import listing
from tests.fakes.world import World
from tests.hourly import first_hour_of, hours, ms_of_hour

START = first_hour_of("2024-03-01")
END = first_hour_of("2025-03-01")
NOW = first_hour_of("2025-06-01") + 12
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


def world(*, batch_size: int = 1000) -> World:
    """Return an exchange at which the weight of requests is what binds, so that an estimate counts each of them."""
    system = World(dict.fromkeys(SYMBOLS, range(START, NOW + 1)), weight_limit=200)
    system.defaults = replace(system.defaults, collection_start=ms_of_hour(START), batch_size=batch_size)
    return system


def assert_as_planned(system: World, request: RunRequest) -> Run:
    """Start what a dry run has planned, compare the two, and return the run when it has ended."""
    system.clock.advance(60)  # another minute, with a budget of its own
    plan = plan_run(request, system.defaults, system.run_ports(), system.candles)
    run = start_run(request, system.defaults, system.run_ports())
    assert run is not None
    assert run.estimated_seconds / 60 == pytest.approx(plan.estimated_minutes, abs=0.02)
    system.settle()
    return system.ended(run.run_id)


@pytest.mark.parametrize("mode", ["backward", "forward", "gap_fill", "verify"])
def test_a_start_estimates_what_its_dry_run_plans(mode: Mode) -> None:
    system = world()
    assert_as_planned(system, RunRequest("backward", *hours(START, END)))
    assert_as_planned(system, RunRequest(mode, sample=50 if mode == "verify" else 100))
    assert_as_planned(system, RunRequest(mode))


def test_what_is_stored_before_and_behind_the_range_is_not_taken_for_a_part_of_it() -> None:
    system = world(batch_size=100)
    for start, end in ((START, START + 2000), (END - 1000, END)):
        assert_as_planned(system, RunRequest("backward", *hours(start, end)))
    run = assert_as_planned(system, RunRequest("backward", *hours(START + 1000, END - 500)))
    assert run.estimated_seconds > 60


def test_a_forward_run_does_not_count_the_hole_between_what_is_stored() -> None:
    system = world(batch_size=100)
    for start, end in ((START, START + 10), (NOW - 10, NOW)):
        assert_as_planned(system, RunRequest("backward", *hours(start, end)))
    assert assert_as_planned(system, RunRequest("forward")).estimated_seconds < 60


def test_what_is_proven_to_have_no_candle_is_not_counted_unless_it_is_asked_for_again() -> None:
    system = world(batch_size=100)
    before = RunRequest("backward", *hours(START - 5000, START + 10))
    first = assert_as_planned(system, before)
    assert assert_as_planned(system, before).estimated_seconds < first.estimated_seconds / 2
    assert_as_planned(system, replace(before, recheck=True))


def test_a_delisted_symbol_is_asked_for_no_more_until_it_trades_again() -> None:
    system = World({"OLDUSDT": range(START, START + 100)}, listings=(listing("OLDUSDT", "BREAK"),), weight_limit=200)
    system.defaults = replace(system.defaults, batch_size=100)
    request = RunRequest("backward", *hours(START, END), symbols=("OLDUSDT",))
    for _ in range(3):
        assert_as_planned(system, request)
    system.exchange.listings = (listing("OLDUSDT"),)
    system.clock.advance(60)
    assert assert_as_planned(system, request).estimated_seconds > 60


def test_a_plan_of_hours_has_a_deadline_behind_it_and_one_of_minutes_that_of_every_run() -> None:
    system = world()
    short = system.collect(start=START, end=START + 100)
    assert short.deadline - short.created_at == timedelta(hours=5)
    system.exchange.weight_limit = 1  # the least share is a weight a period
    system.exchange.weight_seconds = 1200
    system.clock.advance(60)
    long = system.start(start=START, end=END)
    assert long.estimated_seconds > 5 * 3600
    assert long.deadline - long.created_at == timedelta(seconds=2 * long.estimated_seconds, minutes=30)


def test_a_long_first_collection_ends_whole_and_not_by_the_clock() -> None:
    system = world()
    system.defaults = replace(
        system.defaults, deadline=timedelta(hours=1), batch_size=10, collection_start=ms_of_hour(END)
    )
    system.exchange.weight_limit = 24
    run = system.start(start=END, end=NOW)
    assert run.estimated_seconds > 3600
    while system.runs.open_runs():
        while system.deliver():
            pass
        system.clock.advance(20)
        system.tend()
    ended = system.ended(run.run_id)
    assert ended.ended_at is not None
    assert ended.ended_at - run.created_at > timedelta(hours=1)
    assert (ended.end_reason, ended.counts and ended.counts["complete"]) == (None, 3)


def test_a_retry_has_an_estimate_and_a_deadline_of_its_own() -> None:
    system = world()

    def fail(_: object) -> None:
        raise ExchangeUnavailableError(Failure("unavailable", "down"))

    system.exchange.before = fail
    failed = system.collect(start=START, end=END)
    system.exchange.before = None
    again = retry_run(failed.run_id, system.defaults, system.run_ports())
    requests = 3 * math.ceil((END - START) / 998)
    assert again.estimated_seconds == pytest.approx((2 * requests + 20) / 160 * 60, abs=1)
