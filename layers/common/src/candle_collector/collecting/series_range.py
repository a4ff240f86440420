"""Which hours of one series a run is about, by what the candle table holds and not by what was noted of it."""

from __future__ import annotations

from dataclasses import replace

from candle_collector.domain.repaired_series import repair
from candle_collector.domain.run import Mode
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window
from candle_collector.ports import CandleStore


def stored_range(mode: Mode, requested: Window, series: Series, candles: CandleStore) -> Window:
    """Return the hours of one series that a run with `mode` over `requested` is about, perhaps none.

    backward takes the range as requested, and reads nothing. forward begins after the last stored candle, which is a
    query of one item. gap_fill stays between the first and the last candle, by two such queries, and between those that
    the record names; verify stays between the stored ones alone, as there is nothing else to compare.
    """
    if mode == "backward":
        return requested
    last = candles.last_hour(series.symbol)
    if mode == "forward":
        return _after(last, requested, series)
    first = None if last is None else candles.first_hour(series.symbol)
    if mode == "verify":
        series = replace(series, first=first, last=last)
    known = repair(series, first, last)
    return requested.clip(known.span) if known.span.hours else Window(requested.start, requested.start)


def _after(last: int | None, requested: Window, series: Series) -> Window:
    """Return the hours after the last stored candle."""
    if last is not None:
        start = last + 1
    elif series.first is not None:
        start = series.first
    else:
        return requested
    return Window(start, max(start, requested.end))
