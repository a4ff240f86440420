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
from candle_collector.domain.windows import HOURS_A_DAY, Window, hour_of, moment_of

INTERVAL_HOURS = {"1h": 1, "2h": 2, "4h": 4, "6h": 6, "8h": 8, "12h": 12, "1d": 24}
"""The intervals that hours make up within a day."""

INTERVALS = (*INTERVAL_HOURS, "3d", "1w", "1M")
"""All that are made of hours."""

_WEEK_HOURS = 168
_MONDAY = 96
"""The hour at which 1970-01-05 began: Binance's weeks begin on Mondays."""

_THREE_DAYS_HOURS = 72
_LONGEST_MONTH_HOURS = 31 * HOURS_A_DAY

_EXACT = Context(prec=60)
"""Far more digits than sums of a day's volumes have, so that none is rounded."""


class Grid(NamedTuple):
    """How time is cut into buckets of one length.

    Attributes
    ----------
    hours
        The length.
    shift
        How many hours the buckets' days begin before UTC's.
    origin
        An hour of the shifted time at which a bucket begins.
    """

    hours: int = 1
    shift: int = 0
    origin: int = 0

    def floor(self, hour: int) -> int:
        """Return the first hour of the bucket that `hour` lies in."""
        return hour - (hour + self.shift - self.origin) % self.hours

    def ceil(self, hour: int) -> int:
        """Return the first hour of the earliest bucket that begins at or after `hour`."""
        return self.floor(hour + self.hours - 1)

    def bucket(self, hour: int) -> Window:
        """Return the hours of the bucket that `hour` lies in."""
        start = self.floor(hour)
        return Window(start, start + self.hours)


class MonthGrid(NamedTuple):
    """How time is cut into months of the calendar, whose days begin `shift` hours before UTC's."""

    shift: int = 0

    @property
    def hours(self) -> int:
        """The most that a month has."""
        return _LONGEST_MONTH_HOURS

    def floor(self, hour: int) -> int:
        """Return the first hour of the month that `hour` lies in."""
        return self.bucket(hour).start

    def ceil(self, hour: int) -> int:
        """Return the first hour of the earliest month that begins at or after `hour`."""
        month = self.bucket(hour)
        return hour if month.start == hour else month.end

    def bucket(self, hour: int) -> Window:
        """Return the hours of the month that `hour` lies in."""
        first = moment_of(hour + self.shift).replace(day=1, hour=0)
        next_year, month = divmod(first.month, 12)
        after = first.replace(year=first.year + next_year, month=month + 1)
        return Window(hour_of(first) - self.shift, hour_of(after) - self.shift)


AnyGrid = Grid | MonthGrid

HOURLY = Grid()


def grid_of(interval: str, shift: int = 0, *, listed: int | None = None) -> AnyGrid:
    """Return the buckets of one of `INTERVALS`, as Binance cuts them.

    Binance counts 3d from the day on which a symbol was listed: of 20 symbols recorded in January 2026, each began at
    its own listing, and kept to every third day from there (docs/reading.md).

    Parameters
    ----------
    shift
        How many hours the buckets' days begin before UTC's.
    listed
        The hour of the symbol's first candle, for 3d.

    Raises
    ------
    ValueError
        It is 3d, and the listing is not known.
    """
    if interval == "1M":
        return MonthGrid(shift)
    if interval == "1w":
        return Grid(_WEEK_HOURS, shift, _MONDAY)
    if interval != "3d":
        return Grid(INTERVAL_HOURS[interval], shift)
    if listed is None:
        raise ValueError("3d is counted from the day of the listing, which is not known")
    return Grid(_THREE_DAYS_HOURS, shift, (listed + shift) // HOURS_A_DAY * HOURS_A_DAY)


def by_bucket(candles: Iterable[Candle], grid: AnyGrid) -> Iterator[tuple[Window, list[Candle]]]:
    """Yield the buckets that hold candles, and their candles, both ascending like `candles`."""
    for start, group in groupby(candles, key=lambda candle: grid.floor(candle.hour)):
        yield grid.bucket(start), list(group)


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
