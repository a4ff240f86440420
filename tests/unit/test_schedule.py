"""When a schedule comes round next: by EventBridge's own examples and rules."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from candle_collector.domain.schedule import next_occurrence

MONDAY = datetime(2025, 6, 2, 12, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(5 0/6 * * ? *)", "2025-06-02T18:05"),
        ("cron(5 12 * * ? *)", "2025-06-03T12:05"),
        ("cron(6 12 * * ? *)", "2025-06-02T12:06"),
        ("cron(35 3 ? * SUN *)", "2025-06-08T03:35"),
        ("cron(35 3 ? * 1 *)", "2025-06-08T03:35"),
        ("cron(0 10 * * ? *)", "2025-06-03T10:00"),
        ("cron(0 18 ? * MON-FRI *)", "2025-06-02T18:00"),
        ("cron(0 8 1 * ? *)", "2025-07-01T08:00"),
        ("cron(0/15 * * * ? *)", "2025-06-02T12:15"),
        ("cron(15,45 6-18/2 ? * MON-FRI *)", "2025-06-02T12:15"),
        ("cron(0 0 29 FEB ? *)", "2028-02-29T00:00"),
        ("cron(0 0 1 JAN ? 2027)", "2027-01-01T00:00"),
        ("cron(0 12 ? * FRI-MON *)", "2025-06-06T12:00"),
        ("cron(59 23 31 12 ? *)", "2025-12-31T23:59"),
    ],
)
def test_the_next_time_is_the_first_minute_after_now_that_the_fields_name(expression: str, expected: str) -> None:
    assert next_occurrence(expression, MONDAY) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "expression",
    ["rate(6 hours)", "", "cron(0 0 L * ? *)", "cron(0 8 ? * 2#1 *)", "cron(0 0 1 1 ? 2020)", "cron(0 0 31 2 ? *)"],
)
def test_what_cannot_be_told_is_told_as_unknown(expression: str) -> None:
    assert next_occurrence(expression, MONDAY) is None


def test_occurrences_follow_each_other_as_the_expression_says() -> None:
    moment = datetime(2025, 12, 31, 12, tzinfo=UTC)
    told = []
    for _ in range(5):
        found = next_occurrence("cron(5 0/6 * * ? *)", moment)
        assert found is not None
        told.append(f"{found:%d %H:%M}")
        moment = found
    assert told == ["31 12:05", "31 18:05", "01 00:05", "01 06:05", "01 12:05"]
