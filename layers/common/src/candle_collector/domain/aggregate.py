"""Candles of longer intervals, made of shorter ones as Binance makes them.

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
from candle_collector.domain.interval import DAY_MS, HOUR_MS, MINUTE_MS, Interval
from candle_collector.domain.windows import Window, Windows, union

LENGTHS_MS = {
    **{f"{minutes}m": minutes * MINUTE_MS for minutes in (1, 3, 5, 15, 30)},
    **{f"{hours}h": hours * HOUR_MS for hours in (1, 2, 4, 6, 8, 12)},
    "1d": DAY_MS,
}
"""The intervals of at most a day, ascending, and their length."""

INTERVALS = (*LENGTHS_MS, "3d", "1w", "1M")
"""All that are read: Binance's, without 1s."""

_DAYS = {"3d": 3, "1w": 7}
_MONDAY_MS = 4 * DAY_MS
"""1970-01-05: Binance's weeks begin on Mondays."""

_LONGEST_MONTH_DAYS = 31

_EXACT = Context(prec=60)
"""Far more digits than sums of a month's volumes have, so that none is rounded."""


class Grid(NamedTuple):
    """How the slots of an interval are put into buckets of one length.

    Attributes
    ----------
    slots
        The length.
    shift
        How many slots the buckets' days begin before UTC's.
    origin
        A slot of the shifted time at which a bucket begins.
    """

    slots: int = 1
    shift: int = 0
    origin: int = 0

    def floor(self, slot: int) -> int:
        """Return the first slot of the bucket that `slot` lies in."""
        return slot - (slot + self.shift - self.origin) % self.slots

    def ceil(self, slot: int) -> int:
        """Return the first slot of the earliest bucket that begins at or after `slot`."""
        return self.floor(slot + self.slots - 1)

    def bucket(self, slot: int) -> Window:
        """Return the slots of the bucket that `slot` lies in."""
        start = self.floor(slot)
        return Window(start, start + self.slots)


class MonthGrid(NamedTuple):
    """How the slots of `base` are put into months of the calendar, whose days begin `shift` slots before UTC's."""

    base: Interval
    shift: int = 0

    @property
    def slots(self) -> int:
        """The most that a month has."""
        return _LONGEST_MONTH_DAYS * self.base.slots_a_day

    def floor(self, slot: int) -> int:
        """Return the first slot of the month that `slot` lies in."""
        return self.bucket(slot).start

    def ceil(self, slot: int) -> int:
        """Return the first slot of the earliest month that begins at or after `slot`."""
        month = self.bucket(slot)
        return slot if month.start == slot else month.end

    def bucket(self, slot: int) -> Window:
        """Return the slots of the month that `slot` lies in."""
        first = self.base.moment_of(slot + self.shift).replace(day=1, hour=0, minute=0)
        next_year, month = divmod(first.month, 12)
        after = first.replace(year=first.year + next_year, month=month + 1)
        return Window(self.base.slot_of(first) - self.shift, self.base.slot_of(after) - self.shift)


AnyGrid = Grid | MonthGrid

AS_STORED = Grid()
"""Buckets of one slot: the candles as they are."""


def bases_of(interval: str, shift_ms: int = 0) -> list[Interval]:
    """Return the collected intervals that candles of one of `INTERVALS` can be made of, the longest first.

    Parameters
    ----------
    shift_ms
        How long before UTC's the days of the longer intervals begin.
    """
    length = LENGTHS_MS.get(interval, DAY_MS)
    return [
        base
        for base in sorted(Interval, reverse=True)
        if length % base.length_ms == 0 and shift_ms % base.length_ms == 0
    ]


def grid_of(interval: str, base: Interval, shift_ms: int = 0, *, listed: int | None = None) -> AnyGrid:
    """Return the buckets of one of `INTERVALS` over the slots of `base`, one of its `bases_of`, as Binance cuts them.

    Binance counts 3d from the day on which a symbol was listed: of 20 symbols recorded in January 2026, each began at
    its own listing, and kept to every third day from there (docs/reading.md).

    Parameters
    ----------
    shift_ms
        How long before UTC's the buckets' days begin.
    listed
        When the symbol's first candle began, for 3d, in ms since 1970 UTC.

    Raises
    ------
    ValueError
        It is 3d, and the listing is not known.
    """
    if str(base) == interval:
        return AS_STORED
    shift = shift_ms // base.length_ms
    if interval == "1M":
        return MonthGrid(base, shift)
    if interval not in _DAYS:
        return Grid(LENGTHS_MS[interval] // base.length_ms, shift)
    if interval == "3d" and listed is None:
        raise ValueError("3d is counted from the day of the listing, which is not known")
    origin_ms = _MONDAY_MS if listed is None or interval == "1w" else (listed + shift_ms) // DAY_MS * DAY_MS
    return Grid(_DAYS[interval] * base.slots_a_day, shift, base.slot_at(origin_ms))


def touched(windows: Windows, grid: AnyGrid) -> Windows:
    """Return the whole buckets that windows of slots touch."""
    return union(Window(grid.floor(window.start), grid.ceil(window.end)) for window in windows)


def count_buckets(windows: Windows, grid: AnyGrid) -> int:
    """Return how many buckets begin in windows."""
    if isinstance(grid, Grid):
        return sum((grid.ceil(end) - grid.ceil(start)) // grid.slots for start, end in windows)
    count = 0
    for start, end in windows:
        at = grid.ceil(start)
        while at < end:
            count += 1
            at = grid.bucket(at).end
    return count


def by_bucket(candles: Iterable[Candle], grid: AnyGrid) -> Iterator[tuple[Window, list[Candle]]]:
    """Yield the buckets that hold candles, and their candles, both ascending like `candles`."""
    for start, group in groupby(candles, key=lambda candle: grid.floor(candle.slot)):
        yield grid.bucket(start), list(group)


def merge(bucket: Window, candles: Sequence[Candle]) -> Candle:
    """Return the candle of a bucket; its `slot` is the bucket's first.

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
