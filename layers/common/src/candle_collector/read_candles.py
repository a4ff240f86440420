"""Stored candles for readers: which window a question in Binance's terms means, and its candles."""

from __future__ import annotations

from candle_collector.domain import dates
from candle_collector.domain.candle import Candle
from candle_collector.domain.window import HOUR_MS, Window
from candle_collector.ports import CandleStore

LIMIT_DEFAULT = 500
LIMIT_MOST = 1000

_LAST_HOUR = 2_000_000
"""An hour of the year 2198: behind every candle."""


def read_candles(
    store: CandleStore, symbol: str, *, start_ms: int | None, end_ms: int | None, limit: int
) -> list[Candle]:
    """Return stored candles as ``GET /api/v3/klines`` would: bounds are inclusive on the open time.

    With a start, the oldest from there on; without, the newest up to the end.

    Parameters
    ----------
    start_ms, end_ms
        Open times in ms since 1970 UTC.
    limit
        The most candles; more than 1000 are answered with 1000.
    """
    first = dates.EARLIEST if start_ms is None else max(dates.EARLIEST, start_ms // HOUR_MS)
    last = _LAST_HOUR if end_ms is None else min(_LAST_HOUR, end_ms // HOUR_MS)
    limit = min(limit, LIMIT_MOST)
    # an hour more at each end: a candle that opened off the hour may lie on either side of the bound
    found = store.candles(symbol, Window(first, last + 1), limit=limit + 1, newest=start_ms is None)
    kept = [
        candle
        for candle in found
        if (start_ms is None or candle.open_time_ms >= start_ms) and (end_ms is None or candle.open_time_ms <= end_ms)
    ]
    return kept[-limit:] if start_ms is None else kept[:limit]
