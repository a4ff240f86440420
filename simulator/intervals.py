"""The intervals of Binance's candles, how long each is, and where Binance cuts them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_MONDAY_MS = 4 * DAY_MS
"""When 1970-01-05 began: weeks begin on Mondays."""


@dataclass(frozen=True, eq=False)
class Interval:
    """An interval by Binance's name; there is one object of each.

    Parameters
    ----------
    length_ms
        How long its candles are; a month, of which months differ, has none.
    """

    name: str
    length_ms: int

    def divides(self, other: "Interval", shift_ms: int = 0) -> bool:
        """Return whether candles of `other` consist of whole ones of this interval.

        Parameters
        ----------
        shift_ms
            By how much the days from which `other` is counted start before UTC's.
        """
        if self is other:
            return not shift_ms or (self is not MONTH and shift_ms % self.length_ms == 0)
        whole_ms = other.length_ms or DAY_MS
        return 0 < self.length_ms <= whole_ms and whole_ms % self.length_ms == shift_ms % self.length_ms == 0

    def after(self, open_ms: int, slots: int = 1) -> int:
        """Return when the candle opens that is so many `slots` later than the one of `open_ms`, earlier if negative."""
        if self is not MONTH:
            return open_ms + slots * self.length_ms
        first = _EPOCH + open_ms * _MS
        years, month = divmod(first.month - 1 + slots, 12)
        return (first.replace(year=first.year + years, month=month + 1) - _EPOCH) // _MS


MONTH = Interval("1M", 0)
_WEEK = Interval("1w", 7 * DAY_MS)
_THREE_DAYS = Interval("3d", 3 * DAY_MS)
DAY = Interval("1d", DAY_MS)
HOUR = Interval("1h", HOUR_MS)
MINUTE = Interval("1m", MINUTE_MS)

INTERVALS = {
    interval.name: interval
    for interval in (
        MINUTE,
        *(Interval(f"{minutes}m", minutes * MINUTE_MS) for minutes in (3, 5, 15, 30)),
        HOUR,
        *(Interval(f"{hours}h", hours * HOUR_MS) for hours in (2, 4, 6, 8, 12)),
        DAY,
        _THREE_DAYS,
        _WEEK,
        MONTH,
    )
}
"""All by name, the shortest first: Binance's except 1s."""


@dataclass(frozen=True)
class Grid:
    """Where the candles of an interval open.

    Parameters
    ----------
    shift_ms
        By how much the days they are counted from start before UTC's.
    listed_ms
        When the symbol was listed: Binance counts 3d from that day, so that symbols differ.
    """

    interval: Interval
    shift_ms: int = 0
    listed_ms: int = 0

    def floor(self, at_ms: int) -> int:
        """Return when the candle opens that `at_ms` lies in."""
        local_ms = at_ms + self.shift_ms
        if self.interval is MONTH:
            first = (_EPOCH + local_ms * _MS).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            return (first - _EPOCH) // _MS - self.shift_ms
        return at_ms - (local_ms - self._origin_ms) % self.interval.length_ms

    def after(self, open_ms: int) -> int:
        """Return when the candle after the one that opens at `open_ms` opens."""
        return self.interval.after(open_ms + self.shift_ms) - self.shift_ms

    def ceil(self, at_ms: int) -> int:
        """Return when the first candle opens that opens at `at_ms` or later."""
        open_ms = self.floor(at_ms)
        return at_ms if open_ms == at_ms else self.after(open_ms)

    @cached_property
    def _origin_ms(self) -> int:
        if self.interval is _THREE_DAYS:
            return (self.listed_ms + self.shift_ms) // DAY_MS * DAY_MS
        return _MONDAY_MS if self.interval is _WEEK else 0
