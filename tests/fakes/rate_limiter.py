"""The rate limiter and the event bus in memory."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime

from candle_collector.domain.run import Failure, Run
from candle_collector.errors import ExchangeBlockedError, ExchangeRefusedError
from candle_collector.ports import RateLimiterState, Reservation


class FakeRateLimiter:
    """The rate limiter in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._period: int | None = None
        self._reserved = 0
        self._blocked_until: datetime | None = None
        self._failure: Failure | None = None
        self._permanent = False
        self._clock_offset_ms = 0

    def reserve(self, weight: int, *, period: int, budget: int, now: datetime) -> Reservation:
        """Reserve what is left of the budget."""
        self.check(now=now)
        with self._lock:
            if self._period is None or period > self._period or period < self._period - 1:
                self._period, self._reserved = period, 0
            granted = max(0, min(weight, budget - self._reserved)) if period == self._period else 0
            self._reserved += granted
            return Reservation(granted, self._reserved)

    def check(self, *, now: datetime) -> None:
        """Raise where it is closed."""
        with self._lock:
            if self._failure and self._blocked_until and self._blocked_until > now:
                if self._permanent:
                    raise ExchangeRefusedError(self._failure)
                raise ExchangeBlockedError(self._failure, (self._blocked_until - now).total_seconds())

    def observe(self, used: int, *, period: int) -> None:
        """Raise the figure."""
        with self._lock:
            if period == self._period:
                self._reserved = max(self._reserved, used)

    def block(self, until: datetime, failure: Failure, *, permanent: bool = False) -> None:
        """Close the rate limiter; a later end stays."""
        with self._lock:
            if self._blocked_until is None or until > self._blocked_until:
                self._blocked_until, self._failure, self._permanent = until, failure, permanent

    def open(self, clock_offset_ms: int) -> None:
        """Forget a block."""
        with self._lock:
            self._blocked_until, self._failure, self._permanent = None, None, False
            self._clock_offset_ms = clock_offset_ms

    def state(self) -> RateLimiterState:
        """Return how things stand."""
        with self._lock:
            return RateLimiterState(
                reserved=self._reserved,
                period=self._period,
                clock_offset_ms=self._clock_offset_ms,
                blocked_until=self._blocked_until,
                reason=self._failure.message if self._failure else None,
                permanent=self._permanent,
            )


class FakeEventBus:
    """Remembers what it was reported."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, dict[str, int], int | None]] = []

    def collection_ended(self, run: Run, counts: Mapping[str, int], latest: int | None) -> None:
        """Remember a run's end."""
        self.ended.append((run.run_id, dict(counts), latest))
