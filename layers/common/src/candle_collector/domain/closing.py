"""When an hour counts as closed."""

from __future__ import annotations

from candle_collector.domain.windows import HOUR_MS

CLOSE_MARGIN_MS = 1000
"""How long after its end an hour counts as closed; the exchange's Date header, cut to seconds, adds up to a second."""


def closed_end_at(now_ms: int) -> int:
    """Return the hour after the last one that had closed at `now_ms`, in ms since 1970 UTC."""
    return (now_ms - CLOSE_MARGIN_MS) // HOUR_MS
