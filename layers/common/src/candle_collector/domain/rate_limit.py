"""What a rate limiter keeps of one exchange, and each step that changes it: a budget, a ban and a refusal.

Moments and periods are by the exchange's clock. A step that must not happen twice carries an id; taken again with the
same id, it changes nothing, so that whoever does not know whether it was written may repeat it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from candle_collector.domain.backoff import block_seconds
from candle_collector.domain.run import Failure

MOST_AHEAD_SECONDS = 3600
"""A period that begins later than this after the caller's was written by a clock that was wrong: else nobody could
reserve before that time comes."""


@dataclass(frozen=True)
class RateLimiterState:
    """What all workers know of whether the exchange may be asked. Moments are by the exchange's clock.

    Attributes
    ----------
    reserved
        The weight reserved in `period`.
    period
        The number of the exchange's minute (or whatever it counts in) since 1970 that was reserved in last.
    clock_offset_ms
        How far the exchange's clock was ahead of ours when the last run started.
    blocked_until, block_reason
        Until when the exchange asked us to wait (429, 418), and what it said.
    block_id
        Which block it is; it changes with each.
    blocks
        How many there were in a row, without a good answer between.
    refused_until, refusal_reason
        Until when nobody asks because a person must change something first (451, 403, TLS), and what.
    refusal_id
        Which refusal it is; it changes with each.
    """

    reserved: int = 0
    period: int | None = None
    clock_offset_ms: int = 0
    blocked_until: datetime | None = None
    block_reason: str | None = None
    block_id: str | None = None
    blocks: int = 0
    refused_until: datetime | None = None
    refusal_reason: str | None = None
    refusal_id: str | None = None

    def closed(self, now: datetime) -> tuple[datetime, str] | None:
        """Return until when nobody asks, and why; None where the exchange may be asked. Both times are by our clock."""
        ends = [
            (until - timedelta(milliseconds=self.clock_offset_ms), reason or "")
            for until, reason in (
                (self.blocked_until, self.block_reason),
                (self.refused_until, self.refusal_reason),
            )
            if until is not None
        ]
        ends = [(until, reason) for until, reason in ends if until > now]
        return (max(ends)[0], "; ".join(reason for _, reason in ends)) if ends else None


class Reservation(NamedTuple):
    """The weight that may be used, and all that is reserved in the period."""

    granted: int
    reserved: int


@dataclass(frozen=True)
class RateLimit:
    """All that is kept; `state` is what others see of it.

    Attributes
    ----------
    period_seconds
        The length of the period that was reserved in last.
    reservation_id, granted
        Which reservation was the last one, and what it was granted.
    block, refusal
        The failures that began the ban and the refusal.
    """

    reserved: int = 0
    period: int | None = None
    period_seconds: int | None = None
    reservation_id: str | None = None
    granted: int = 0
    clock_offset_ms: int = 0
    blocked_until: datetime | None = None
    block: Failure | None = None
    block_id: str | None = None
    blocks: int = 0
    refused_until: datetime | None = None
    refusal: Failure | None = None
    refusal_id: str | None = None

    @property
    def state(self) -> RateLimiterState:
        """What all workers know of it."""
        return RateLimiterState(
            reserved=self.reserved,
            period=self.period,
            clock_offset_ms=self.clock_offset_ms,
            blocked_until=self.blocked_until,
            block_reason=self.block.message if self.block else None,
            block_id=self.block_id,
            blocks=self.blocks,
            refused_until=self.refused_until,
            refusal_reason=self.refusal.message if self.refusal else None,
            refusal_id=self.refusal_id,
        )

    def blocked(self, now: datetime) -> tuple[Failure, float] | None:
        """Return why the exchange wants no requests, and for how many seconds; None where it did not say so."""
        if self.block is None or self.blocked_until is None or self.blocked_until <= now:
            return None
        return self.block, (self.blocked_until - now).total_seconds()

    def refused(self, now: datetime) -> Failure | None:
        """Return what a person must change first; None where nothing is known of it."""
        return self.refusal if self.refused_until is not None and self.refused_until > now else None

    def reserving(
        self, weight: int, *, period: int, period_seconds: int, budget: int, least: int, reservation_id: str
    ) -> tuple[RateLimit, Reservation]:
        """Reserve up to `weight` of what is left of a budget, as `RateLimiter.reserve` describes it."""
        if self.reservation_id == reservation_id:
            return self, Reservation(self.granted, self.reserved)
        last = period + MOST_AHEAD_SECONDS // period_seconds
        begins = self.period is None or not period <= self.period <= last or self.period_seconds != period_seconds
        reserved = 0 if begins else self.reserved
        granted = min(weight, budget - reserved)
        if granted < least:
            return self, Reservation(0, reserved)
        kept = replace(
            self,
            reserved=reserved + granted,
            period=period if begins else self.period,
            period_seconds=period_seconds,
            reservation_id=reservation_id,
            granted=granted,
        )
        return kept, Reservation(granted, kept.reserved)

    def observing(self, used: int, *, period: int) -> RateLimit:
        """Raise what counts as reserved in the period to what the exchange says is used."""
        return replace(self, reserved=max(self.reserved, used)) if period == self.period else self

    def blocking(
        self, seconds: float, failure: Failure, *, now: datetime, seen: str | None, block_id: str
    ) -> RateLimit:
        """Write a block after the one that was `seen`, or move the end of another that has come meanwhile."""
        if self.block_id == block_id:
            return self
        grows = self.block_id == seen
        blocks = self.blocks + 1 if grows else 1
        until = now + timedelta(seconds=block_seconds(seconds, blocks))
        later = self.blocked_until is None or self.blocked_until < until
        kept = replace(self, blocked_until=until, block=failure) if later else self
        return replace(kept, block_id=block_id, blocks=blocks) if grows else kept

    def refusing(self, until: datetime, failure: Failure, *, refusal_id: str) -> RateLimit:
        """Write a refusal; a later end stays, and its id changes, as it is newer than any answer so far."""
        return replace(
            self, refused_until=max(until, self.refused_until or until), refusal=failure, refusal_id=refusal_id
        )

    def reopening(self, refusal_id: str) -> RateLimit:
        """Forget a refusal, if none has followed it."""
        if self.refusal_id != refusal_id:
            return self
        return replace(self, refused_until=None, refusal=None, refusal_id=None)

    def answering(self, block_id: str) -> RateLimit:
        """Count blocks from the first again, if none has followed this one."""
        return replace(self, blocks=0) if self.block_id == block_id else self
