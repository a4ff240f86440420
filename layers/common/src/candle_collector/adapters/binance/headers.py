"""What the headers of the exchange's answers say: its clock, how long not to ask, and the weight that it counts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from candle_collector.adapters.binance.bounded_http import HttpAnswer
from candle_collector.adapters.binance.rows import WrongAnswerError

BLOCK_MOST = timedelta(days=3)
"""The longest ban there is (rest-api.md)."""


def date_of(answer: HttpAnswer) -> datetime | None:
    """Return the exchange's clock by the Date header, in UTC and to the second; None without a valid one."""
    return _http_date(answer.headers.get("Date", ""))


def clock_ms(answer: HttpAnswer) -> int:
    """Return the exchange's clock by the Date header, in ms.

    Raises
    ------
    WrongAnswerError
        There is no valid one.
    """
    date = date_of(answer)
    if date is None:
        raise WrongAnswerError("the answer has no Date, so nothing says which candles had closed")
    return round(date.timestamp() * 1000)


def retry_after(answer: HttpAnswer, now: datetime) -> float | None:
    """Return the seconds of Retry-After, of either form of RFC 9110; None where they are missing or negative.

    Parameters
    ----------
    now
        Our clock: a date counts from the answer's own Date, and from this only where it has none.
    """
    text = answer.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d+", text, re.ASCII):
        digits = text.lstrip("0")
        return float(digits or 0) if len(digits) < 10 else BLOCK_MOST.total_seconds()  # noqa: PLR2004 - 30 years
    end = _http_date(text)
    if end is None:
        return None
    seconds = (end - (date_of(answer) or now)).total_seconds()
    return seconds if seconds >= 0 else None


def used_weight(answer: HttpAnswer) -> int | None:
    """Return the weight that the exchange counts for this address in this minute; None where it does not say."""
    text = answer.headers.get("X-MBX-USED-WEIGHT-1M", "")
    return int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else None


def _http_date(text: str) -> datetime | None:
    """Return a header's date in UTC, which it is in without a zone; None where it is not a date."""
    try:
        date = parsedate_to_datetime(text)
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
