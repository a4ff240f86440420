"""A turn uses no weight that was not reserved, and none of a period that is over."""

from __future__ import annotations

from datetime import timedelta

import pytest
from candle_collector.collecting.budget import WeightBudget
from candle_collector.domain.run import Failure
from candle_collector.domain.weight_limit import WeightLimit
from candle_collector.errors import ExchangeBlockedError
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.clock import NOON, FakeClock
from tests.fakes.rate_limiter import FakeRateLimiter

LIMIT = WeightLimit(weight=100, seconds=60, clock_offset_ms=0)


class Parts:
    """What a budget works with."""

    def __init__(self, share: int = 80) -> None:
        self.clock = FakeClock()
        self.rate_limiter = FakeRateLimiter()
        self.share = share

    def budget(self) -> WeightBudget:
        return WeightBudget(LIMIT, self.share, 2, rate_limiter=self.rate_limiter, clock=self.clock)


def test_the_weight_of_the_whole_plan_is_reserved_at_once() -> None:
    parts = Parts()
    budget = parts.budget()
    granted = [budget.is_granted, budget.reserve(10), budget.is_granted]
    assert granted == [False, True, True]
    assert parts.rate_limiter.state().reserved == 20
    budget.spend(9)
    assert budget.reserve(1)
    assert parts.rate_limiter.state().reserved == 20


def test_what_is_left_when_the_period_ends_is_reserved_again() -> None:
    parts = Parts()
    budget = parts.budget()
    budget.reserve(10)
    parts.clock.advance(budget.seconds_to_next_period())
    assert not budget.is_granted
    assert budget.reserve(1)
    assert parts.rate_limiter.state().reserved == 2


def test_two_workers_together_stay_within_the_share() -> None:
    parts = Parts(share=10)
    first, second = parts.budget(), parts.budget()
    assert first.reserve(4)
    assert second.reserve(4)
    second.spend(1)
    assert not second.reserve(4)
    assert parts.rate_limiter.state().reserved == 10


def test_what_the_exchange_counts_raises_the_shared_figure_and_never_lowers_it() -> None:
    parts = Parts()
    budget = parts.budget()
    budget.reserve(10)
    for used in (None, 5, 50, 40):
        budget.observe(used)
    assert parts.rate_limiter.state().reserved == 50


def test_a_block_is_passed_on() -> None:
    parts = Parts()
    parts.rate_limiter.block(NOON + timedelta(hours=1), Failure("blocked", "banned", 418))
    with pytest.raises(ExchangeBlockedError):
        parts.budget().reserve(1)


@given(st.integers(0, 10**7), st.integers(-300_000, 300_000), st.sampled_from([1, 10, 60]))
def test_the_next_period_begins_after_the_seconds_left(ms: int, offset: int, seconds: int) -> None:
    limit = WeightLimit(100, seconds, offset)
    now = NOON + timedelta(milliseconds=ms)
    left = limit.seconds_left(now)
    assert 0 < left <= seconds
    assert limit.period_at(now + timedelta(seconds=left)) == limit.period_at(now) + 1
    assert limit.period_at(now + timedelta(seconds=left) - timedelta(milliseconds=2)) == limit.period_at(now)
