"""The dates that people write: strict, UTC, and inclusive."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from candle_collector.domain import windows

EARLIEST = windows.hour_of(datetime(2017, 1, 1, tzinfo=UTC))
"""No candle is older: Binance opened in July 2017."""

_LAST = windows.hour_of(datetime.max.replace(tzinfo=UTC))

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)


def start_of(text: str) -> int:
    """Return the first hour that opens at or after a date or timestamp.

    Raises
    ------
    ValueError
        It is neither ``2025-01-01`` nor ``2025-01-01T00:00:00Z``, or no day of the calendar, or no hour opens after it.
    """
    hour = -(-_seconds(text) // 3600)
    if hour > _LAST:
        raise ValueError(f"{text} is after the last hour of the calendar")
    return hour


def end_of(text: str) -> int:
    """Return the hour after the last that is meant: a date includes its day, a timestamp what opens at or before it.

    Raises
    ------
    ValueError
        As `start_of`.
    """
    if _DATE.fullmatch(text):
        return _seconds(text) // 3600 + windows.HOURS_A_DAY
    return _seconds(text) // 3600 + 1


def _seconds(text: str) -> int:
    if not (_DATE.fullmatch(text) or _TIMESTAMP.fullmatch(text)):
        raise ValueError("takes a UTC date such as 2025-01-31 or a timestamp such as 2025-01-31T12:00:00Z")
    try:
        moment = datetime.fromisoformat(text[:19]).replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"{text} is not a day of the calendar or no time of a day") from None
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)


def format_start(start: int) -> str:
    """Return a start as people write it: a date where it is midnight, else a timestamp."""
    return windows.day_of(start) if start % windows.HOURS_A_DAY == 0 else format_hour(start)


def format_end(end: int) -> str:
    """Return an end as people write it: the date of a whole last day, else when the last candle opens."""
    return windows.day_of(end - 1) if end % windows.HOURS_A_DAY == 0 else format_hour(end - 1)


def format_hour(hour: int) -> str:
    """Return the moment an hour opens as ``2025-01-31T12:00:00Z``."""
    return windows.moment_of(hour).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_moment(moment: datetime) -> str:
    """Return a moment as the API says it, to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
