"""The dates that people write: strict, UTC, and inclusive; as times they are ms since 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from candle_collector.domain.interval import DAY_MS, moment_at, ms_of

_LAST_MS = ms_of(datetime(9999, 12, 31, 23, tzinfo=UTC))

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)


def start_of(text: str) -> int:
    """Return the time of a date or timestamp: candles that open at or after it are meant.

    Raises
    ------
    ValueError
        It is neither ``2025-01-01`` nor ``2025-01-01T00:00:00Z``, or no day of the calendar.
    """
    if not (_DATE.fullmatch(text) or _TIMESTAMP.fullmatch(text)):
        raise ValueError("takes a UTC date such as 2025-01-31 or a timestamp such as 2025-01-31T12:00:00Z")
    try:
        start = ms_of(datetime.fromisoformat(text[:19]).replace(tzinfo=UTC))
    except ValueError:
        raise ValueError(f"{text} is not a day of the calendar or no time of a day") from None
    if start > _LAST_MS:
        raise ValueError(f"{text} is after the last hour of the calendar")
    return start


def end_of(text: str) -> int:
    """Return the time before which candles open that are meant: a date includes its day, a timestamp itself.

    Raises
    ------
    ValueError
        As `start_of`.
    """
    return start_of(text) + (DAY_MS if _DATE.fullmatch(text) else 1)


def format_start(start_ms: int) -> str:
    """Return a start as people write it: a date where it is midnight, else a timestamp."""
    return format_ms(start_ms)[:10] if start_ms % DAY_MS == 0 else format_ms(start_ms)


def format_end(end_ms: int) -> str:
    """Return an end, which is not included, as people write it: the date of a whole last day, else the last second."""
    return format_ms(end_ms - DAY_MS)[:10] if end_ms % DAY_MS == 0 else format_ms(end_ms - 1)


def format_ms(ms: int) -> str:
    """Return a time in ms as ``2025-01-31T12:00:00Z``."""
    return format_moment(moment_at(ms))


def format_moment(moment: datetime) -> str:
    """Return a moment as the API says it, to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
