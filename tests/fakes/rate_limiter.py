"""The rate limiter, the market's last answers and the event bus in memory."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from candle_collector.domain.backoff import block_seconds
from candle_collector.domain.run import Failure, Run
from candle_collector.errors import ExchangeBlockedError, ExchangeRefusedError
from candle_collector.ports import MarketAnswers, RateLimiterState, Reservation


class FakeRateLimiter:
    """The rate limiter in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids = count(1)
        self._state = RateLimiterState()
        self._period_seconds: int | None = None
        self._block = Failure("blocked", "")
        self._refusal = Failure("refused", "")

    def reserve(
        self, weight: int, *, period: int, period_seconds: int, budget: int, now: datetime, least: int = 1
    ) -> Reservation:
        """Reserve what is left of the budget."""
        with self._lock:
            self._raise_if_blocked(now)
            state = self._state
            last = period + 3600 // period_seconds
            begins = (
                state.period is None or not period <= state.period <= last or self._period_seconds != period_seconds
            )
            reserved = 0 if begins else state.reserved
            granted = min(weight, budget - reserved)
            if granted < least:
                return Reservation(0, reserved)
            self._period_seconds = period_seconds
            self._set(period=period if begins else state.period, reserved=reserved + granted)
            return Reservation(granted, reserved + granted)

    def check(self, *, now: datetime) -> RateLimiterState:
        """Raise where it is closed."""
        with self._lock:
            self._raise_if_blocked(now)
            if self._state.refused_until and self._state.refused_until > now:
                raise ExchangeRefusedError(self._refusal)
            return self._state

    def observe(self, used: int, *, period: int) -> None:
        """Raise the figure."""
        with self._lock:
            if period == self._state.period:
                self._set(reserved=max(self._state.reserved, used))

    def block(self, seconds: float, failure: Failure, *, now: datetime, seen: str | None) -> datetime:
        """Write a block, or move the end of one that nobody had seen."""
        with self._lock:
            state = self._state
            grows = state.block_id == seen
            blocks = state.blocks + 1 if grows else 1
            until = now + timedelta(seconds=block_seconds(seconds, blocks))
            if state.blocked_until is None or state.blocked_until < until:
                self._block = failure
                self._set(blocked_until=until, block_reason=failure.message)
            if grows:
                self._set(block_id=f"block-{next(self._ids)}", blocks=blocks)
            assert self._state.blocked_until
            return self._state.blocked_until

    def refuse(self, until: datetime, failure: Failure) -> None:
        """Write a refusal; a later end stays."""
        with self._lock:
            self._refusal = failure
            until = max(until, self._state.refused_until or until)
            refusal_id = f"refusal-{next(self._ids)}"
            self._set(refused_until=until, refusal_reason=failure.message, refusal_id=refusal_id)

    def reopen(self, refusal_id: str) -> None:
        """Forget a refusal."""
        with self._lock:
            if self._state.refusal_id == refusal_id:
                self._set(refused_until=None, refusal_reason=None, refusal_id=None)

    def answered(self, block_id: str) -> None:
        """Count blocks from the first again."""
        with self._lock:
            if self._state.block_id == block_id:
                self._set(blocks=0)

    def note_clock(self, offset_ms: int) -> None:
        """Keep the offset."""
        with self._lock:
            self._set(clock_offset_ms=offset_ms)

    def state(self) -> RateLimiterState:
        """Return how things stand."""
        with self._lock:
            return self._state

    def _set(self, **fields: Any) -> None:
        self._state = replace(self._state, **fields)

    def _raise_if_blocked(self, now: datetime) -> None:
        until = self._state.blocked_until
        if until and until > now:
            raise ExchangeBlockedError(self._block, (until - now).total_seconds())


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


class FakeEventBus:
    """Remembers what it was reported."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, dict[str, int], int | None]] = []

    def collection_ended(self, run: Run, counts: Mapping[str, int], latest: int | None) -> None:
        """Remember a run's end."""
        self.ended.append((run.run_id, dict(counts), latest))
