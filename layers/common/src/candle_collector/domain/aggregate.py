"""Candles of longer intervals, made of hourly ones as Binance makes them.

Binance builds a candle of 1d from the same trades as its 24 hours: the first open, the last close, the extremes, and
sums. Hours that were never printed hold no trades, so a candle around them is built from what is there. Held against
1,271 recorded daily candles: docs/reading.md says the five that differ, all of them in the exchange's own sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Context, Decimal
from functools import reduce
from itertools import groupby
from typing import NamedTuple

from candle_collector.domain.candle import Candle, trim
from candle_collector.domain.windows import Window

INTERVAL_HOURS = {"1h": 1, "2h": 2, "4h": 4, "6h": 6, "8h": 8, "12h": 12, "1d": 24}
"""The intervals that hours make up within a day. 3d and 1w count from days of their own, 1M has no fixed length."""

_EXACT = Context(prec=60)
"""Far more digits than sums of a day's volumes have, so that none is rounded."""


class Grid(NamedTuple):
    """How time is cut into buckets: their hours, and how many hours their days begin before UTC's."""

    hours: int = 1
    shift: int = 0

    def floor(self, hour: int) -> int:
        """Return the first hour of the bucket that `hour` lies in."""
        return (hour + self.shift) // self.hours * self.hours - self.shift

    def ceil(self, hour: int) -> int:
        """Return the first hour of the earliest bucket that begins at or after `hour`."""
        return self.floor(hour + self.hours - 1)

    def bucket(self, hour: int) -> Window:
        """Return the hours of the bucket that `hour` lies in."""
        start = self.floor(hour)
        return Window(start, start + self.hours)


HOURLY = Grid()


def by_bucket(candles: Iterable[Candle], grid: Grid) -> Iterator[tuple[Window, list[Candle]]]:
    """Yield the buckets that hold candles, and their candles, both ascending like `candles`."""
    for start, group in groupby(candles, key=lambda candle: grid.floor(candle.hour)):
        yield Window(start, start + grid.hours), list(group)


def merge(bucket: Window, candles: Sequence[Candle]) -> Candle:
    """Return the candle of a bucket; its `hour` is the bucket's first.

    Parameters
    ----------
    candles
        All that were printed in the bucket, ascending, at least one.
    """
    return Candle(
        bucket.start,
        open=candles[0].open,
        high=max((candle.high for candle in candles), key=Decimal),
        low=min((candle.low for candle in candles), key=Decimal),
        close=candles[-1].close,
        volume=_sum(candle.volume for candle in candles),
        quote_volume=_sum(candle.quote_volume for candle in candles),
        trade_count=sum(candle.trade_count for candle in candles),
        taker_base=_sum(candle.taker_base for candle in candles),
        taker_quote=_sum(candle.taker_quote for candle in candles),
    )


def _sum(decimals: Iterable[str]) -> str:
    return trim(f"{reduce(_EXACT.add, map(Decimal, decimals)):f}")
