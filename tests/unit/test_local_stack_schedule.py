"""Five cron fields become EventBridge's expression, or are refused by the name of the field that is wrong."""

import pytest

from localstack.schedule import to_eventbridge


@pytest.mark.parametrize(
    ("cron", "eventbridge"),
    [
        ("0 */6 * * *", "cron(0 0/6 * * ? *)"),
        ("5 */6 * * *", "cron(5 0/6 * * ? *)"),
        ("*/15 * * * *", "cron(0/15 * * * ? *)"),
        ("*/1 * * * *", "cron(* * * * ? *)"),
        ("30 2 * * 0", "cron(30 2 ? * 1 *)"),
        ("30 2 * * 7", "cron(30 2 ? * 1 *)"),
        ("30 2 * * sun", "cron(30 2 ? * 1 *)"),
        ("0 8 * * MON-FRI", "cron(0 8 ? * 2-6 *)"),
        ("0 8 * * 1-5", "cron(0 8 ? * 2-6 *)"),
        ("0 8 * * 5-7", "cron(0 8 ? * 6,7,1 *)"),
        ("0 8 * * 1,3,5", "cron(0 8 ? * 2,4,6 *)"),
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
def test_what_is_no_schedule_is_refused_by_name(wrong: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        to_eventbridge(wrong)
