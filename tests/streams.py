"""Candles of one series month by month, as exports read them."""

from __future__ import annotations

from collections.abc import Iterator

from candle_collector.domain.aggregate import AS_STORED, AnyGrid
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window
from candle_collector.ports import CandleStore, SeriesStore
from candle_collector.reading.stored_series import stored_series
from candle_collector.reading.stream_candles import Month, stream_series


def stream_months(
    candles: CandleStore, records: SeriesStore, series: Series, within: Window, *, grid: AnyGrid = AS_STORED
) -> Iterator[Month]:
    """Yield the candles of a series that open in a window of times, in ms since 1970 UTC."""
    yield from stream_series(candles, stored_series(records.get(series), candles), within, grid=grid)
