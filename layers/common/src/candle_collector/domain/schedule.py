"""Schedules: EventBridge's expressions, the cron fields that people write, and when a schedule starts something next.

EventBridge's cron has six fields in UTC (minutes, hours, day of month, month, day of week, year). It counts days of
the week from 1 = Sunday, needs `?` in one of the two day fields, and knows steps only with a start (`0/6`). Source:
the EventBridge user guide, "Cron expressions reference".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise

EXPRESSION = (
    r"(cron\([0-9][0-9/,-]* [0-9*/,-]+ ([0-9LW*/,-]+ [0-9A-Z*/,-]+ \?|\? [0-9A-Z*/,-]+ [0-9A-Z*/,#-]+) [0-9*/,-]+\)"
    r"|rate\((1 (minute|hour|day)|([2-9]|[1-9][0-9]+) (minutes|hours|days))\))"
)
"""What EventBridge takes as a schedule, as a pattern."""

_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_DAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_LOOK_AHEAD_DAYS = 366 * 4 + 1
"""29 February recurs within them."""

_WEEK = timedelta(days=7)
_STARTS_MOST = 700
"""Those of a schedule of a quarter of an hour in a week."""


@dataclass(frozen=True)
class _Field:
    """One field of a cron line: its name, its bounds, and the names that stand for numbers from the first on."""

    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Part:
    """One part of a field, of those that commas separate; the last value is below the first where a week wraps."""

    first: int
    last: int
    step: int


_MINUTE = _Field("minute", 0, 59)
_HOUR = _Field("hour", 0, 23)
_DAY = _Field("day of month", 1, 31)
_MONTH = _Field("month", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"))
_EVENTBRIDGE_FIELDS = (
    _MINUTE,
    _HOUR,
    _DAY,
    _MONTH,
    _Field("day of week", 1, 7, _DAY_NAMES),
    _Field("year", 1970, 2199),
)
_CRON_WEEKDAY = _Field("day of week", 0, 7, _DAY_NAMES)
"""cron's Sunday is 0 and 7."""
_CRON_FIELDS = (_MINUTE, _HOUR, _DAY, _MONTH, _CRON_WEEKDAY)


def next_occurrence(expression: str, after: datetime) -> datetime | None:
    """Return the first minute later than `after` in which a cron expression starts something.

    None where it is unknown: a rate counts from when its schedule was made, L, W and # are not understood, and an
    expression may name no time to come.

    Parameters
    ----------
    after
        An aware UTC time.
    """
    found = _CRON.fullmatch(expression)
    if found is None:
        return None
    try:
        minutes, hours, days, months, weekdays, years = (
            _values(text, field) for text, field in zip(found.groups(), _EVENTBRIDGE_FIELDS, strict=True)
        )
    except ValueError:
        return None
    earliest = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    midnight = earliest.replace(hour=0, minute=0)
    for day in (midnight + timedelta(days=number) for number in range(_LOOK_AHEAD_DAYS)):
        if not (day.year in years and day.month in months and day.day in days):
            continue
        if (day.isoweekday() % 7) + 1 not in weekdays:
            continue
        moments = (
            datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC) for hour in hours for minute in minutes
        )
        if (first := next((moment for moment in moments if moment >= earliest), None)) is not None:
            return first
    return None


@lru_cache(maxsize=8)  # asked for with each look at the archive's health
def longest_pause(expression: str, after: datetime) -> timedelta | None:
    """Return the longest time between two starts of a schedule in the week that follows, or between the next two.

    None where it is unknown, or where there are not two.

    Parameters
    ----------
    after
        An aware UTC time.
    """
    if rate := _RATE.fullmatch(expression):
        return timedelta(**{f"{rate[2]}s": int(rate[1])})
    starts: list[datetime] = []
    while len(starts) < _STARTS_MOST and (len(starts) < 2 or starts[-1] - starts[0] < _WEEK):  # noqa: PLR2004 - a pause has two ends
        following = next_occurrence(expression, starts[-1] if starts else after)
        if following is None:
            break
        starts.append(following)
    return max((later - earlier for earlier, later in pairwise(starts)), default=None)


def to_eventbridge(schedule: str) -> str:
    """Convert `0 */6 * * *` to `cron(0 0/6 * * ? *)`; an expression of EventBridge is returned as it is.

    Raises
    ------
    ValueError
        The schedule is neither; the message names the field that is wrong.
    """
    text = " ".join(schedule.split())
    if re.fullmatch(EXPRESSION, text):
        return text
    fields = text.split(" ")
    if len(fields) != len(_CRON_FIELDS):
        raise ValueError(
            f"{schedule!r} is not a schedule: write five cron fields such as '0 */6 * * *' "
            "(minute hour day month weekday), or EventBridge's cron(...) or rate(...)"
        )
    minute, hour, day, month, weekday = (
        ",".join(_written(part, field) for part in _parts(text, field))
        for text, field in zip(fields, _CRON_FIELDS, strict=True)
    )
    if minute == "*":  # EXPRESSION wants a digit first, lest `cron(* 6 * * ? *)` start sixty runs a day by mistake
        minute = "0/1"
    if day != "*" and weekday != "*":
        raise ValueError(
            f"{schedule!r} limits the day of month and the day of week: cron means either of them, "
            "which EventBridge cannot express; make it two schedules"
        )
    if weekday == "*":
        weekday = "?"
    else:
        day = "?"
    return f"cron({minute} {hour} {day} {month} {weekday} *)"


def _parts(text: str, field: _Field) -> list[_Part]:
    """Return the parts of a field.

    Raises
    ------
    ValueError
        A part names something other than the field's values.
    """
    return [_part(part, field) for part in text.split(",")]


def _part(text: str, field: _Field) -> _Part:
    base, slash, step = text.partition("/")
    if slash and not (step.isascii() and step.isdigit() and 1 <= int(step) <= field.last):
        raise _wrong(text, field)
    every = int(step) if slash else 1
    if base in {"*", "?"}:
        return _Part(field.first, field.last, every)
    low, dash, high = base.partition("-")
    first = _value(low, field)
    if dash:
        return _Part(first, _value(high, field), every)
    return _Part(first, field.last if slash else first, every)


def _value(text: str, field: _Field) -> int:
    if text.upper() in field.names:
        return field.names.index(text.upper()) + field.first
    if not (text.isascii() and text.isdigit() and field.first <= int(text) <= field.last):
        raise _wrong(text, field)
    return int(text)


def _values(text: str, field: _Field) -> list[int]:
    """Return the values that a field of EventBridge names, ascending."""
    count = field.last - field.first + 1
    named: set[int] = set()
    for part in _parts(text, field):
        # A range may run over the end: FRI-MON.
        last = part.last if part.last >= part.first else part.last + count
        named.update((value - field.first) % count + field.first for value in range(part.first, last + 1, part.step))
    return sorted(named)


def _written(part: _Part, field: _Field) -> str:
    """Return a part of a cron field as EventBridge writes it."""
    if part.first > part.last:
        raise _wrong(f"{part.first}-{part.last}", field)
    if (part.first, part.last, part.step) == (field.first, field.last, 1):
        return "*"
    first, last = _number(part.first, field), _number(part.last, field)
    if part.first == part.last:
        return first
    wraps = field is _CRON_WEEKDAY and part.last == field.last and part.first != field.first
    if part.step == 1 and not wraps:
        return f"{first}-{last}"
    if part.last == field.last and not wraps:
        return f"{first}/{part.step}"
    # As a list, because EventBridge has no step inside a range, and its week ends on Saturday.
    return ",".join(dict.fromkeys(_number(value, field) for value in range(part.first, part.last + 1, part.step)))


def _number(value: int, field: _Field) -> str:
    return str(value % 7 + 1) if field is _CRON_WEEKDAY else str(value)


def _wrong(text: str, field: _Field) -> ValueError:
    return ValueError(f"{text!r} is wrong for the {field.name} of a schedule ({field.first} to {field.last})")
