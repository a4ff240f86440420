"""The runs and their symbols in DynamoDB: every step is a conditional write, so that it happens once or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import reduce
from operator import or_

from pynamodb.connection import Connection
from pynamodb.exceptions import PutError, PynamoDBException, TransactWriteError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from candle_collector.adapters.dynamodb import items
from candle_collector.domain.run import Outcome, Run, RunState, SymbolRecord
from candle_collector.domain.universe import Ranked
from candle_collector.errors import CollectorError, StaleTurnError

_RUN = "RUN"
_RUNS = "RUNS"
_OPEN = "OPEN"
_OCCURRENCE = "OCCURRENCE"
_LEASE = "LEASE"
_UNIVERSE = "UNIVERSE"

_CONDITION = "ConditionalCheckFailedException"


class RunsTable:
    """The runs in DynamoDB.

    Parameters
    ----------
    table
        Its name.
    now
        Our clock, for the times of changes.
    """

    def __init__(self, table: str, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._run = items.bind(items.RunItem, table)
        self._symbol = items.bind(items.SymbolItem, table)
        self._mark = items.bind(items.MarkItem, table)
        self._lease = items.bind(items.LeaseItem, table)
        self._universe = items.bind(items.UniverseItem, table)
        self._now = now

    def take_lease(self, run_id: str, *, now: datetime, expires: datetime) -> str | None:
        """Take the lease where nobody holds it, or its holder's time is over."""
        lease = self._lease(_LEASE, _LEASE, run_id=run_id, expires=expires)
        free = self._lease.pk.does_not_exist() | (self._lease.expires <= now) | (self._lease.run_id == run_id)
        for _ in range(3):
            try:
                with told():
                    lease.save(condition=free)
            except StaleTurnError:
                holder = self.lease_holder(now)
                if holder is not None:
                    return holder
            else:
                return None
        raise CollectorError("the lease changed hands three times while it was asked for; ask again")

    def extend_lease(self, run_id: str, expires: datetime) -> bool:
        """Move the lease's end."""
        try:
            with told():
                self._lease(_LEASE, _LEASE).update(
                    actions=[self._lease.expires.set(expires)], condition=self._lease.run_id == run_id
                )
        except StaleTurnError:
            return False
        return True

    def release_lease(self, run_id: str) -> None:
        """Delete the lease, unless it is another run's by now."""
        try:
            with told():
                self._lease(_LEASE, _LEASE).delete(condition=self._lease.run_id == run_id)
        except StaleTurnError:
            return

    def lease_holder(self, now: datetime) -> str | None:
        """Read the lease."""
        with told():
            for lease in self._lease.query(_LEASE, consistent_read=True):
                return lease.run_id if lease.expires > now else None
        return None

    def create(self, run: Run, records: Iterable[SymbolRecord], *, occurrence: str | None = None) -> None:
        """Write the run, its places in history and among the open ones in one step, then its symbols in batches."""
        ends = run.created_at + items.KEEP_RUNS
        key = items.run_key(run.run_id)
        with told(), TransactWrite(connection=self._connection()) as transaction:
            transaction.save(self._run(key, _RUN, **items.run_attributes(run)), self._run.pk.does_not_exist())
            transaction.save(self._mark(_RUNS, run.run_id, at=run.created_at, expires_at=ends))
            transaction.save(self._mark(_OPEN, run.run_id, at=run.created_at))
            if occurrence:
                mark = self._mark(_OCCURRENCE, occurrence, at=run.created_at, expires_at=ends)
                transaction.save(mark, self._mark.pk.does_not_exist())
        with told(), self._symbol.batch_write() as batch:
            for record in records:
                attributes = items.symbol_attributes(replace(record, updated_at=run.created_at))
                batch.save(self._symbol(key, items.symbol_key(record.symbol), expires_at=ends, **attributes))

    def activate(self, run_id: str, started_at: datetime) -> None:
        """Mark the run active, if it is still being created."""
        with told():
            self._run(items.run_key(run_id), _RUN).update(
                actions=[self._run.state.set(RunState.ACTIVE.value), self._run.started_at.set(started_at)],
                condition=self._run.state == RunState.CREATING.value,
            )

    def get(self, run_id: str) -> Run | None:
        """Read a run."""
        with told():
            try:
                return items.run_of(self._run.get(items.run_key(run_id), _RUN, consistent_read=True))
            except self._run.DoesNotExist:
                return None

    def runs(self, *, limit: int, before: str | None = None) -> list[str]:
        """Read the history from its end."""
        older = None if before is None else self._mark.sk < before
        with told():
            return [mark.sk for mark in self._mark.query(_RUNS, older, scan_index_forward=False, limit=limit)]

    def open_runs(self) -> list[str]:
        """Read the open runs' marks."""
        with told():
            return [mark.sk for mark in self._mark.query(_OPEN, consistent_read=True)]

    def symbols(self, run_id: str) -> list[SymbolRecord]:
        """Read a run's symbols, page after page."""
        with told():
            found = self._symbol.query(
                items.run_key(run_id), self._symbol.sk.startswith(items.symbol_key("")), consistent_read=True
            )
            return [items.symbol_of(item) for item in found]

    def symbol(self, run_id: str, symbol: str) -> SymbolRecord | None:
        """Read one symbol."""
        with told():
            try:
                key = (items.run_key(run_id), items.symbol_key(symbol))
                return items.symbol_of(self._symbol.get(*key, consistent_read=True))
            except self._symbol.DoesNotExist:
                return None

    def claim(self, record: SymbolRecord, *, now: datetime, until: datetime) -> SymbolRecord:
        """Claim the turn while it is the record's, the record is open, and no other claim lives."""
        unclaimed = self._symbol.claimed_until.does_not_exist() | (self._symbol.claimed_until <= now)
        return self._update(
            record,
            [self._symbol.outcome.set(Outcome.RUNNING.value), self._symbol.claimed_until.set(until)],
            self._is_open() & (self._symbol.turn == record.turn) & unclaimed,
        )

    def save(self, record: SymbolRecord, *, raise_turn: bool = False) -> SymbolRecord:
        """Write a record whole, while it is open and the turn is its own."""
        condition = self._is_open() & (self._symbol.turn == record.turn)
        if raise_turn:
            record = replace(record, turn=record.turn + 1, claimed_until=None)
        return self._update(record, self._all_of(record), condition)

    def end_symbol(self, record: SymbolRecord) -> SymbolRecord:
        """Write the outcome while the record is open; complete also takes the place of a mark set from outside."""
        condition: Condition = self._is_open() & (self._symbol.turn == record.turn)
        if record.outcome is Outcome.COMPLETE:
            condition |= self._symbol.closed_by.exists() & (self._symbol.turn == record.turn)
        ended = replace(record, claimed_until=None)
        return self._update(ended, self._all_of(ended), condition)

    def close_symbol(self, record: SymbolRecord) -> SymbolRecord:
        """Write the outcome where the record is open at this turn; one that a dead trigger left out is made."""
        written = self._symbol.pk.exists()
        closed = replace(record, claimed_until=None)
        return self._update(
            closed, self._all_of(closed), ~written | (self._is_open() & (self._symbol.turn == record.turn))
        )

    def leave(self, run_id: str, symbol: str) -> Run:
        """Delete the symbol from the run's set of open ones; deleting it again changes nothing."""
        run = self._run(items.run_key(run_id), _RUN)
        with told():
            run.update(actions=[self._run.open_symbols.delete([symbol])], condition=self._run.pk.exists())
        return items.run_of(run)

    def end(self, run_id: str, *, at: datetime, counts: Mapping[str, int], reason: str | None) -> bool:
        """Mark the run ended once; counts are written each time, and a reason where there is none yet.

        A late success changes the counts. A worker may end a run a moment before whoever closes it: the reason is told.
        """
        run = self._run(items.run_key(run_id), _RUN)
        ending = [self._run.state.set(RunState.ENDED.value), self._run.ended_at.set(at)]
        if reason is not None:
            ending.append(self._run.end_reason.set(reason))
        first = True
        try:
            with told():
                run.update(
                    actions=[*ending, self._run.counts.set(dict(counts)), self._run.open_symbols.remove()],
                    condition=self._run.state != RunState.ENDED.value,
                )
        except StaleTurnError:
            first = False
            later: list[Action] = [self._run.counts.set(dict(counts))]
            if reason is not None:
                later.append(self._run.end_reason.set(self._run.end_reason | reason))
            with told():
                run.update(actions=later, condition=self._run.pk.exists())
        return first

    def forget_open(self, run_id: str) -> None:
        """Delete the run's mark; deleting it again changes nothing."""
        with told():
            self._mark(_OPEN, run_id).delete()

    def occurred(self, occurrence: str) -> bool:
        """Read the occurrence's mark."""
        with told():
            return self._mark.count(_OCCURRENCE, self._mark.sk == occurrence, consistent_read=True) > 0

    def put_universe(self, day: str, ranked: Sequence[Ranked], *, run_id: str) -> None:
        """Write the day's ranking, if the day has none."""
        ranking = [{"symbol": one.listing.symbol, "quote_volume": str(one.quote_volume)} for one in ranked]
        item = self._universe(_UNIVERSE, day, run_id=run_id, ranked=ranking)
        try:
            with told():
                item.save(condition=self._universe.pk.does_not_exist())
        except StaleTurnError:
            return

    def universe(self, day: str) -> list[dict[str, str]] | None:
        """Read a day's ranking."""
        with told():
            try:
                ranked: list[dict[str, str]] = self._universe.get(_UNIVERSE, day).ranked
            except self._universe.DoesNotExist:
                return None
            return ranked

    def _connection(self) -> Connection:
        return Connection(connect_timeout_seconds=2, read_timeout_seconds=5, max_retry_attempts=7)

    def _is_open(self) -> Condition:
        return reduce(or_, (self._symbol.outcome == outcome.value for outcome in Outcome if outcome.open))

    def _all_of(self, record: SymbolRecord) -> list[Action]:
        """Return the actions that write all attributes of a record."""
        actions: list[Action] = []
        for name, value in items.symbol_attributes(record).items():
            if name == "updated_at":  # set by every write
                continue
            attribute = getattr(self._symbol, name)
            actions.append(attribute.remove() if value is None else attribute.set(value))
        return actions

    def _update(self, record: SymbolRecord, actions: list[Action], condition: Condition) -> SymbolRecord:
        item = self._symbol(items.run_key(record.run_id), items.symbol_key(record.symbol))
        now = self._now()
        actions = [*actions, self._symbol.updated_at.set(now), self._symbol.expires_at.set(now + items.KEEP_RUNS)]
        with told():
            item.update(actions=actions, condition=condition)
        return items.symbol_of(item)


@contextmanager
def told() -> Iterator[None]:
    """Turn PynamoDB's errors into ours: a condition that failed is a stale turn."""
    try:
        yield
    except (PutError, UpdateError, TransactWriteError, PynamoDBException) as error:
        reasons = [reason.code for reason in getattr(error, "cancellation_reasons", None) or () if reason]
        if error.cause_response_code == _CONDITION or any("ConditionalCheckFailed" in code for code in reasons):
            raise StaleTurnError(str(error)) from error
        raise CollectorError(f"the runs table refused: {error}") from error
