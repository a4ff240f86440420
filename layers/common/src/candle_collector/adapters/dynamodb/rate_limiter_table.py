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
from candle_collector.ports import GateState, Reservation

_GATE = "GATE"


class GateTable:
    """The gate in DynamoDB."""

    def __init__(self, table: str) -> None:
        self._gate = items.bind(items.GateItem, table)

    def reserve(self, weight: int, *, period: int, budget: int, now: datetime) -> Reservation:
        """Add to what is reserved in this period, or begin the period; a reply that is lost reserves too much."""
        weight = min(weight, budget)
        shut = self._gate.blocked_until.does_not_exist() | (self._gate.blocked_until <= now)
        same = (self._gate.period == period) & (self._gate.reserved <= budget - weight)
        # one who is a moment behind the others does not begin the period again; periods of another length do
        other = self._gate.period.does_not_exist() | (self._gate.period < period) | (self._gate.period > period + 1)
        more = self._gate.reserved.set(self._gate.reserved + weight)
        begin = [self._gate.period.set(period), self._gate.reserved.set(weight)]
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
            [self._gate.reserved.set(self._gate.reserved + granted)],
            (self._gate.period == period) & (self._gate.reserved <= budget - granted) & shut,
        )
        return Reservation(granted, changed) if changed else Reservation(0, reserved)

    def check(self, *, now: datetime) -> None:
        """Read the gate, and raise where it is closed."""
        self._refuse_if_closed(self._read(), now)

    def observe(self, used: int, *, period: int) -> None:
        """Raise the figure of this period, never lower it."""
        self._update([self._gate.reserved.set(used)], (self._gate.period == period) & (self._gate.reserved < used))

    def block(self, until: datetime, failure: Failure, *, permanent: bool = False) -> None:
        """Close the gate; a later end that stands already stays."""
        actions: list[Action] = [
            self._gate.blocked_until.set(until),
            self._gate.failure.set(asdict(failure)),
            self._gate.permanent.set(permanent),
        ]
        self._update(actions, self._gate.blocked_until.does_not_exist() | (self._gate.blocked_until < until))

    def open(self, clock_offset_ms: int) -> None:
        """Forget a block."""
        gate = self._gate(_GATE, _GATE)
        with told():
            gate.update(
                actions=[
                    self._gate.blocked_until.remove(),
                    self._gate.failure.remove(),
                    self._gate.permanent.remove(),
                    self._gate.clock_offset_ms.set(clock_offset_ms),
                ]
            )

    def state(self) -> GateState:
        """Read the gate."""
        item = self._read()
        if item is None:
            return GateState()
        return GateState(
            reserved=int(item.reserved or 0),
            period=None if item.period is None else int(item.period),
            clock_offset_ms=int(item.clock_offset_ms or 0),
            blocked_until=item.blocked_until,
            reason=item.failure["message"] if item.failure else None,
            permanent=bool(item.permanent),
        )

    def _read(self) -> items.GateItem | None:
        with told():
            try:
                return self._gate.get(_GATE, _GATE, consistent_read=True)
            except self._gate.DoesNotExist:
                return None

    def _refuse_if_closed(self, item: items.GateItem | None, now: datetime) -> None:
        if item is None or item.blocked_until is None or item.blocked_until <= now:
            return
        failure = Failure(**item.failure)
        if item.permanent:
            raise ExchangeRefusedError(failure)
        raise ExchangeBlockedError(failure, item.blocked_until)

    def _update(self, actions: Sequence[Action], condition: Condition) -> int:
        """Change the item where the condition holds, and return what is reserved then; 0 where it does not."""
        gate = self._gate(_GATE, _GATE)
        try:
            with told():
                gate.update(actions=list(actions), condition=condition)
        except StaleTurnError:
            return 0
        return int(gate.reserved or 0)
