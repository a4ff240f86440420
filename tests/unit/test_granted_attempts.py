"""A turn asks no more than it was granted, retries included, and never again and again while it is refused."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Executor
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from candle_collector.domain.run import Failure, Outcome
from candle_collector.errors import ExchangeBlockedError, ExchangeRefusedError

from tests.fakes.clock import NOON
from tests.fakes.exchange import Asked
from tests.fakes.world import AtOnce, World
from tests.hourly import hour_of

SYMBOL = "BTCUSDT"
NOW = hour_of(NOON)
START = NOW - 2500
REFUSAL = Failure("refused", "another region", 451, attempts=1)


def world(symbols: int = 1, **exchange: Any) -> World:
    names = [SYMBOL, *(f"S{number}USDT" for number in range(symbols - 1))]
    return World({name: range(START, NOW + 1) for name in names}, **exchange)


@pytest.mark.parametrize("ahead", [None, AtOnce()], ids=["one by one", "prefetched"])
def test_retries_use_no_weight_that_nobody_granted(ahead: Executor | None) -> None:
    system = world(5, weight_limit=150)
    system.prefetch = ahead
    run = system.start(start=START, end=NOW - 1)
    system.exchange.retries = 3
    minutes: Counter[datetime] = Counter({NOON: 100})  # the market's
    made = system.exchange.attempts
    for _ in range(60):
        while system.deliver():
            pass
        minutes[system.clock.now().replace(second=0)] += (system.exchange.attempts - made) * 2
        made = system.exchange.attempts
        system.clock.advance(15)
    assert max(minutes.values()) <= 120
    assert {record.outcome for record in system.runs.symbols(run.run_id)} == {Outcome.COMPLETE}
    requests = sum(record.requests for record in system.runs.symbols(run.run_id))
    assert requests == sum(minutes.values()) // 2 - 50


def test_attempts_that_were_not_granted_are_not_counted() -> None:
    system = world(weight_limit=125)
    system.exchange.retries = 0
    run = system.start(start=START, end=NOW - 1)
    system.deliver()
    record = system.record(run)
    assert (record.requests, record.attempts, record.failure) == (0, 0, None)


def test_an_exchange_that_asks_to_wait_for_no_time_is_asked_ever_more_rarely() -> None:
    system = world()
    times = []

    def refuse(_: Asked) -> None:
        times.append(system.clock.now())
        raise ExchangeBlockedError(Failure("blocked", "429", 429, attempts=1), 0)

    system.exchange.before = refuse
    system.start(start=START, end=START + 24)
    while system.clock.now() < NOON + timedelta(hours=1):
        while system.deliver():
            pass
        system.clock.advance(1)
    waits = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    assert len(times) < 12
    assert waits[0] >= 5
    assert all(later >= 1.3 * earlier or later >= 900 for earlier, later in pairwise(waits))


def test_a_turn_that_finds_the_exchange_closed_neither_lengthens_a_ban_nor_counts_an_attempt() -> None:
    system = world(3)
    run = system.start(start=START, end=NOW - 1)
    system.rate_limiter.block(60, Failure("blocked", "429", 429, attempts=1), now=NOON, seen=None)
    before = system.rate_limiter.state()
    while system.deliver():
        pass
    assert system.rate_limiter.state() == before
    assert {record.requests for record in system.runs.symbols(run.run_id)} == {0}
    system.settle()
    assert system.record(run).outcome is Outcome.COMPLETE


def test_a_refusal_met_by_one_is_written_once_and_ends_the_others_without_a_request() -> None:
    system = world(3)

    def refuse(_: Asked) -> None:
        raise ExchangeRefusedError(REFUSAL)

    system.exchange.before = refuse
    run = system.start(start=START, end=NOW - 1)
    system.deliver()
    before = system.rate_limiter.state()
    assert before.refused_until == run.deadline
    system.settle()
    assert system.rate_limiter.state().refusal_id == before.refusal_id
    assert len(system.exchange.requested) == 1
    assert [record.requests for record in system.runs.symbols(run.run_id)] == [1, 0, 0]
