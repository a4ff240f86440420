"""What the rate limiter in front of the exchange promises."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from candle_collector.domain.rate_limit import RateLimiterState, Reservation
from candle_collector.domain.run import Failure
from candle_collector.errors import ExchangeBlockedError, ExchangeRefusedError
from candle_collector.ports import RateLimiter

NOW = datetime(2025, 6, 1, 12, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BAN = Failure("blocked", "the exchange banned us", 418, -1003, 1)
WAIT = Failure("blocked", "the exchange asked us to wait", 429, -1003, 1)
REFUSAL = Failure("refused", "another region", 451, None, 1)


def reserve(
    rate_limiter: RateLimiter, weight: int, period: int = 7, budget: int = 100, *, seconds: int = 60, least: int = 1
) -> Reservation:
    return rate_limiter.reserve(weight, period=period, period_seconds=seconds, budget=budget, now=NOW, least=least)


class RateLimiterContract:
    """Tests of whatever the fixture `rate_limiter` gives."""

    def test_a_rate_limiter_that_granted_nothing_is_open(self, rate_limiter: RateLimiter) -> None:
        assert rate_limiter.state() == rate_limiter.check(now=NOW) == RateLimiterState()

    # budget

    def test_weight_is_granted_until_the_budget_is_used_up(self, rate_limiter: RateLimiter) -> None:
        assert reserve(rate_limiter, 60) == Reservation(60, 60)
        assert reserve(rate_limiter, 30) == Reservation(30, 90)
        assert reserve(rate_limiter, 30) == Reservation(10, 100)
        assert reserve(rate_limiter, 30) == Reservation(0, 100)
        assert rate_limiter.state().reserved == 100

    def test_no_more_than_the_budget_is_granted_at_once(self, rate_limiter: RateLimiter) -> None:
        assert reserve(rate_limiter, 500) == Reservation(100, 100)
        assert reserve(rate_limiter, 2) == Reservation(0, 100)

    def test_less_than_is_of_use_is_not_reserved(self, rate_limiter: RateLimiter) -> None:
        reserve(rate_limiter, 70)
        assert reserve(rate_limiter, 80, least=80) == Reservation(0, 70)
        assert reserve(rate_limiter, 80, least=30) == Reservation(30, 100)
        assert reserve(rate_limiter, 80, period=8, budget=60, least=80).granted == 0

    def test_a_new_period_begins_from_nothing(self, rate_limiter: RateLimiter) -> None:
        reserve(rate_limiter, 100)
        assert reserve(rate_limiter, 40, period=8) == Reservation(40, 40)

    @pytest.mark.parametrize("behind", [1, 2, 5])
    def test_one_whose_clock_is_behind_reserves_what_the_others_have_left(
        self, rate_limiter: RateLimiter, behind: int
    ) -> None:
        reserve(rate_limiter, 90, period=28)
        assert reserve(rate_limiter, 40, period=28 - behind) == Reservation(10, 100)
        assert reserve(rate_limiter, 40, period=28) == Reservation(0, 100)
        assert rate_limiter.state().period == 28

    def test_two_clocks_that_differ_by_minutes_never_begin_each_others_budget_again(
        self, rate_limiter: RateLimiter
    ) -> None:
        granted = [reserve(rate_limiter, 100, period=period).granted for period in (100, 102) * 5]
        assert sum(granted) == 200

    def test_a_clock_that_was_wrong_by_hours_stops_nobody(self, rate_limiter: RateLimiter) -> None:
        reserve(rate_limiter, 100, period=7 + 24 * 60)
        assert reserve(rate_limiter, 40, period=7) == Reservation(40, 40)
        assert rate_limiter.state().period == 7

    def test_periods_of_another_length_are_begun_again(self, rate_limiter: RateLimiter) -> None:
        reserve(rate_limiter, 90, period=60_000)
        assert reserve(rate_limiter, 40, period=59_999, seconds=10) == Reservation(40, 40)

    @pytest.mark.parametrize("seed", range(4))
    def test_no_order_of_clocks_is_granted_more_than_the_budget_of_a_period(
        self, rate_limiter: RateLimiter, seed: int
    ) -> None:
        chance = random.Random(seed)
        granted: dict[int | None, int] = {}
        for step in range(60):
            period = 100 + step // 10 - chance.randrange(6)
            weight = reserve(rate_limiter, chance.randrange(1, 60), period=period).granted
            began = rate_limiter.state().period
            granted[began] = granted.get(began, 0) + weight
        assert max(granted.values()) <= 100

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

    # bans

    def test_a_ban_lasts_as_long_as_the_exchange_asked(self, rate_limiter: RateLimiter) -> None:
        assert rate_limiter.block(60, BAN, now=NOW, seen=None) == NOW + MINUTE
        with pytest.raises(ExchangeBlockedError) as caught:
            rate_limiter.check(now=NOW + timedelta(seconds=20))
        assert (caught.value.seconds, caught.value.failure) == (40, BAN)
        state = rate_limiter.check(now=NOW + MINUTE)
        assert (state.blocked_until, state.block_reason, state.blocks) == (NOW + MINUTE, BAN.message, 1)

    def test_nobody_reserves_during_a_ban(self, rate_limiter: RateLimiter) -> None:
        rate_limiter.block(60, BAN, now=NOW, seen=None)
        with pytest.raises(ExchangeBlockedError) as caught:
            reserve(rate_limiter, 2)
        assert (caught.value.seconds, caught.value.failure) == (60, BAN)
        assert rate_limiter.state().reserved == 0
        later = rate_limiter.reserve(2, period=7, period_seconds=60, budget=100, now=NOW + MINUTE)
        assert later.granted == 2

    def test_blocks_in_a_row_grow_whatever_the_exchange_asks_for(self, rate_limiter: RateLimiter) -> None:
        waits, now, seen = [], NOW, None
        for _ in range(4):
            until = rate_limiter.block(0, WAIT, now=now, seen=seen)
            waits.append((until - now).total_seconds())
            now = until
            seen = rate_limiter.check(now=now).block_id
        assert waits == [5, 10, 20, 40]
        assert rate_limiter.block(100, WAIT, now=now, seen=seen) == now + timedelta(seconds=100)

    def test_after_a_good_answer_the_next_block_is_the_first(self, rate_limiter: RateLimiter) -> None:
        rate_limiter.block(0, WAIT, now=NOW, seen=None)
        first = rate_limiter.state().block_id
        assert first is not None
        rate_limiter.block(0, WAIT, now=NOW + MINUTE, seen=first)
        second = rate_limiter.state()
        rate_limiter.answered(first)  # of a request that was on its way before the second block
        assert rate_limiter.state() == second
        assert second.block_id is not None
        rate_limiter.answered(second.block_id)
        assert rate_limiter.state().blocks == 0
        assert rate_limiter.state().blocked_until == second.blocked_until
        until = rate_limiter.block(0, WAIT, now=NOW + 2 * MINUTE, seen=second.block_id)
        assert until == NOW + 2 * MINUTE + timedelta(seconds=5)

    def test_workers_that_meet_one_block_together_do_not_let_it_grow(self, rate_limiter: RateLimiter) -> None:
        with ThreadPoolExecutor(8) as threads:
            ends = set(threads.map(lambda _: rate_limiter.block(0, WAIT, now=NOW, seen=None), range(8)))
        assert ends == {NOW + timedelta(seconds=5)}
        assert rate_limiter.state().blocks == 1

    def test_the_later_end_of_two_blocks_counts(self, rate_limiter: RateLimiter) -> None:
        rate_limiter.block(120, BAN, now=NOW, seen=None)
        assert rate_limiter.block(60, WAIT, now=NOW, seen=None) == NOW + 2 * MINUTE
        state = rate_limiter.state()
        assert (state.blocked_until, state.block_reason) == (NOW + 2 * MINUTE, BAN.message)
        assert rate_limiter.block(60, WAIT, now=NOW, seen=state.block_id) == NOW + 2 * MINUTE
        assert rate_limiter.block(180, WAIT, now=NOW, seen=None) == NOW + 3 * MINUTE
        assert rate_limiter.state().block_reason == WAIT.message

    # refusals

    def test_a_refusal_that_a_person_must_end_says_why(self, rate_limiter: RateLimiter) -> None:
        rate_limiter.refuse(NOW + MINUTE, REFUSAL)
        with pytest.raises(ExchangeRefusedError) as caught:
            rate_limiter.check(now=NOW)
        assert caught.value.failure == REFUSAL
        state = rate_limiter.check(now=NOW + MINUTE)
        assert (state.refused_until, state.refusal_reason) == (NOW + MINUTE, REFUSAL.message)
        assert state.blocked_until is None

    def test_a_later_end_of_a_refusal_stays(self, rate_limiter: RateLimiter) -> None:
        rate_limiter.refuse(NOW + 2 * MINUTE, REFUSAL)
        rate_limiter.refuse(NOW + MINUTE, REFUSAL)
        assert rate_limiter.state().refused_until == NOW + 2 * MINUTE
        rate_limiter.refuse(NOW + 3 * MINUTE, REFUSAL)
        assert rate_limiter.state().refused_until == NOW + 3 * MINUTE

    def test_an_answer_ends_the_refusal_that_was_known_before_it_and_no_newer_one(
        self, rate_limiter: RateLimiter
    ) -> None:
        rate_limiter.refuse(NOW + 2 * MINUTE, REFUSAL)
        known = rate_limiter.state().refusal_id
        assert known is not None
        rate_limiter.refuse(NOW + MINUTE, REFUSAL)
        rate_limiter.reopen(known)
        newer = rate_limiter.state().refusal_id
        assert newer not in {known, None}
        rate_limiter.reopen(str(newer))
        assert rate_limiter.check(now=NOW) == RateLimiterState()
        rate_limiter.reopen(known)

    def test_neither_a_ban_nor_a_refusal_hides_the_other(self, rate_limiter: RateLimiter) -> None:
        rate_limiter.block(7200, BAN, now=NOW, seen=None)
        rate_limiter.refuse(NOW + timedelta(hours=5), REFUSAL)
        with pytest.raises(ExchangeBlockedError):
            rate_limiter.check(now=NOW)
        with pytest.raises(ExchangeRefusedError):
            rate_limiter.check(now=NOW + timedelta(hours=3))
        rate_limiter.reopen(str(rate_limiter.state().refusal_id))
        with pytest.raises(ExchangeBlockedError) as caught:
            rate_limiter.check(now=NOW)
        assert caught.value.seconds == 7200
        assert rate_limiter.check(now=NOW + timedelta(hours=3)).refused_until is None

    # clock

    def test_the_exchanges_clock_is_kept_and_opens_nothing(self, rate_limiter: RateLimiter) -> None:
        reserve(rate_limiter, 40)
        rate_limiter.block(60, BAN, now=NOW, seen=None)
        rate_limiter.refuse(NOW + MINUTE, REFUSAL)
        before = rate_limiter.state()
        rate_limiter.note_clock(-1500)
        after = rate_limiter.state()
        assert after.clock_offset_ms == -1500
        assert (after.reserved, after.blocked_until, after.refused_until) == (
            before.reserved,
            before.blocked_until,
            before.refused_until,
        )
        rate_limiter.note_clock(0)
        assert rate_limiter.state() == before
