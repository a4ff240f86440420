"""Periods and budgets are those of the exchange's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from candle_collector.domain.weight_limit import WeightLimit

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "at", "period", "left"),
    [
        (60, 119.999, 1, 0.001),
        (60, 120, 2, 60),
        (10, 119, 11, 1),
    ],
)
def test_periods_are_counted_from_1970(seconds: int, at: float, period: int, left: float) -> None:
    limit = WeightLimit(6000, seconds)
    now = EPOCH + timedelta(seconds=at)
    assert limit.period_at(now) == period
    assert limit.seconds_left(now) == left


def test_a_budget_is_a_share_of_the_limit_rounded_down() -> None:
    assert WeightLimit(6000, 60).budget(80) == 4800
    assert WeightLimit(199, 60).budget(50) == 99
