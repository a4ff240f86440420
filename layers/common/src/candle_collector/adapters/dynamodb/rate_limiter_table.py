"""The gate in front of the exchange: one item that all workers reserve from, and close for each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from candle_collector.adapters.dynamodb import items
from candle_collector.adapters.dynamodb.runs_table import told
from candle_collector.domain.run import Failure
from candle_collector.errors import ExchangeBlockedError, ExchangeRefusedError, StaleTurnError
from candle_collector.ports import RateLimiterState, Reservation

_GATE = "GATE"


class RateLimiterTable:
    """The gate in DynamoDB."""

    def __init__(self, table: str) -> None:
        self._rate_limiter = items.bind(items.RateLimiterItem, table)

    def reserve(self, weight: int, *, period: int, budget: int, now: datetime) -> Reservation:
        """Add to what is reserved in this period, or begin the period; a reply that is lost reserves too much."""
        weight = min(weight, budget)
        shut = self._rate_limiter.blocked_until.does_not_exist() | (self._rate_limiter.blocked_until <= now)
        same = (self._rate_limiter.period == period) & (self._rate_limiter.reserved <= budget - weight)
        # one who is a moment behind the others does not begin the period again; periods of another length do
        other = (
            self._rate_limiter.period.does_not_exist()
            | (self._rate_limiter.period < period)
            | (self._rate_limiter.period > period + 1)
        )
        more = self._rate_limiter.reserved.set(self._rate_limiter.reserved + weight)
        begin = [self._rate_limiter.period.set(period), self._rate_limiter.reserved.set(weight)]
        for actions, condition in (([more], same), (begin, other)):
            if reserved := self._update(actions, condition & shut):
                return Reservation(weight, reserved)
        item = self._read()
        self._refuse_if_closed(item, now)
        reserved = 0 if item is None else int(item.reserved or 0)
        granted = min(weight, budget - reserved)
        if item is None or item.period != period or granted <= 0:
            return Reservation(0, reserved)
        # there is less left than was asked for, or another worker began the period at the same moment
        changed = self._update(
            [self._rate_limiter.reserved.set(self._rate_limiter.reserved + granted)],
            (self._rate_limiter.period == period) & (self._rate_limiter.reserved <= budget - granted) & shut,
        )
        return Reservation(granted, changed) if changed else Reservation(0, reserved)

    def check(self, *, now: datetime) -> None:
        """Read the gate, and raise where it is closed."""
        self._refuse_if_closed(self._read(), now)

    def observe(self, used: int, *, period: int) -> None:
        """Raise the figure of this period, never lower it."""
        self._update(
            [self._rate_limiter.reserved.set(used)],
            (self._rate_limiter.period == period) & (self._rate_limiter.reserved < used),
        )

    def block(self, until: datetime, failure: Failure, *, permanent: bool = False) -> None:
        """Close the gate; a later end that stands already stays."""
        actions: list[Action] = [
            self._rate_limiter.blocked_until.set(until),
            self._rate_limiter.failure.set(asdict(failure)),
            self._rate_limiter.permanent.set(permanent),
        ]
        self._update(
            actions, self._rate_limiter.blocked_until.does_not_exist() | (self._rate_limiter.blocked_until < until)
        )

    def open(self, clock_offset_ms: int) -> None:
        """Forget a block."""
        rate_limiter = self._rate_limiter(_GATE, _GATE)
        with told():
            rate_limiter.update(
                actions=[
                    self._rate_limiter.blocked_until.remove(),
                    self._rate_limiter.failure.remove(),
                    self._rate_limiter.permanent.remove(),
                    self._rate_limiter.clock_offset_ms.set(clock_offset_ms),
                ]
            )

    def state(self) -> RateLimiterState:
        """Read the gate."""
        item = self._read()
        if item is None:
            return RateLimiterState()
        return RateLimiterState(
            reserved=int(item.reserved or 0),
            period=None if item.period is None else int(item.period),
            clock_offset_ms=int(item.clock_offset_ms or 0),
            blocked_until=item.blocked_until,
            reason=item.failure["message"] if item.failure else None,
            permanent=bool(item.permanent),
        )

    def _read(self) -> items.RateLimiterItem | None:
        with told():
            try:
                return self._rate_limiter.get(_GATE, _GATE, consistent_read=True)
            except self._rate_limiter.DoesNotExist:
                return None

    def _refuse_if_closed(self, item: items.RateLimiterItem | None, now: datetime) -> None:
        if item is None or item.blocked_until is None or item.blocked_until <= now:
            return
        failure = Failure(**item.failure)
        if item.permanent:
            raise ExchangeRefusedError(failure)
        raise ExchangeBlockedError(failure, item.blocked_until)

    def _update(self, actions: Sequence[Action], condition: Condition) -> int:
        """Change the item where the condition holds, and return what is reserved then; 0 where it does not."""
        rate_limiter = self._rate_limiter(_GATE, _GATE)
        try:
            with told():
                rate_limiter.update(actions=list(actions), condition=condition)
        except StaleTurnError:
            return 0
        return int(rate_limiter.reserved or 0)
