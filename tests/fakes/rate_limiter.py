"""The rate limiter, the market's last answers, the last failed start and the event bus in memory."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from itertools import count

from candle_collector.domain.health import FailedStart, FailedTurn
from candle_collector.domain.rate_limit import RateLimit, RateLimiterState, Reservation
from candle_collector.domain.run import Failure, Run
from candle_collector.domain.universe import Listing
from candle_collector.errors import ExchangeBlockedError, ExchangeRefusedError
from candle_collector.ports import MarketAnswers


class FakeRateLimiter:
    """The rate limiter in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids = count(1)
        self._kept = RateLimit()

    def reserve(
        self, weight: int, *, period: int, period_seconds: int, budget: int, now: datetime, least: int = 1
    ) -> Reservation:
        """Reserve what is left of the budget."""
        with self._lock:
            self._raise_if_blocked(now)
            self._kept, reservation = self._kept.reserving(
                weight,
                period=period,
                period_seconds=period_seconds,
                budget=budget,
                least=least,
                reservation_id=self._new_id(),
            )
            return reservation

    def check(self, *, now: datetime) -> RateLimiterState:
        """Raise where it is closed."""
        with self._lock:
            self._raise_if_blocked(now)
            if refusal := self._kept.refused(now):
                raise ExchangeRefusedError(refusal)
            return self._kept.state

    def observe(self, used: int, *, period: int) -> None:
        """Raise the figure."""
        with self._lock:
            self._kept = self._kept.observing(used, period=period)

    def block(self, seconds: float, failure: Failure, *, now: datetime, seen: str | None) -> datetime:
        """Write a block, or move the end of one that nobody had seen."""
        with self._lock:
            self._kept = self._kept.blocking(seconds, failure, now=now, seen=seen, block_id=self._new_id())
            assert self._kept.blocked_until
            return self._kept.blocked_until

    def refuse(self, until: datetime, failure: Failure) -> None:
        """Write a refusal; a later end stays."""
        with self._lock:
            self._kept = self._kept.refusing(until, failure, refusal_id=self._new_id())

    def reopen(self, refusal_id: str) -> None:
        """Forget a refusal."""
        with self._lock:
            self._kept = self._kept.reopening(refusal_id)

    def answered(self, block_id: str) -> None:
        """Count blocks from the first again."""
        with self._lock:
            self._kept = self._kept.answering(block_id)

    def note_clock(self, offset_ms: int) -> None:
        """Keep the offset."""
        with self._lock:
            self._kept = replace(self._kept, clock_offset_ms=offset_ms)

    def state(self) -> RateLimiterState:
        """Return how things stand."""
        with self._lock:
            return self._kept.state

    def _new_id(self) -> str:
        return f"step-{next(self._ids)}"

    def _raise_if_blocked(self, now: datetime) -> None:
        if blocked := self._kept.blocked(now):
            raise ExchangeBlockedError(*blocked)


class FakeMarketCache:
    """The market's last answers in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids = count(1)
        self._answers: MarketAnswers | None = None
        self._claim: tuple[str, datetime] | None = None

    def get(self) -> MarketAnswers | None:
        """Return the last answers."""
        return self._answers

    def put(self, answers: MarketAnswers) -> None:
        """Keep answers."""
        self._answers = answers

    def claim(self, *, now: datetime, until: datetime) -> str | None:
        """Take the turn."""
        with self._lock:
            if self._claim and self._claim[1] > now:
                return None
            self._claim = (f"claim-{next(self._ids)}", until)
            return self._claim[0]

    def release(self, claim_id: str) -> None:
        """End the turn."""
        with self._lock:
            if self._claim and self._claim[0] == claim_id:
                self._claim = None


class FakeFailedStarts:
    """The last scheduled start that failed, in memory."""

    def __init__(self) -> None:
        self._last: FailedStart | None = None
        self._turn: FailedTurn | None = None

    def put(self, start: FailedStart) -> None:
        """Keep it."""
        self._last = start

    def get(self) -> FailedStart | None:
        """Return it."""
        return self._last

    def put_turn(self, turn: FailedTurn) -> None:
        """Keep it."""
        self._turn = turn

    def turn(self) -> FailedTurn | None:
        """Return it."""
        return self._turn


class FakeListingStore:
    """The listings in memory.

    Attributes
    ----------
    writes
        How often they were written.
    """

    def __init__(self) -> None:
        self.writes = 0
        self._kept: dict[str, Listing] = {}

    def get(self) -> Mapping[str, Listing]:
        """Return the listings."""
        return dict(self._kept)

    def put(self, listings: Mapping[str, Listing]) -> None:
        """Keep listings."""
        self.writes += 1
        self._kept = dict(listings)


class FakeEventBus:
    """Remembers what it was reported."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, dict[str, int], int | None]] = []

    def collection_ended(self, run: Run, counts: Mapping[str, int], latest: int | None) -> None:
        """Remember a run's end."""
        self.ended.append((run.run_id, dict(counts), latest))
