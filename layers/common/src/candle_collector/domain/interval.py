"""The intervals of candles, and the slots that each cuts time into.

A slot is a candle's place: the number of whole intervals since 1970-01-01T00:00Z. All that is counted of a series,
windows and coverage among it, is counted in slots of its interval.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import total_ordering
from typing import Self

from candle_collector.domain.interval_names import meant
from candle_collector.domain.windows import Window, Windows

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ms_of(moment: datetime) -> int:
    """Return an aware moment in ms since 1970 UTC."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def moment_at(ms: int) -> datetime:
    """Return the aware UTC moment of ms since 1970."""
    return _EPOCH + timedelta(milliseconds=ms)


@total_ordering
class Interval(Enum):
    """How long a candle is: the intervals that are collected, by Binance's names, ordered by their length.

    Those that are only read are made of them (`aggregate`).

    Attributes
    ----------
    length_ms
        It divides a day.
    block_slots
        How many slots the candle table keeps in one item.
    """

    MINUTE = ("1m", MINUTE_MS, 48)
    MINUTES_3 = ("3m", 3 * MINUTE_MS, 48)
    MINUTES_5 = ("5m", 5 * MINUTE_MS, 48)
    MINUTES_15 = ("15m", 15 * MINUTE_MS, 48)
    MINUTES_30 = ("30m", 30 * MINUTE_MS, 48)
    HOUR = ("1h", HOUR_MS, 48)
    DAY = ("1d", DAY_MS, 30)

    length_ms: int
    block_slots: int

    def __new__(cls, name: str, length_ms: int, block_slots: int) -> Self:
        """Make a member whose value is its name at the exchange."""
        member = object.__new__(cls)
        member._value_ = name
        member.length_ms = length_ms
        member.block_slots = block_slots
        return member

    def __str__(self) -> str:
        """Return the name at the exchange: ``1h``."""
        return str(self.value)

    def __lt__(self, other: Interval) -> bool:
        """Whether it is shorter."""
        return self.length_ms < other.length_ms

    @property
    def slots_a_day(self) -> int:
        """How many slots a UTC day has."""
        return DAY_MS // self.length_ms

    def open_ms(self, slot: int) -> int:
        """Return when a slot begins, in ms since 1970 UTC."""
        return slot * self.length_ms

    def slot_at(self, ms: int) -> int:
        """Return the slot that a time lies in, in ms since 1970 UTC."""
        return ms // self.length_ms

    def slot_from(self, ms: int) -> int:
        """Return the first slot that begins at a time or after it, in ms since 1970 UTC."""
        return -(-ms // self.length_ms)

    def slot_of(self, moment: datetime) -> int:
        """Return the slot that an aware `moment` lies in."""
        return self.slot_at(ms_of(moment))

    def moment_of(self, slot: int) -> datetime:
        """Return the aware UTC moment at which a slot begins."""
        return moment_at(self.open_ms(slot))

    def day_of(self, slot: int) -> str:
        """Return the UTC day of a slot as ``2025-01-31``."""
        return self.moment_of(slot).date().isoformat()

    def first_of_day(self, day: str) -> int:
        """Return the slot with which the UTC `day`, ``2025-01-31``, begins."""
        return self.slot_of(datetime.fromisoformat(day).replace(tzinfo=UTC))

    def format(self, slot: int) -> str:
        """Return the moment at which a slot begins as ``2025-01-31T12:00:00Z``."""
        return f"{self.moment_of(slot).isoformat()[:19]}Z"

    def slots_within(self, times: Window) -> Window:
        """Return the slots that begin in a window of times, in ms since 1970 UTC."""
        start = self.slot_from(times.start)
        return Window(start, max(start, self.slot_from(times.end)))

    def closed_within(self, times: Window, closed_ms: int) -> Window:
        """Return the slots that begin in a window of times and have ended by then, all in ms since 1970 UTC.

        Where none has, the window is empty and ends with the last that has ended: forward begins after what is stored.
        """
        within = self.slots_within(times)
        end = min(within.end, self.slot_at(closed_ms))
        return Window(min(within.start, end), end)

    def year_of(self, slot: int) -> int:
        """Return the UTC year of a slot."""
        return self.moment_of(slot).year

    def years_of(self, window: Window) -> range:
        """Return the UTC years that a window of slots touches."""
        return range(self.year_of(window.start), self.year_of(max(window.start, window.end - 1)) + 1)

    def year_window(self, year: int) -> Window:
        """Return all slots of the UTC `year`."""
        return Window(*(self.slot_of(datetime(of, 1, 1, tzinfo=UTC)) for of in (year, year + 1)))

    def whole_years(self, window: Window) -> Window:
        """Return the slots of all UTC years that a window of slots touches."""
        years = self.years_of(window)
        return Window(self.year_window(years[0]).start, self.year_window(years[-1]).end)

    def count_by_month(self, windows: Windows) -> dict[str, int]:
        """Return how many slots begin in each UTC month, ``2025-01``; months without any are left out."""
        slots: dict[str, int] = {}
        for start, end in windows:
            at = start
            while at < end:
                month = self.moment_of(at).replace(day=1, hour=0, minute=0)
                following = min(end, self.slot_of((month + timedelta(days=31)).replace(day=1)))
                name = f"{month:%Y-%m}"
                slots[name] = slots.get(name, 0) + following - at
                at = following
        return slots

    def blocks_in(self, windows: Windows) -> frozenset[int]:
        """Return the numbers of the blocks that windows of slots touch: a block is an item of the candle table."""
        size = self.block_slots
        return frozenset(block for start, end in windows for block in range(start // size, -(-end // size)))


HOUR = Interval.HOUR

_BY_NAME = {str(interval): interval for interval in Interval}


def interval_named(name: str) -> Interval:
    """Return a collected interval.

    Raises
    ------
    ValueError
        None has that name; the message says which there are.
    """
    try:
        return _BY_NAME[name]
    except KeyError:
        known = ", ".join(_BY_NAME)
        raise ValueError(
            f"{name!r:.40} is not an interval that is collected: {known}{meant(name, list(_BY_NAME))}"
        ) from None
