"""What all workers share: the exchange's weight of a minute, and the write units of the candle table."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable

from tests.model.published import PARTITION_WRITE_UNITS, PARTITIONS_AT_FIRST, PARTITIONS_GROW_SECONDS


class SharedWeight:
    """The weight that may be reserved in each period of the exchange's clock.

    Parameters
    ----------
    now
        The seconds of the exchange's clock.
    """

    def __init__(self, budget: int, seconds: float, now: Callable[[], float]) -> None:
        self.budget = budget
        self._seconds = seconds
        self._now = now
        self.reserved: Counter[int] = Counter()

    @property
    def period(self) -> int:
        """The number of the period that it is."""
        return int(self._now() // self._seconds)

    @property
    def is_new(self) -> bool:
        """Whether nothing of this period is reserved yet."""
        return self.period not in self.reserved

    def seconds_left(self) -> float:
        """Return the seconds to the next period."""
        return self._seconds - self._now() % self._seconds

    def reserve(self, weight: int, least: int) -> int:
        """Return what is granted: up to `weight` of what is left, and nothing where that is less than `least`."""
        granted = min(weight, self.budget - self.reserved[self.period])
        if granted < least:
            return 0
        self.reserved[self.period] += granted
        return granted


class CandleTable:
    """A table on demand: partitions that each take so many write units a second, and no more.

    A partition holds whole series. What it did not take in a second is not taken in the next: DynamoDB lends more than
    that for minutes, but promises none of it.
    """

    def __init__(self, now: Callable[[], float], partitions: int = PARTITIONS_AT_FIRST) -> None:
        self._now = now
        self._partitions = partitions
        self._grown_at = 0.0
        self._full: dict[int, tuple[float, float]] = {}
        self.written: Counter[int] = Counter()

    def write(self, symbol: str, items: int, units: int) -> int:
        """Return how many of the items, of so many units each, are taken now."""
        self._grow()
        partition = int(hashlib.sha256(symbol.encode()).hexdigest(), 16) % self._partitions
        at, left = self._full.get(partition, (0.0, float(PARTITION_WRITE_UNITS)))
        now = self._now()
        left = min(PARTITION_WRITE_UNITS, left + (now - at) * PARTITION_WRITE_UNITS)
        taken = min(items, int(left // units))
        self._full[partition] = (now, left - taken * units)
        self.written[int(now)] += taken * units
        return taken

    def _grow(self) -> None:
        """Have room for twice the highest traffic, half an hour later."""
        if self._now() - self._grown_at >= PARTITIONS_GROW_SECONDS:
            self._grown_at = self._now()
            highest = max(self.written.values(), default=0)
            self._partitions = max(self._partitions, -(-2 * highest // PARTITION_WRITE_UNITS))
            self._full = {}
