"""Which stored candles answer a question about an interval: its own, or the longest ones that it can be made of."""

from __future__ import annotations

from typing import NamedTuple

from candle_collector.domain.aggregate import INTERVALS, AnyGrid, bases_of, grid_of
from candle_collector.domain.interval import Interval
from candle_collector.domain.market import Market
from candle_collector.domain.series import Series
from candle_collector.errors import IntervalNotServedError, NotFoundError
from candle_collector.ports import CandleStore, SeriesStore
from candle_collector.reading.stored_series import is_stored


class CandleSource(NamedTuple):
    """A stored series, and how its slots make up the candles that are asked for."""

    series: Series
    grid: AnyGrid


def source_of(
    symbol: str, interval: str, market: Market, records: SeriesStore, candles: CandleStore, *, shift_ms: int = 0
) -> CandleSource:
    """Return what candles of one of `INTERVALS` are read from: the longest stored interval that divides it.

    Parameters
    ----------
    shift_ms
        How long before UTC's the days of the longer intervals begin.

    Raises
    ------
    NotFoundError
        Nothing is stored of the symbol.
    IntervalNotServedError
        What is stored does not make up the interval; the message names the nearest that can be had.
    """
    for base in bases_of(interval, shift_ms):
        series = Series(symbol, base, market.name)
        if is_stored(series, records, candles):
            return CandleSource(series, _grid(series, interval, market, shift_ms, records))
    stored = [base for base in Interval if is_stored(Series(symbol, base, market.name), records, candles)]
    if not stored:
        raise NotFoundError(f"nothing is stored of {symbol}")
    raise IntervalNotServedError(
        f"{interval} of {symbol} cannot be made of what is stored, {_nearest(interval, stored)}"
    )


def _grid(base: Series, interval: str, market: Market, shift_ms: int, records: SeriesStore) -> AnyGrid:
    symbol, listed = base.symbol, None
    if interval == "3d":
        listed = market.listed_ms(symbol)
        listed = _proven(symbol, market, records) if listed is None else listed
    try:
        return grid_of(interval, base.interval, shift_ms, listed=listed)
    except ValueError as error:
        raise IntervalNotServedError(
            f"{error} here of {symbol}; collect it from a day before its listing (mode backward), or ask for another "
            "interval"
        ) from error


def _proven(symbol: str, market: Market, records: SeriesStore) -> int | None:
    """Return when the symbol's first candle began, in ms since 1970 UTC, where one of its series has proof of it."""
    for interval in sorted(Interval):
        listed = records.get(Series(symbol, interval, market.name)).listed
        if listed is not None:
            return interval.open_ms(listed)
    return None


def _nearest(interval: str, stored: list[Interval]) -> str:
    """Return what is stored, and the nearest intervals that it makes up, in words."""
    kept = ", ".join(map(str, stored))
    served = [name for name in INTERVALS if any(base in stored for base in bases_of(name))]
    at = INTERVALS.index(interval)
    shorter = [name for name in served if INTERVALS.index(name) < at][-1:]
    longer = [name for name in served if INTERVALS.index(name) > at][:1]
    return f"{kept}; the nearest that can be had: {' and '.join(shorter + longer)}"
