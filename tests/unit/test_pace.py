"""How long a run takes by its requests, how long it may take, and what is left of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from candle_collector.domain.pace import DEADLINE_MARGIN, DEADLINE_MOST, Pace, seconds_left, time_allowed
from candle_collector.domain.weight_limit import WeightLimit
from hypothesis import given
from hypothesis import strategies as st

BINANCE = WeightLimit(6000, 60)
LEAST = timedelta(hours=5)


def test_a_year_of_minutes_of_100_symbols_takes_what_the_weight_allows() -> None:
    requests = 100 * 527  # 525,600 candles each, of which a request brings 998
    many = Pace(BINANCE, 80, workers=1000)
    assert many.seconds(requests, 2 * requests) / 60 == pytest.approx(2 * requests / 4800)
    assert many.seconds(requests, 2 * requests) / 60 == pytest.approx(21.96, abs=0.01)


def test_a_smaller_share_and_a_smaller_limit_take_longer() -> None:
    assert Pace(BINANCE, 8, workers=1000).seconds(4800, 9600) == pytest.approx(1200)
    assert Pace(WeightLimit(600, 60), 80, workers=1000).seconds(4800, 9600) == pytest.approx(1200)
    assert Pace(WeightLimit(6000, 600), 80, workers=1000).seconds(4800, 9600) == pytest.approx(1200)
    assert Pace(WeightLimit(10, 60), 1, workers=1000).seconds(1, 2) == pytest.approx(120), "a weight a minute at least"


def test_few_workers_are_slower_than_the_limit() -> None:
    assert Pace(BINANCE, 80, workers=5).seconds(10_000, 20_000) == pytest.approx(700)
    assert Pace(BINANCE, 80, workers=50).seconds(10_000, 20_000) == pytest.approx(250)


def test_a_deadline_grows_once_twice_the_estimate_is_more_than_every_run_has() -> None:
    assert time_allowed(0, LEAST) == LEAST
    assert time_allowed(2 * 3600, LEAST) == LEAST
    assert time_allowed(3 * 3600, LEAST) == timedelta(hours=6, minutes=30)
    assert time_allowed(3 * 3600, timedelta(hours=24)) == timedelta(hours=24)
    assert time_allowed(300 * 24 * 3600, LEAST) == DEADLINE_MOST


@given(st.integers(0, 6 * 24 * 3600))
def test_whoever_keeps_to_the_estimate_has_twice_that_and_a_margin(estimated: int) -> None:
    assert time_allowed(estimated, LEAST) >= timedelta(seconds=2 * estimated) + DEADLINE_MARGIN


def test_what_is_left_is_by_the_estimate_until_a_series_is_done() -> None:
    assert seconds_left(estimated=100, elapsed=30, done=0, total=4) == 70
    assert seconds_left(estimated=100, elapsed=100, done=0, total=4) is None
    assert seconds_left(estimated=100, elapsed=30, done=1, total=4) == 90
    assert seconds_left(estimated=100, elapsed=500, done=4, total=4) == 0
