"""What the rate limiter in front of the exchange promises."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from candle_collector.domain.run import Failure
from candle_collector.errors import ExchangeBlockedError, ExchangeRefusedError
from candle_collector.ports import RateLimiter, RateLimiterState, Reservation

NOW = datetime(2025, 6, 1, 12, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BAN = Failure("blocked", "the exchange banned us", 418, -1003, 1)
REFUSAL = Failure("refused", "another region", 451, None, 1)


def reserve(rate_limiter: RateLimiter, weight: int, period: int = 7, budget: int = 100) -> Reservation:
    return rate_limiter.reserve(weight, period=period, budget=budget, now=NOW)


class RateLimiterContract:
    """Tests of whatever the fixture `rate_limiter` gives."""

    def test_a_rate_limiter_that_granted_nothing_is_open(self, rate_limiter: RateLimiter) -> None:
        assert rate_limiter.state() == RateLimiterState()

    def test_weight_is_granted_until_the_budget_is_used_up(self, rate_limiter: RateLimiter) -> None:
        assert reserve(rate_limiter, 60) == Reservation(60, 60)
        assert reserve(rate_limiter, 30) == Reservation(30, 90)
        assert reserve(rate_limiter, 30) == Reservation(10, 100)
        assert reserve(rate_limiter, 30) == Reservation(0, 100)
        assert rate_limiter.state().reserved == 100

    def test_no_more_than_the_budget_is_granted_at_once(self, rate_limiter: RateLimiter) -> None:
        assert reserve(rate_limiter, 500) == Reservation(100, 100)
        assert reserve(rate_limiter, 2) == Reservation(0, 100)

    def test_a_new_period_begins_from_nothing(self, rate_limiter: RateLimiter) -> None:
        reserve(rate_limiter, 100)
        assert reserve(rate_limiter, 40, period=8) == Reservation(40, 40)

    def test_one_whose_clock_is_a_period_behind_does_not_begin_it_again(self, rate_limiter: RateLimiter) -> None:
        reserve(rate_limiter, 90, period=8)
        assert reserve(rate_limiter, 40, period=7).granted == 0
        assert reserve(rate_limiter, 40, period=8) == Reservation(10, 100)

    def test_periods_of_another_length_are_begun_again(self, rate_limiter: RateLimiter) -> None:
        reserve(rate_limiter, 90, period=60_000)
        assert reserve(rate_limiter, 40, period=1000) == Reservation(40, 40)

    def test_what_the_exchange_counts_raises_the_figure_and_never_lowers_it(self, rate_limiter: RateLimiter) -> None:
        reserve(rate_limiter, 40)
        rate_limiter.observe(70, period=7)
        rate_limiter.observe(50, period=7)
        rate_limiter.observe(99, period=6)
        assert reserve(rate_limiter, 40) == Reservation(30, 100)

    def test_what_is_observed_before_anything_is_reserved_is_accepted(self, rate_limiter: RateLimiter) -> None:
        rate_limiter.observe(70, period=7)
        assert reserve(rate_limiter, 40).granted == 40

    def test_many_at_once_reserve_no_more_than_the_budget(self, rate_limiter: RateLimiter) -> None:
        with ThreadPoolExecutor(8) as threads:
            granted = sum(threads.map(lambda _: reserve(rate_limiter, 9).granted, range(20)))
        assert granted == rate_limiter.state().reserved <= 100

    def test_a_look_at_the_rate_limiter_says_whether_it_is_closed_and_reserves_nothing(
        self, rate_limiter: RateLimiter
    ) -> None:
        rate_limiter.check(now=NOW)
        rate_limiter.block(NOW + MINUTE, BAN)
        with pytest.raises(ExchangeBlockedError) as caught:
            rate_limiter.check(now=NOW)
        assert (caught.value.seconds, caught.value.failure) == (60, BAN)
        rate_limiter.check(now=NOW + MINUTE)
        rate_limiter.block(NOW + 2 * MINUTE, REFUSAL, permanent=True)
        with pytest.raises(ExchangeRefusedError):
            rate_limiter.check(now=NOW)
        assert rate_limiter.state().reserved == 0

    def test_nobody_reserves_while_the_rate_limiter_is_closed(self, rate_limiter: RateLimiter) -> None:
        rate_limiter.block(NOW + MINUTE, BAN)
        with pytest.raises(ExchangeBlockedError) as caught:
            reserve(rate_limiter, 2)
        assert (caught.value.seconds, caught.value.failure) == (60, BAN)
        assert rate_limiter.reserve(2, period=7, budget=100, now=NOW + MINUTE).granted == 2

    def test_a_rate_limiter_that_a_person_must_open_says_why(self, rate_limiter: RateLimiter) -> None:
        rate_limiter.block(NOW + MINUTE, REFUSAL, permanent=True)
        with pytest.raises(ExchangeRefusedError) as caught:
            reserve(rate_limiter, 2)
        assert caught.value.failure == REFUSAL
        assert rate_limiter.state().permanent

    def test_the_later_end_of_two_blocks_counts(self, rate_limiter: RateLimiter) -> None:
        rate_limiter.block(NOW + 2 * MINUTE, BAN)
        rate_limiter.block(NOW + MINUTE, REFUSAL)
        state = rate_limiter.state()
        assert (state.blocked_until, state.reason) == (NOW + 2 * MINUTE, BAN.message)
        rate_limiter.block(NOW + 3 * MINUTE, REFUSAL)
        assert rate_limiter.state().blocked_until == NOW + 3 * MINUTE

    def test_an_answer_of_the_exchange_opens_it_and_says_its_clock(self, rate_limiter: RateLimiter) -> None:
        reserve(rate_limiter, 40)
        rate_limiter.block(NOW + MINUTE, BAN, permanent=True)
        rate_limiter.open(-1500)
        assert rate_limiter.state() == RateLimiterState(reserved=40, period=7, clock_offset_ms=-1500)
        assert reserve(rate_limiter, 2).granted == 2
