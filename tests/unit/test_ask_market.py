"""The market is asked for within the budget, once a minute for all, and not at all while the exchange wants it so."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from candle_collector import answers
from candle_collector.collecting.plan_run import plan_run
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.domain.run import Failure
from candle_collector.domain.windows import Window
from candle_collector.errors import (
    CollectorError,
    ExchangeBlockedError,
    ExchangeRefusedError,
    ExchangeUnavailableError,
    MarketUnavailableError,
)
from candle_collector.ports import MarketAnswers, MarketListings

from tests.fakes.clock import NOON
from tests.fakes.world import Crash, World
from tests.hourly import hour_of, times_of

NOW = hour_of(NOON)
START = NOW - 100
DAY = RunRequest("backward", *times_of(Window(START, START + 24)))
BAN = Failure("blocked", "the exchange banned us", 418)
REFUSAL = Failure("refused", "another region", 451)
MINUTE = timedelta(minutes=1)


def world() -> World:
    return World({name: range(START, NOW + 1) for name in ("BTCUSDT", "ETHUSDT")})


def plan(system: World, request: RunRequest = DAY) -> answers.Plan:
    return plan_run(request, system.defaults, system.run_ports(), system.candles)


def during(system: World, happens: Callable[[], None]) -> None:
    """Let something happen while the exchange answers with its listings."""
    fetch = system.exchange.fetch_market

    def slow(*, grant: Callable[[], None]) -> MarketListings:
        market = fetch(grant=grant)
        happens()
        return market

    system.exchange.fetch_market = slow  # type: ignore[method-assign] # stands in for one method


# once a minute for all


def test_a_hundred_dry_runs_in_a_minute_ask_once() -> None:
    system = world()
    plans = [plan(system) for _ in range(100)]
    assert plans == plans[:1] * 100
    assert (system.exchange.market_asked, system.exchange.volumes_asked) == (1, 1)
    assert system.rate_limiter.state().reserved == 100


def test_a_dry_run_does_not_end_the_count_of_blocks() -> None:
    system = world()
    now, blocked = system.clock.now(), Failure("blocked", "429")
    system.rate_limiter.block(5, blocked, now=now, seen=None)
    system.clock.advance(60)
    plan(system)
    assert system.rate_limiter.state().blocks == 1
    system.clock.advance(120)
    system.start(start=START, end=START + 24)
    assert system.rate_limiter.state().blocks == 0


def test_fifty_dry_runs_at_once_ask_once() -> None:
    system = world()
    system.sleep = lambda _: time.sleep(0.05)
    during(system, lambda: time.sleep(0.2))
    with ThreadPoolExecutor(50) as threads:
        plans = list(threads.map(lambda _: plan(system), range(50)))
    assert plans == plans[:1] * 50
    assert (system.exchange.market_asked, system.exchange.volumes_asked) == (1, 1)


def test_a_start_takes_what_a_dry_run_brought_and_notes_the_clock() -> None:
    system = world()
    system.exchange.clock_offset_ms = -1500
    plan(system)
    assert system.rate_limiter.state().clock_offset_ms == 0
    run = system.start()
    assert system.exchange.market_asked == 1
    assert run.clock_offset_ms == system.rate_limiter.state().clock_offset_ms == -1500


def test_answers_of_more_than_a_minute_ago_are_asked_for_again() -> None:
    system = world()
    plan(system)
    system.clock.advance(59)
    plan(system)
    assert system.exchange.market_asked == 1
    system.clock.advance(1)
    plan(system)
    assert system.exchange.market_asked == 2


def test_volumes_are_asked_for_only_where_they_are_needed() -> None:
    system = world()
    named = replace(DAY, symbols=("ETHUSDT",))
    plan(system, named)
    assert (system.exchange.market_asked, system.exchange.volumes_asked) == (1, 0)
    assert system.rate_limiter.state().reserved == 20
    assert plan(system).total_cryptos == 2
    plan(system, named)
    assert (system.exchange.market_asked, system.exchange.volumes_asked) == (1, 1)


def test_a_process_that_dies_while_it_asks_stops_the_others_for_seconds_only() -> None:
    system = world()

    def die() -> None:
        raise Crash

    fetch = system.exchange.fetch_market
    during(system, die)
    ports = system.run_ports()
    system.market_cache.release = lambda _: None  # type: ignore[method-assign,assignment] # a dead process ends nothing
    with pytest.raises(Crash):
        plan_run(DAY, system.defaults, ports, system.candles)
    system.exchange.fetch_market = fetch  # type: ignore[method-assign] # as it was
    with pytest.raises(MarketUnavailableError, match="somebody else"):
        plan(system)
    assert plan(system)


def test_a_process_that_waits_for_anothers_answers_takes_them() -> None:
    system = world()
    now = system.clock.now()
    claim = system.market_cache.claim(now=now, until=now + timedelta(seconds=10))
    market = MarketListings(system.exchange.listings, 6000, 60, 0)
    volumes: Mapping[str, Decimal] = {"ETHUSDT": Decimal(1)}
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            system.market_cache.put(MarketAnswers(market, volumes, now))
            system.market_cache.release(str(claim))

    system.sleep = sleep
    assert plan(system)
    assert waited == [0.25] * 3
    assert system.exchange.market_asked == 0


def test_answers_that_cannot_be_kept_are_used_all_the_same() -> None:
    system = world()

    def fail(*_: Any) -> None:
        raise CollectorError("the item is too large")

    system.market_cache.put = fail  # type: ignore[method-assign,assignment] # stands in for one method
    system.market_cache.release = fail  # type: ignore[method-assign,assignment] # the same
    assert system.start().symbols


# within the budget


def test_each_attempt_is_granted_before_it_is_made() -> None:
    system = world()
    system.exchange.retries = 3
    plan(system)
    assert system.exchange.attempts == 8
    assert system.rate_limiter.state().reserved == 4 * 20 + 4 * 80


def test_without_weight_for_all_of_it_nothing_is_asked_and_the_wait_is_said() -> None:
    system = world()
    period = int(NOON.timestamp()) // 60
    system.rate_limiter.reserve(4701, period=period, period_seconds=60, budget=4800, now=NOON)
    system.clock.advance(15)
    with pytest.raises(MarketUnavailableError, match="try again in 45 s"):
        system.start()
    assert system.exchange.attempts == 0
    system.clock.advance(45)
    system.start()


def test_retries_that_use_up_the_weight_end_with_the_wait() -> None:
    system = world()
    system.exchange.retries = 50
    with pytest.raises(MarketUnavailableError, match="try again in 60 s"):
        system.start()
    assert system.rate_limiter.state().reserved <= 4800
    assert system.leases.holder(system.clock.now()) is None


def test_a_limit_too_small_for_the_market_itself_does_not_forbid_every_start() -> None:
    system = world()
    system.exchange.weight_limit = 5
    for _ in range(3):
        plan(system)
        system.clock.advance(60)
    assert system.exchange.market_asked == 3


# bans


def test_while_the_exchange_asks_us_to_wait_nobody_asks_and_the_time_is_said() -> None:
    system = world()
    plan(system)
    system.rate_limiter.block(300, BAN, now=NOON, seen=None)
    for ask in (lambda: plan(system), system.start):
        with pytest.raises(MarketUnavailableError, match="2025-06-01T12:10:00Z"):
            ask()
    system.clock.advance(300)
    system.start()
    assert system.exchange.market_asked == 2


def test_the_end_of_a_ban_is_said_by_our_clock() -> None:
    system = world()
    system.exchange.clock_offset_ms = -3_600_000
    system.rate_limiter.block(300, BAN, now=NOON - timedelta(hours=1), seen=None)
    with pytest.raises(MarketUnavailableError, match="2025-06-01T12:10:00Z"):
        system.start()


def test_a_ban_met_here_is_passed_on_grows_and_ends_with_a_good_answer() -> None:
    system = world()
    waits = []
    for _ in range(3):
        system.exchange.market_error = ExchangeBlockedError(BAN, 0)
        with pytest.raises(MarketUnavailableError, match="asked us to wait until"):
            system.start()
        until = system.rate_limiter.state().blocked_until
        assert until is not None
        waits.append((until - system.clock.now()).total_seconds())
        system.clock.advance(waits[-1])
    assert waits == [5, 10, 20]
    system.exchange.market_error = None
    system.start()
    assert system.rate_limiter.state().blocks == 0


def test_an_answer_does_not_end_a_ban_that_came_meanwhile() -> None:
    for ask in (plan, World.start):
        system = world()
        during(system, lambda system=system: system.rate_limiter.block(120, BAN, now=NOON, seen=None))  # type: ignore[misc] # bound here
        with pytest.raises(MarketUnavailableError):
            ask(system)
        with pytest.raises(ExchangeBlockedError):
            system.rate_limiter.check(now=NOON)
        assert system.exchange.volumes_asked == 0


# refusals


def test_a_dry_run_does_not_ask_an_exchange_that_refuses_us_and_says_why() -> None:
    system = world()
    plan(system)
    system.rate_limiter.refuse(NOON + timedelta(hours=5), REFUSAL)
    before = system.rate_limiter.state()
    with pytest.raises(MarketUnavailableError, match="another region"):
        plan(system)
    assert system.exchange.market_asked == 1
    assert system.rate_limiter.state() == before


def test_a_start_asks_an_exchange_that_refused_us_although_answers_are_new_and_its_answer_ends_the_refusal() -> None:
    system = world()
    plan(system)
    system.rate_limiter.refuse(NOON + timedelta(hours=5), REFUSAL)
    system.start()
    assert system.exchange.market_asked == 2
    assert system.rate_limiter.state().refused_until is None


def test_a_start_that_is_refused_itself_ends_no_refusal() -> None:
    system = world()
    system.rate_limiter.refuse(NOON + timedelta(hours=5), REFUSAL)
    before = system.rate_limiter.state()
    for error in (ExchangeRefusedError(REFUSAL), ExchangeUnavailableError(Failure("unavailable", "another region"))):
        system.exchange.market_error = error
        with pytest.raises(MarketUnavailableError, match="another region"):
            system.start()
        after = system.rate_limiter.state()
        assert (after.refusal_id, after.refused_until) == (before.refusal_id, before.refused_until)


def test_an_answer_does_not_end_a_refusal_that_came_after_it_was_asked_for() -> None:
    system = world()
    system.rate_limiter.refuse(NOON + MINUTE, REFUSAL)
    during(system, lambda: system.rate_limiter.refuse(NOON + timedelta(hours=5), REFUSAL))
    system.start()
    assert system.rate_limiter.state().refused_until == NOON + timedelta(hours=5)


def test_a_refusal_does_not_hide_a_ban() -> None:
    system = world()
    system.rate_limiter.block(7200, BAN, now=NOON, seen=None)
    system.rate_limiter.refuse(NOON + timedelta(hours=5), REFUSAL)
    with pytest.raises(MarketUnavailableError, match="asked us to wait"):
        system.start()
    with pytest.raises(MarketUnavailableError, match="asked us to wait"):
        plan(system)
    assert system.exchange.market_asked == 0
