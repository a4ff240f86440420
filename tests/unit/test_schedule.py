"""Schedules: when they start something next, by EventBridge's own examples, and how five cron fields become one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from candle_collector.domain.schedule import longest_pause, next_occurrence, to_eventbridge

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
def test_what_cannot_be_known_is_reported_as_unknown(expression: str) -> None:
    assert next_occurrence(expression, MONDAY) is None


def test_occurrences_follow_each_other_as_the_expression_says() -> None:
    moment = datetime(2025, 12, 31, 12, tzinfo=UTC)
    reported = []
    for _ in range(5):
        found = next_occurrence("cron(5 0/6 * * ? *)", moment)
        assert found is not None
        reported.append(f"{found:%d %H:%M}")
        moment = found
    assert reported == ["31 12:05", "31 18:05", "01 00:05", "01 06:05", "01 12:05"]


@pytest.mark.parametrize(
    ("cron", "eventbridge"),
    [
        ("0 */6 * * *", "cron(0 0/6 * * ? *)"),
        ("5 */6 * * *", "cron(5 0/6 * * ? *)"),
        ("* * * * *", "cron(0/1 * * * ? *)"),
        ("*/15 * * * *", "cron(0/15 * * * ? *)"),
        ("*/1 * * * *", "cron(0/1 * * * ? *)"),
        ("30 2 * * 0", "cron(30 2 ? * 1 *)"),
        ("30 2 * * 7", "cron(30 2 ? * 1 *)"),
        ("30 2 * * sun", "cron(30 2 ? * 1 *)"),
        ("0 8 * * MON-FRI", "cron(0 8 ? * 2-6 *)"),
        ("0 8 * * 1-5", "cron(0 8 ? * 2-6 *)"),
        ("0 8 * * 5-7", "cron(0 8 ? * 6,7,1 *)"),
        ("0 8 * * 1,3,5", "cron(0 8 ? * 2,4,6 *)"),
        ("0 8 * * 1/2", "cron(0 8 ? * 2,4,6,1 *)"),
        ("0 8 * * */2", "cron(0 8 ? * 1/2 *)"),
        ("0 0 1 */3 *", "cron(0 0 1 1/3 ? *)"),
        ("0 0 1 JAN,jul *", "cron(0 0 1 1,7 ? *)"),
        ("0 9-17 * * *", "cron(0 9-17 * * ? *)"),
        ("0 9-17/4 * * *", "cron(0 9,13,17 * * ? *)"),
        ("0 3/6 * * *", "cron(0 3/6 * * ? *)"),
        ("  0   */6 * *   * ", "cron(0 0/6 * * ? *)"),
        ("cron(5 0/6 * * ? *)", "cron(5 0/6 * * ? *)"),
        ("rate(6 hours)", "rate(6 hours)"),
    ],
)
def test_cron_fields_become_eventbridges_expression(cron: str, eventbridge: str) -> None:
    assert to_eventbridge(cron) == eventbridge


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("60 * * * *", "minute"),
        ("0 24 * * *", "hour"),
        ("0 */0 * * *", "hour"),
        ("0 -1 * * *", "hour"),
        ("0 0 0 * *", "day of month"),
        ("0 0 1 13 *", "month"),
        ("0 0 1 FOO *", "month"),
        ("0 0 * * 8", "day of week"),
        ("0 0 * * FRI-MON", "day of week"),
        ("0 0 * * MON,", "day of week"),
        ("0 17-9 * * *", "hour"),
        ("\u0665 * * * *", "minute"),
        ("0 0 1 * 1", "two schedules"),
        ("0 */6 * *", "five cron fields"),
        ("@daily", "five cron fields"),
        ("", "five cron fields"),
        ("cron(0 0 * * ? *); x", "is wrong|five cron fields"),
    ],
)
def test_what_is_not_a_schedule_is_refused_by_name(wrong: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        to_eventbridge(wrong)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(5 0/6 * * ? *)", timedelta(hours=6)),
        ("rate(6 hours)", timedelta(hours=6)),
        ("rate(1 day)", timedelta(days=1)),
        ("cron(0 10,12 * * ? *)", timedelta(hours=22)),
        ("cron(0/15 * * * ? *)", timedelta(minutes=15)),
        ("cron(0/15 9-17 ? * MON-FRI *)", timedelta(days=2, hours=15, minutes=15)),
        ("cron(0 8 1 * ? *)", timedelta(days=31)),
        ("cron(0 0 1 JAN ? 2027)", None),
        ("cron(0 0 L * ? *)", None),
        ("", None),
    ],
)
def test_the_longest_pause_is_that_of_a_week_or_between_two_starts(expression: str, expected: timedelta | None) -> None:
    assert longest_pause(expression, MONDAY) == expected
