"""The rate limiter in DynamoDB: one item with a budget, a ban and a refusal, whose attributes never touch each other.

A reply can be lost: the SDK then sends the same write again, which meets what it wrote itself. So what must not happen
twice has a random id in it, and a condition that this id is not there yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from candle_collector.adapters.dynamodb.item_table import ItemTable, translate_errors
from candle_collector.adapters.dynamodb.items import RateLimiterItem
from candle_collector.domain.backoff import block_seconds
from candle_collector.domain.rate_limit import MOST_AHEAD_SECONDS, RateLimiterState, Reservation
from candle_collector.domain.run import Failure
from candle_collector.errors import CollectorError, ExchangeBlockedError, ExchangeRefusedError, StaleTurnError

_GATE = "GATE"

_TRIES = 3
"""How often a reservation is tried while others reserve at the same moment."""

_BLOCKED = Failure("blocked", "the exchange wants no requests")
_REFUSED = Failure("refused", "the exchange refuses us")


class RateLimiterTable:
    """The `RateLimiter` in the runs table."""

    def __init__(self, table: ItemTable) -> None:
        self._limiter = table.model(RateLimiterItem)

    def reserve(
        self, weight: int, *, period: int, period_seconds: int, budget: int, now: datetime, least: int = 1
    ) -> Reservation:
        """Add to what is reserved in the period that stands there, or begin a later one.

        Where the reply to this is lost and another reserves before the SDK's second try, too much is reserved, never
        too little.
        """
        limiter, own_id = self._limiter, uuid4().hex
        granted, reserved = min(weight, budget), 0
        mine = limiter.reservation_id == own_id
        same_length = limiter.period_seconds == period_seconds
        free = (limiter.blocked_until.does_not_exist() | (limiter.blocked_until <= now)) & ~mine
        last = period + MOST_AHEAD_SECONDS // period_seconds
        begins = limiter.period.does_not_exist() | (limiter.period < period) | (limiter.period > last) | ~same_length
        for _ in range(_TRIES):
            if granted < least:
                break
            # one whose clock is behind the others' takes of what is left to them
            fits = same_length & limiter.period.between(period, last) & (limiter.reserved <= budget - granted)
            noted = limiter.reservation_id.set(own_id)
            more = [noted, limiter.reserved.set(limiter.reserved + granted)]
            first = [
                noted,
                limiter.reserved.set(granted),
                limiter.period.set(period),
                limiter.period_seconds.set(period_seconds),
            ]
            try:
                written = self._update(more, fits & free) or self._update(first, begins & free)
            except CollectorError:
                written = self._read()
                if written is None or written.reservation_id != own_id:
                    raise
            item = written or self._read() or limiter(_GATE, _GATE)
            if item.reservation_id == own_id:
                return Reservation(granted, item.reserved or 0)
            _raise_if_blocked(item, now)
            is_shared = item.period_seconds == period_seconds and period <= (item.period or 0) <= last
            reserved = (item.reserved or 0) if is_shared else 0
            granted = min(weight, budget - reserved)
        return Reservation(0, reserved)

    def check(self, *, now: datetime) -> RateLimiterState:
        """Read the item, and raise where the exchange wants no requests."""
        item = self._read()
        if item is None:
            return RateLimiterState()
        _raise_if_blocked(item, now)
        if item.refused_until is not None and item.refused_until > now:
            raise ExchangeRefusedError(item.refusal or _REFUSED)
        return _state_of(item)

    def observe(self, used: int, *, period: int) -> None:
        """Raise the figure of this period, never lower it."""
        limiter = self._limiter
        self._update([limiter.reserved.set(used)], (limiter.period == period) & (limiter.reserved < used))

    def block(self, seconds: float, failure: Failure, *, now: datetime, seen: str | None) -> datetime:
        """Write a block after the one that was seen; where another has come meanwhile, only move its end."""
        limiter, item = self._limiter, self._read()
        if (item.block_id if item else None) == seen:
            blocks = ((item.blocks or 0) if item else 0) + 1
            until = now + timedelta(seconds=block_seconds(seconds, blocks))
            if item and item.blocked_until and item.blocked_until > until:
                until, failure = item.blocked_until, item.failure or failure
            actions = [
                limiter.blocked_until.set(until),
                limiter.failure.set(failure),
                limiter.block_id.set(uuid4().hex),
                limiter.blocks.set(blocks),
            ]
            unchanged = limiter.block_id.does_not_exist() if seen is None else limiter.block_id == seen
            if self._update(actions, unchanged):
                return until
        # another worker's block stands there now, or this one's, if the reply to it was lost: then it ends later
        until = now + timedelta(seconds=block_seconds(seconds, 1))
        moved = self._update(
            [limiter.blocked_until.set(until), limiter.failure.set(failure)],
            limiter.blocked_until.does_not_exist() | (limiter.blocked_until < until),
        )
        standing = moved or self._read()
        return (standing.blocked_until if standing else None) or until

    def refuse(self, until: datetime, failure: Failure) -> None:
        """Write a refusal; its id changes even where a later end stays, as it is newer than any answer so far."""
        limiter = self._limiter
        actions = [limiter.refusal.set(failure), limiter.refusal_id.set(uuid4().hex)]
        later = limiter.refused_until.does_not_exist() | (limiter.refused_until < until)
        if not self._update([*actions, limiter.refused_until.set(until)], later):
            self._update(actions, limiter.refused_until >= until)

    def reopen(self, refusal_id: str) -> None:
        """Remove a refusal, if none has followed it."""
        limiter = self._limiter
        attributes = (limiter.refused_until, limiter.refusal, limiter.refusal_id)
        self._update([attribute.remove() for attribute in attributes], limiter.refusal_id == refusal_id)

    def answered(self, block_id: str) -> None:
        """Begin to count again, if no block has followed this one."""
        self._update([self._limiter.blocks.set(0)], self._limiter.block_id == block_id)

    def note_clock(self, offset_ms: int) -> None:
        """Write the offset."""
        self._update([self._limiter.clock_offset_ms.set(offset_ms)])

    def state(self) -> RateLimiterState:
        """Read the item."""
        item = self._read()
        return RateLimiterState() if item is None else _state_of(item)

    def _read(self) -> RateLimiterItem | None:
        with translate_errors():
            try:
                return self._limiter.get(_GATE, _GATE, consistent_read=True)
            except self._limiter.DoesNotExist:
                return None

    def _update(self, actions: Sequence[Action], condition: Condition | None = None) -> RateLimiterItem | None:
        """Change the item where the condition holds, and return it as it is then; None where it does not hold."""
        item = self._limiter(_GATE, _GATE)
        try:
            with translate_errors():
                item.update(actions=list(actions), condition=condition)
        except StaleTurnError:
            return None
        return item


def _raise_if_blocked(item: RateLimiterItem, now: datetime) -> None:
    if item.blocked_until is not None and item.blocked_until > now:
        raise ExchangeBlockedError(item.failure or _BLOCKED, (item.blocked_until - now).total_seconds())


def _state_of(item: RateLimiterItem) -> RateLimiterState:
    return RateLimiterState(
        reserved=item.reserved or 0,
        period=item.period,
        clock_offset_ms=item.clock_offset_ms or 0,
        blocked_until=item.blocked_until,
        block_reason=item.failure.message if item.failure else None,
        block_id=item.block_id,
        blocks=item.blocks or 0,
        refused_until=item.refused_until,
        refusal_reason=item.refusal.message if item.refusal else None,
        refusal_id=item.refusal_id,
    )
