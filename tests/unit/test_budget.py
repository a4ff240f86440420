"""A turn uses no weight that was not reserved, and none of a period that is over."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from candle_collector.collecting.budget import MOST_AT_ONCE, WeightBudget
from candle_collector.collecting.exchange_time import ExchangeTime
from candle_collector.domain.run import Failure
from candle_collector.domain.weight_limit import WeightLimit
from candle_collector.errors import ExchangeBlockedError, ExchangeRefusedError, OutOfTimeError
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.clock import NOON, FakeClock
from tests.fakes.exchange import FakeExchange
from tests.fakes.rate_limiter import FakeRateLimiter

LIMIT = WeightLimit(weight=100, seconds=60)
BAN = Failure("blocked", "banned", 418)
REFUSAL = Failure("refused", "another region", 451)


class Parts:
    """What a budget works with."""

    def __init__(self, share: int = 80) -> None:
        self.clock = FakeClock()
        self.rate_limiter = FakeRateLimiter()
        self.exchange = FakeExchange(self.clock, {})
        self.share = share

    def budget(self, *, despite_refusal: bool = False) -> WeightBudget:
        return WeightBudget(
            LIMIT,
            LIMIT.budget(self.share),
            2,
            rate_limiter=self.rate_limiter,
            time=ExchangeTime(self.clock, self.exchange, 0),
            despite_refusal=despite_refusal,
        )

    @property
    def reserved(self) -> int:
        return self.rate_limiter.state().reserved


def test_the_weight_of_the_whole_plan_is_reserved_at_once() -> None:
    parts = Parts()
    budget = parts.budget()
    granted = [budget.is_granted, budget.reserve(10), budget.is_granted]
    assert granted == [False, True, True]
    assert parts.reserved == 20
    for _ in range(9):
        budget.grant()
    assert budget.reserve(1)
    assert parts.reserved == 20


def test_of_a_plan_of_thousands_only_a_part_is_reserved() -> None:
    parts = Parts()
    budget = WeightBudget(
        WeightLimit(6000, 60),
        4800,
        2,
        rate_limiter=parts.rate_limiter,
        time=ExchangeTime(parts.clock, parts.exchange, 0),
    )
    assert budget.reserve(5000)
    assert parts.reserved == MOST_AT_ONCE * 2


def test_what_is_left_when_the_period_ends_is_reserved_again() -> None:
    parts = Parts()
    budget = parts.budget()
    budget.reserve(10)
    parts.clock.advance(budget.seconds_to_next_period())
    assert not budget.is_granted
    assert budget.reserve(1)
    assert parts.reserved == 2


def test_two_workers_together_stay_within_the_share() -> None:
    parts = Parts(share=10)
    first, second = parts.budget(), parts.budget()
    assert first.reserve(4)
    assert second.reserve(4)
    second.grant()
    assert not second.reserve(4)
    assert parts.reserved == 10


def test_an_attempt_without_weight_is_not_granted_before_the_next_minute() -> None:
    parts = Parts(share=4)
    budget = parts.budget()
    budget.grant()
    budget.grant()
    parts.clock.advance(20)
    with pytest.raises(OutOfTimeError) as caught:
        budget.grant()
    assert (caught.value.wait, caught.value.failure.kind) == (40, "budget")
    parts.clock.advance(40)
    budget.grant()


def test_a_clock_that_steps_back_a_little_keeps_what_was_granted() -> None:
    parts = Parts()
    budget = parts.budget()
    budget.reserve(10)
    parts.exchange.clock_offset_ms = -1000  # the exchange's answers say whole seconds only
    assert budget.is_granted
    assert budget.reserve(1)
    assert parts.reserved == 20


def test_threads_are_granted_no_more_than_is_reserved() -> None:
    parts = Parts()
    budget = parts.budget()
    barrier = threading.Barrier(8)

    def spend(_: int) -> int:
        barrier.wait()
        granted = 0
        for _ in range(10):
            try:
                budget.grant()
            except OutOfTimeError:
                break
            granted += 2
        return granted

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(spend, range(8))) == 80 == parts.reserved


def test_what_the_exchange_counts_raises_the_shared_figure_and_never_lowers_it() -> None:
    parts = Parts()
    budget = parts.budget()
    budget.reserve(10)
    for used in (None, 5, 50, 40):
        budget.observe(used)
    assert parts.reserved == 50


def test_a_block_is_passed_on_and_not_written_again() -> None:
    parts = Parts()
    parts.rate_limiter.block(3600, BAN, now=NOON, seen=None)
    budget = parts.budget()
    before = parts.rate_limiter.state()
    for ask in (lambda: budget.reserve(1), budget.grant):
        with pytest.raises(ExchangeBlockedError) as caught:
            ask()
        assert budget.block(caught.value) == 3600
    assert parts.rate_limiter.state() == before


def test_blocks_that_follow_each_other_grow_until_an_answer_is_good() -> None:
    parts = Parts()
    budget = parts.budget()
    waits = []
    for good in (False, False, True, False):
        budget.grant()
        if good:
            budget.observe(None)
            budget.grant()
        waits.append(budget.block(ExchangeBlockedError(BAN, 0)))
        parts.clock.advance(waits[-1])
    assert waits == [5, 10, 5, 10]


def test_a_refusal_stops_all_but_those_who_are_to_find_out() -> None:
    parts = Parts()
    budget = parts.budget()
    budget.refuse(ExchangeRefusedError(REFUSAL), NOON + timedelta(hours=5))
    with pytest.raises(ExchangeRefusedError) as caught:
        budget.grant()
    before = parts.rate_limiter.state()
    budget.refuse(caught.value, NOON + timedelta(hours=9))
    assert parts.rate_limiter.state() == before
    parts.budget(despite_refusal=True).grant()
    parts.rate_limiter.block(60, BAN, now=NOON, seen=None)
    with pytest.raises(ExchangeBlockedError):
        parts.budget(despite_refusal=True).grant()


def test_all_moments_are_by_the_exchanges_clock() -> None:
    parts = Parts()
    parts.exchange.clock_offset_ms = 3_600_000
    budget = parts.budget()
    budget.grant()
    budget.block(ExchangeBlockedError(BAN, 60))
    budget.refuse(ExchangeRefusedError(REFUSAL), NOON + timedelta(hours=2))
    state = parts.rate_limiter.state()
    assert state.period == LIMIT.period_at(NOON + timedelta(hours=1))
    assert state.blocked_until == NOON + timedelta(hours=1, seconds=60)
    assert state.refused_until == NOON + timedelta(hours=3)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(-5, 0), st.integers(0, 200), st.integers(1, 60)),
        min_size=1,
        max_size=60,
    )
)
def test_clocks_that_differ_by_five_periods_are_granted_no_more_than_the_budget_of_one(
    steps: list[tuple[int, int, int, int]],
) -> None:
    rate_limiter, now, granted = FakeRateLimiter(), NOON, dict[int | None, int]()
    for passed, behind, used, weight in steps:
        now += timedelta(seconds=30 * passed)
        period = LIMIT.period_at(now) + behind
        got = rate_limiter.reserve(weight, period=period, period_seconds=60, budget=100, now=now).granted
        began = rate_limiter.state().period
        granted[began] = granted.get(began, 0) + got
        rate_limiter.observe(min(used, 100), period=period)
    assert max(granted.values()) <= 100


@given(st.integers(0, 10**7), st.sampled_from([1, 10, 60]))
def test_the_next_period_begins_after_the_seconds_left(ms: int, seconds: int) -> None:
    limit = WeightLimit(100, seconds)
    now = NOON + timedelta(milliseconds=ms)
    left = limit.seconds_left(now)
    assert 0 < left <= seconds
    assert limit.period_at(now + timedelta(seconds=left)) == limit.period_at(now) + 1
    assert limit.period_at(now + timedelta(seconds=left) - timedelta(milliseconds=2)) == limit.period_at(now)
