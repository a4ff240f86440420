"""The rate limiter: one row, each of whose steps is a transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.records import Record, new_revision
from candle_collector.adapters.sql.rows import lock_state, read_state, write_state
from candle_collector.domain.rate_limit import RateLimit, RateLimiterState, Reservation
from candle_collector.domain.run import Failure
from candle_collector.errors import ExchangeBlockedError, ExchangeRefusedError

_NAME = "rate_limiter"
_LIMIT = Record(RateLimit, "the rate limiter")


class SqlRateLimiter:
    """The `RateLimiter` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def reserve(
        self, weight: int, *, period: int, period_seconds: int, budget: int, now: datetime, least: int = 1
    ) -> Reservation:
        """Add to what is reserved in the period that stands there, or begin a later one.

        Where the reply to the commit is lost and another reserves before the second try, too much is reserved, never
        too little.
        """
        reservation_id = new_revision()

        def write(connection: Connection) -> Reservation:
            limit = lock_state(connection, _NAME, _LIMIT) or RateLimit()
            _raise_if_blocked(limit, now)
            kept, reservation = limit.reserving(
                weight,
                period=period,
                period_seconds=period_seconds,
                budget=budget,
                least=least,
                reservation_id=reservation_id,
            )
            if kept != limit:
                write_state(connection, _NAME, _LIMIT, kept)
            return reservation

        return self._database.transact(write)

    def check(self, *, now: datetime) -> RateLimiterState:
        """Read the row, and raise where the exchange wants no requests."""
        limit = self._read()
        _raise_if_blocked(limit, now)
        if refusal := limit.refused(now):
            raise ExchangeRefusedError(refusal)
        return limit.state

    def observe(self, used: int, *, period: int) -> None:
        """Raise the figure of this period, never lower it."""
        self._change(lambda limit: limit.observing(used, period=period))

    def block(self, seconds: float, failure: Failure, *, now: datetime, seen: str | None) -> datetime:
        """Write a block after the one that was seen; where another has come meanwhile, only move its end."""
        block_id = new_revision()
        kept = self._change(lambda limit: limit.blocking(seconds, failure, now=now, seen=seen, block_id=block_id))
        return kept.blocked_until or now

    def refuse(self, until: datetime, failure: Failure) -> None:
        """Write a refusal."""
        refusal_id = new_revision()
        self._change(lambda limit: limit.refusing(until, failure, refusal_id=refusal_id))

    def reopen(self, refusal_id: str) -> None:
        """Remove a refusal, if none has followed it."""
        self._change(lambda limit: limit.reopening(refusal_id))

    def answered(self, block_id: str) -> None:
        """Begin to count again, if no block has followed this one."""
        self._change(lambda limit: limit.answering(block_id))

    def note_clock(self, offset_ms: int) -> None:
        """Write the offset."""
        self._change(lambda limit: replace(limit, clock_offset_ms=offset_ms))

    def state(self) -> RateLimiterState:
        """Read the row."""
        return self._read().state

    def _read(self) -> RateLimit:
        return self._database.query(lambda connection: read_state(connection, _NAME, _LIMIT)) or RateLimit()

    def _change(self, step: Callable[[RateLimit], RateLimit]) -> RateLimit:
        """Take a step, unless it changes nothing, and return what is kept then."""

        def write(connection: Connection) -> RateLimit:
            limit = lock_state(connection, _NAME, _LIMIT) or RateLimit()
            kept = step(limit)
            if kept != limit:
                write_state(connection, _NAME, _LIMIT, kept)
            return kept

        return self._database.transact(write)


def _raise_if_blocked(limit: RateLimit, now: datetime) -> None:
    if blocked := limit.blocked(now):
        raise ExchangeBlockedError(*blocked)
