"""The runs and their symbols in DynamoDB: every step is a conditional write, so that it happens once or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import reduce
from operator import or_

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from candle_collector.adapters.dynamodb.item_table import ItemTable, translate_errors
from candle_collector.adapters.dynamodb.items import (
    KEEP_RUNS,
    MarkItem,
    RunItem,
    SymbolItem,
    attributes_of,
    fields_of,
)
from candle_collector.domain.run import Outcome, Run, RunState, SymbolRecord
from candle_collector.errors import StaleTurnError

_RUN = "RUN"
_RUNS = "RUNS"
_OPEN = "OPEN"
_OCCURRENCE = "OCCURRENCE"


class RunsTable:
    """The `RunStore` in the runs table.

    Parameters
    ----------
    now
        Our clock, for the times of changes.
    """

    def __init__(self, table: ItemTable, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._table = table
        self._run = table.model(RunItem)
        self._symbol = table.model(SymbolItem)
        self._mark = table.model(MarkItem)
        self._now = now

    def create(self, run: Run, records: Iterable[SymbolRecord], *, occurrence: str | None = None) -> None:
        """Write the run, its places in history and among the open ones in one step, then its symbols in batches."""
        ends = run.created_at + KEEP_RUNS
        key = _run_key(run.run_id)
        with translate_errors(), TransactWrite(connection=self._table.connection) as transaction:
            transaction.save(
                self._run(key, _RUN, expires_at=ends, **attributes_of(run, RunItem)), self._run.pk.does_not_exist()
            )
            transaction.save(self._mark(_RUNS, run.run_id, at=run.created_at, expires_at=ends))
            transaction.save(self._mark(_OPEN, run.run_id, at=run.created_at))
            if occurrence:
                mark = self._mark(_OCCURRENCE, occurrence, at=run.created_at, expires_at=ends)
                transaction.save(mark, self._mark.pk.does_not_exist())
        with translate_errors(), self._symbol.batch_write() as batch:
            for record in records:
                attributes = attributes_of(replace(record, updated_at=run.created_at), SymbolItem)
                batch.save(self._symbol(key, _symbol_key(record.symbol), expires_at=ends, **attributes))

    def activate(self, run_id: str, started_at: datetime) -> None:
        """Mark the run active, if it is still being created."""
        with translate_errors():
            self._run(_run_key(run_id), _RUN).update(
                actions=[self._run.state.set(RunState.ACTIVE), self._run.started_at.set(started_at)],
                condition=self._run.state == RunState.CREATING,
            )

    def get(self, run_id: str) -> Run | None:
        """Read a run."""
        with translate_errors():
            try:
                return _run_of(self._run.get(_run_key(run_id), _RUN, consistent_read=True))
            except self._run.DoesNotExist:
                return None

    def get_many(self, run_ids: Sequence[str]) -> list[Run]:
        """Read runs in batches; what the table left unread is asked for again by PynamoDB."""
        with translate_errors():
            keys = [(_run_key(run_id), _RUN) for run_id in run_ids]
            found = {run.run_id: run for run in map(_run_of, self._run.batch_get(keys))}
        return [found[run_id] for run_id in run_ids if run_id in found]

    def runs(self, *, limit: int, before: str | None = None) -> list[str]:
        """Read the history from its end."""
        older = None if before is None else self._mark.sk < before
        with translate_errors():
            return [mark.sk for mark in self._mark.query(_RUNS, older, scan_index_forward=False, limit=limit)]

    def open_runs(self) -> list[str]:
        """Read the open runs' marks."""
        with translate_errors():
            return [mark.sk for mark in self._mark.query(_OPEN, consistent_read=True)]

    def symbols(self, run_id: str) -> list[SymbolRecord]:
        """Read a run's symbols, page after page."""
        with translate_errors():
            found = self._symbol.query(
                _run_key(run_id), self._symbol.sk.startswith(_symbol_key("")), consistent_read=True
            )
            return [_record_of(item) for item in found]

    def symbol(self, run_id: str, symbol: str) -> SymbolRecord | None:
        """Read one symbol."""
        with translate_errors():
            try:
                key = (_run_key(run_id), _symbol_key(symbol))
                return _record_of(self._symbol.get(*key, consistent_read=True))
            except self._symbol.DoesNotExist:
                return None

    def claim(self, record: SymbolRecord, *, now: datetime, until: datetime) -> SymbolRecord:
        """Claim the turn while it is the record's, the record is open, and no other claim lives."""
        unclaimed = self._symbol.claimed_until.does_not_exist() | (self._symbol.claimed_until <= now)
        return self._update(
            record,
            [self._symbol.outcome.set(Outcome.RUNNING), self._symbol.claimed_until.set(until)],
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
        run = self._run(_run_key(run_id), _RUN)
        with translate_errors():
            run.update(actions=[self._run.open.delete([symbol])], condition=self._run.pk.exists())
        return _run_of(run)

    def end(self, run_id: str, *, at: datetime, counts: Mapping[str, int], reason: str | None) -> bool:
        """Mark the run ended once; counts are written each time, and a reason where none is written yet.

        A late success changes the counts. A worker may end a run a moment before whoever closes it: the reason is kept.
        """
        run = self._run(_run_key(run_id), _RUN)
        ending = [self._run.state.set(RunState.ENDED), self._run.ended_at.set(at)]
        if reason is not None:
            ending.append(self._run.end_reason.set(reason))
        first = True
        try:
            with translate_errors():
                run.update(
                    actions=[*ending, self._run.counts.set(dict(counts)), self._run.open.remove()],
                    condition=self._run.state != RunState.ENDED,
                )
        except StaleTurnError:
            first = False
            later: list[Action] = [self._run.counts.set(dict(counts))]
            if reason is not None:
                later.append(self._run.end_reason.set(self._run.end_reason | reason))
            with translate_errors():
                run.update(actions=later, condition=self._run.pk.exists())
        return first

    def forget_open(self, run_id: str) -> None:
        """Delete the run's mark; deleting it again changes nothing."""
        with translate_errors():
            self._mark(_OPEN, run_id).delete()

    def occurred(self, occurrence: str) -> bool:
        """Read the occurrence's mark."""
        with translate_errors():
            return self._mark.count(_OCCURRENCE, self._mark.sk == occurrence, consistent_read=True) > 0

    def _is_open(self) -> Condition:
        return reduce(or_, (self._symbol.outcome == outcome for outcome in Outcome if outcome.open))

    def _all_of(self, record: SymbolRecord) -> list[Action]:
        """Return the actions that write all attributes of a record."""
        actions: list[Action] = []
        for name, value in attributes_of(record, SymbolItem).items():
            if name == "updated_at":  # set by every write
                continue
            attribute = getattr(self._symbol, name)
            actions.append(attribute.remove() if value is None else attribute.set(value))
        return actions

    def _update(self, record: SymbolRecord, actions: list[Action], condition: Condition) -> SymbolRecord:
        item = self._symbol(_run_key(record.run_id), _symbol_key(record.symbol))
        now = self._now()
        actions = [*actions, self._symbol.updated_at.set(now), self._symbol.expires_at.set(now + KEEP_RUNS)]
        with translate_errors():
            item.update(actions=actions, condition=condition)
        return _record_of(item)


def _run_key(run_id: str) -> str:
    return f"RUN#{run_id}"


def _symbol_key(symbol: str) -> str:
    return f"SYM#{symbol}"


def _run_of(item: RunItem) -> Run:
    fields = fields_of(item)
    start, end = fields.pop("window")
    fields["open"] = frozenset(fields.get("open", ()))
    return Run(run_id=item.pk.removeprefix("RUN#"), start=start, end=end, **fields)


def _record_of(item: SymbolItem) -> SymbolRecord:
    return SymbolRecord(run_id=item.pk.removeprefix("RUN#"), symbol=item.sk.removeprefix("SYM#"), **fields_of(item))
