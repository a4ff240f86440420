"""Columns as the candles that they are of."""

from __future__ import annotations

from candle_collector.domain.candle import Candle
from candle_collector.domain.candle_columns import CandleColumns


def candles_in(columns: CandleColumns) -> list[Candle]:
    """Return the candles, which have the columns' fields in the same order."""
    return [Candle._make(row) for row in zip(*columns, strict=True)]
