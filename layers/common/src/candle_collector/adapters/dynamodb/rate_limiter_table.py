"""The rate limiter in DynamoDB: one item that all workers reserve from, and close for each other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from candle_collector.adapters.dynamodb.item_table import ItemTable, translate_errors
from candle_collector.adapters.dynamodb.items import RateLimiterItem
from candle_collector.domain.run import Failure
from candle_collector.errors import ExchangeBlockedError, ExchangeRefusedError, StaleTurnError
from candle_collector.ports import RateLimiterState, Reservation

_GATE = "GATE"


class RateLimiterTable:
    """The `RateLimiter` in the runs table."""

    def __init__(self, table: ItemTable) -> None:
        self._limiter = table.model(RateLimiterItem)

    def reserve(self, weight: int, *, period: int, budget: int, now: datetime) -> Reservation:
        """Add to what is reserved in this period, or begin the period; a reply that is lost reserves too much."""
        weight = min(weight, budget)
        shut = self._limiter.blocked_until.does_not_exist() | (self._limiter.blocked_until <= now)
        same = (self._limiter.period == period) & (self._limiter.reserved <= budget - weight)
        # one who is a moment behind the others does not begin the period again; periods of another length do
        other = (
            self._limiter.period.does_not_exist()
            | (self._limiter.period < period)
            | (self._limiter.period > period + 1)
        )
        more = self._limiter.reserved.set(self._limiter.reserved + weight)
        begin = [self._limiter.period.set(period), self._limiter.reserved.set(weight)]
        for actions, condition in (([more], same), (begin, other)):
            if reserved := self._update(actions, condition & shut):
                return Reservation(weight, reserved)
        item = self._read()
        self._refuse_if_closed(item, now)
        reserved = (item.reserved or 0) if item else 0
        granted = min(weight, budget - reserved)
        if item is None or item.period != period or granted <= 0:
            return Reservation(0, reserved)
        # there is less left than was asked for, or another worker began the period at the same moment
        changed = self._update(
            [self._limiter.reserved.set(self._limiter.reserved + granted)],
            (self._limiter.period == period) & (self._limiter.reserved <= budget - granted) & shut,
        )
        return Reservation(granted, changed) if changed else Reservation(0, reserved)

    def check(self, *, now: datetime) -> None:
        """Read the item, and raise where it is closed."""
        self._refuse_if_closed(self._read(), now)

    def observe(self, used: int, *, period: int) -> None:
        """Raise the figure of this period, never lower it."""
        self._update(
            [self._limiter.reserved.set(used)],
            (self._limiter.period == period) & (self._limiter.reserved < used),
        )

    def block(self, until: datetime, failure: Failure, *, permanent: bool = False) -> None:
        """Close it; a later end that is written already stays."""
        actions: list[Action] = [
            self._limiter.blocked_until.set(until),
            self._limiter.failure.set(failure),
            self._limiter.permanent.set(permanent),
        ]
        self._update(actions, self._limiter.blocked_until.does_not_exist() | (self._limiter.blocked_until < until))

    def open(self, clock_offset_ms: int) -> None:
        """Forget a block."""
        item = self._limiter(_GATE, _GATE)
        with translate_errors():
            item.update(
                actions=[
                    self._limiter.blocked_until.remove(),
                    self._limiter.failure.remove(),
                    self._limiter.permanent.remove(),
                    self._limiter.clock_offset_ms.set(clock_offset_ms),
                ]
            )

    def state(self) -> RateLimiterState:
        """Read the item."""
        item = self._read()
        if item is None:
            return RateLimiterState()
        return RateLimiterState(
            reserved=item.reserved or 0,
            period=item.period,
            clock_offset_ms=item.clock_offset_ms or 0,
            blocked_until=item.blocked_until,
            reason=item.failure.message if item.failure else None,
            permanent=bool(item.permanent),
        )

    def _read(self) -> RateLimiterItem | None:
        with translate_errors():
            try:
                return self._limiter.get(_GATE, _GATE, consistent_read=True)
            except self._limiter.DoesNotExist:
                return None

    def _refuse_if_closed(self, item: RateLimiterItem | None, now: datetime) -> None:
        if item is None or item.blocked_until is None or item.blocked_until <= now:
            return
        failure = item.failure or Failure("blocked", "the exchange wants no requests")
        if item.permanent:
            raise ExchangeRefusedError(failure)
        raise ExchangeBlockedError(failure, (item.blocked_until - now).total_seconds())

    def _update(self, actions: Sequence[Action], condition: Condition) -> int:
        """Change the item where the condition holds, and return what is reserved then; 0 where it does not."""
        item = self._limiter(_GATE, _GATE)
        try:
            with translate_errors():
                item.update(actions=list(actions), condition=condition)
        except StaleTurnError:
            return 0
        return item.reserved or 0
