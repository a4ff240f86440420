"""When a schedule of EventBridge comes round next.

Source: the EventBridge user guide, "Cron expressions reference": six fields in UTC (minutes, hours, day of month,
month, day of week, year), days of the week from 1 = Sunday, `?` for "whichever" in one of the two day fields.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))
_NAMES: tuple[tuple[str, ...], ...] = ((), (), (), _MONTHS, _DAYS, ())
_LOOK_AHEAD_DAYS = 366 * 4 + 1
"""29 February comes round within them."""


def next_occurrence(expression: str, after: datetime) -> datetime | None:
    """Return the first minute later than `after` in which a cron expression starts something.

    None where that cannot be told: a rate counts from when its rule was made, L, W and # are not understood, and an
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
            _values(text, *bounds, names) for text, bounds, names in zip(found.groups(), _BOUNDS, _NAMES, strict=True)
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


def _values(text: str, least: int, most: int, names: tuple[str, ...]) -> list[int]:
    """Return the values that a field names, ascending.

    Raises
    ------
    ValueError
        It says something that this does not understand.
    """
    named: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        if span in {"*", "?"}:
            first, last = least, most
        else:
            low, _, high = span.partition("-")
            first = _number(low, least, names)
            last = _number(high, least, names) if high else (most if step else first)
        # A range may run over the end: FRI-MON.
        every = range(first, (last if last >= first else last + most - least + 1) + 1, int(step) if step else 1)
        named.update((value - least) % (most - least + 1) + least for value in every)
    return sorted(named)


def _number(text: str, least: int, names: tuple[str, ...]) -> int:
    return names.index(text) + least if text in names else int(text)
