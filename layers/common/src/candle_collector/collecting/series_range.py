"""Which hours of one series a run is about, by what the candle table holds and not by what was noted of it."""

from __future__ import annotations

from dataclasses import replace

from candle_collector.domain import windows
from candle_collector.domain.run import Mode, range_of
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window
from candle_collector.ports import CandleStore


def stored_range(mode: Mode, requested: Window, series: Series, candles: CandleStore) -> Window:
    """Return the hours of one series that a run with `mode` over `asked` is about, perhaps none.

    forward begins after the last candle that is in the table. The series' record may name a later one that has been
    lost since, with a table that was restored or whose items were deleted: it is believed only if its hour is there,
    which costs one item.
    """
    if mode == "forward" and series.first is not None and series.last is not None:
        noted = Window(series.last, series.last + 1)
        if not windows.contains(candles.coverage(series.symbol, noted).stored, series.last):
            newest = candles.candles(series.symbol, Window(series.first, series.last), limit=1, newest=True)
            series = replace(series, last=newest[-1].hour if newest else series.first - 1)
    return range_of(mode, requested, series)
