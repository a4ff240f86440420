"""Turns the five cron fields that people write into the schedule expression of EventBridge.

EventBridge's cron has six fields (minutes, hours, day of month, month, day of week, year), counts days of the week
from 1 = Sunday, wants `?` in one of the two day fields, and knows steps only with a start (`0/6`). Source: the
EventBridge user guide, "Cron expressions reference".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

EVENTBRIDGE = re.compile(r"(cron\([^()]+\)|rate\(\d+ (minutes?|hours?|days?)\))")
_DAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


@dataclass(frozen=True)
class _Field:
    """One field of a cron line: its name, its bounds, and the names that stand for numbers from the first on."""

    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()


_MINUTE = _Field("minute", 0, 59)
_HOUR = _Field("hour", 0, 23)
_DAY = _Field("day of month", 1, 31)
_MONTH = _Field("month", 1, 12, _MONTH_NAMES)
_WEEKDAY = _Field("day of week", 0, 7, _DAY_NAMES)
_FIELDS = (_MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY)


def to_eventbridge(schedule: str) -> str:
    """Convert `0 */6 * * *` to `cron(0 0/6 * * ? *)`; what is EventBridge's form already is passed through.

    Raises
    ------
    ValueError
        The schedule is neither; the message names the field that is wrong.
    """
    text = " ".join(schedule.split())
    if EVENTBRIDGE.fullmatch(text):
        return text
    fields = text.split(" ")
    if len(fields) != len(_FIELDS):
        raise ValueError(
            f"{schedule!r} is no schedule: five cron fields such as '0 */6 * * *' (minute hour day month weekday), "
            "or EventBridge's cron(...) or rate(...)"
        )
    minute, hour, day, month, weekday = (
        _convert(written, field) for written, field in zip(fields, _FIELDS, strict=True)
    )
    if day != "*" and weekday != "*":
        raise ValueError(
            f"{schedule!r} limits the day of month and the day of week: cron means either of them, "
            "which EventBridge cannot say; make it two schedules"
        )
    if weekday == "*":
        weekday = "?"
    else:
        day = "?"
    return f"cron({minute} {hour} {day} {month} {weekday} *)"


def _convert(written: str, field: _Field) -> str:
    return ",".join(_convert_part(part, field) for part in written.split(","))


def _convert_part(part: str, field: _Field) -> str:
    base, slash, step = part.partition("/")
    if slash and not (step.isascii() and step.isdigit() and 1 <= int(step) <= field.last):
        raise _wrong(part, field)
    if base == "*":
        # A step of one is every value; `*/6` counts from the field's first value.
        return f"{_number(field.first, field)}/{step}" if slash and int(step) > 1 else "*"
    first, dash, last = base.partition("-")
    begin = _value(first, field)
    if not dash:
        return f"{_number(begin, field)}/{step}" if slash else _number(begin, field)
    end = _value(last, field)
    if begin > end:
        raise _wrong(part, field)
    if slash or (field is _WEEKDAY and end == _WEEKDAY.last):
        # Spelled out: EventBridge has no step inside a range, and its week ends on Saturday.
        listed = dict.fromkeys(_number(value, field) for value in range(begin, end + 1, int(step or 1)))
        return ",".join(listed)
    return f"{_number(begin, field)}-{_number(end, field)}"


def _value(written: str, field: _Field) -> int:
    if written.upper() in field.names:
        return field.names.index(written.upper()) + field.first
    if not (written.isascii() and written.isdigit() and field.first <= int(written) <= field.last):
        raise _wrong(written, field)
    return int(written)


def _number(value: int, field: _Field) -> str:
    # cron's Sunday is 0 and 7, EventBridge's is 1.
    return str(value % 7 + 1) if field is _WEEKDAY else str(value)


def _wrong(written: str, field: _Field) -> ValueError:
    return ValueError(f"{written!r} is wrong for the {field.name} of a schedule ({field.first} to {field.last})")
