"""When an hour counts as closed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from candle_collector.domain.windows import HOUR_MS

CLOSE_MARGIN_MS = 1000
"""How long after its end an hour counts as closed; the exchange's Date header, cut to seconds, adds up to a second."""


def closed_end_at(now_ms: int) -> int:
    """Return the hour after the last one that had closed at `now_ms`, in ms since 1970 UTC."""
    return (now_ms - CLOSE_MARGIN_MS) // HOUR_MS


def lag_hours(newest: Iterable[int | None], now: datetime, *, clock_offset_ms: int) -> int | None:
    """Return how many closed hours the newest stored candle is behind; None while nothing is stored.

    Parameters
    ----------
    newest
        The hour of each series' newest stored candle.
    clock_offset_ms
        How far the exchange's clock was ahead of ours, in ms: of two clocks, the one that is behind counts.
    """
    latest = max((hour for hour in newest if hour is not None), default=None)
    if latest is None:
        return None
    closed_end = closed_end_at(round(now.timestamp() * 1000) + min(0, clock_offset_ms))
    return max(0, closed_end - 1 - latest)
