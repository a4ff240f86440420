"""The runs and their symbols in DynamoDB: every step is a conditional write, so that it happens once or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from candle_collector.adapters.dynamodb.item_table import ItemTable, new_revision, translate_errors, write
from candle_collector.adapters.dynamodb.items import (
    KEEP_RUNS,
    LeaseItem,
    MarkItem,
    RunItem,
    SymbolItem,
    attributes_of,
    fields_of,
)
from candle_collector.adapters.dynamodb.lease_table import LEASE, NEVER
from candle_collector.domain.run import Run, RunSeries, RunSeriesRecord, RunState
from candle_collector.domain.series import Series, series_named
from candle_collector.errors import StaleTurnError

_RUN = "RUN"
_RUNS = "RUNS"
_OPEN = "OPEN"
_SERIES = "SERIES#"
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
        self._lease = table.model(LeaseItem)
        self._now = now
        self._numbers: tuple[str, dict[str, str]] = "", {}
        self._last_written: tuple[str | None, Mapping[str, Any]] = (None, {})

    def create(self, run: Run, records: Iterable[RunSeriesRecord]) -> None:
        """Write the run, its places in history and among the open ones in one step, then its symbols in batches."""
        ends = run.created_at + KEEP_RUNS
        key = _run_key(run.run_id)
        attributes = attributes_of(run, RunItem) | {"open_numbers": list(_numbers_of(run).values()) or None}
        item = self._run(key, _RUN, expires_at=ends, write_id=new_revision(), **attributes)

        def save() -> None:
            with TransactWrite(connection=self._table.connection) as transaction:
                transaction.save(item, self._run.pk.does_not_exist())
                transaction.save(self._mark(_RUNS, run.run_id, at=run.created_at, expires_at=ends))
                transaction.save(self._mark(_OPEN, run.run_id, at=run.created_at))

        self._write_once(run.run_id, item.write_id, save)
        with translate_errors(), self._symbol.batch_write() as batch:
            for record in records:
                written = replace(record, updated_at=run.created_at, revision=new_revision())
                attributes = attributes_of(written, SymbolItem)
                batch.save(self._symbol(key, _series_key(record.series), expires_at=ends, **attributes))

    def activate(self, run_id: str, started_at: datetime, *, occurrence: str | None = None) -> None:
        """Mark the run active, move its lease's end out of reach, and use up the occurrence, in one step."""
        write_id = new_revision()
        ready = (self._run.state == RunState.CREATING) & self._run.end_reason.does_not_exist()

        def save() -> None:
            with TransactWrite(connection=self._table.connection) as transaction:
                transaction.update(
                    self._run(_run_key(run_id), _RUN),
                    [
                        self._run.state.set(RunState.ACTIVE),
                        self._run.started_at.set(started_at),
                        self._run.write_id.set(write_id),
                    ],
                    ready,
                )
                transaction.update(
                    self._lease(LEASE, LEASE), [self._lease.expires.set(NEVER)], self._lease.run_id == run_id
                )
                if occurrence:
                    ends = started_at + KEEP_RUNS
                    mark = self._mark(_OCCURRENCE, occurrence, at=started_at, run_id=run_id, expires_at=ends)
                    transaction.save(mark, self._mark.pk.does_not_exist())

        self._write_once(run_id, write_id, save)

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

    def symbols(self, run_id: str) -> list[RunSeriesRecord]:
        """Read a run's symbols, page after page."""
        with translate_errors():
            found = self._symbol.query(_run_key(run_id), self._symbol.sk.startswith(_SERIES), consistent_read=True)
            return sorted(map(_record_of, found), key=lambda record: record.series)

    def symbol(self, run_id: str, series: Series) -> RunSeriesRecord | None:
        """Read one symbol."""
        with translate_errors():
            try:
                key = (_run_key(run_id), _series_key(series))
                return _record_of(self._symbol.get(*key, consistent_read=True))
            except self._symbol.DoesNotExist:
                return None

    def put_symbol(self, record: RunSeriesRecord, *, followed: bool = False) -> RunSeriesRecord:
        """Write a record's attributes while its revision is the newest; what follows it changes nothing."""
        del followed
        known = self._symbol.revision
        newest = known.does_not_exist() if record.revision is None else known == record.revision
        now = self._now()
        written = replace(record, revision=new_revision(), updated_at=now)
        attributes = attributes_of(written, SymbolItem)
        actions = [*self._changes(record.revision, attributes), self._symbol.expires_at.set(now + KEEP_RUNS)]
        item = self._symbol(_run_key(record.run_id), _series_key(record.series))
        try:
            write(lambda: item.update(actions=actions, condition=newest))
        except StaleTurnError:
            kept = self.symbol(record.run_id, record.series)
            if kept is None or kept.revision != written.revision:
                raise
            return kept  # it was ours, and its reply was lost
        self._last_written = written.revision, attributes
        return _record_of(item)

    def stop_symbol(self, run_id: str, series: Series) -> None:
        """Set the mark; setting it again changes nothing."""
        item = self._symbol(_run_key(run_id), _series_key(series))
        write(lambda: item.update(actions=[self._symbol.stopping.set(True)], condition=self._symbol.pk.exists()))

    def leave(self, run_id: str, *series: Series) -> Run:
        """Delete the series from the run's set of open ones, which has their places in its list, as those are short.

        Deleting them again changes nothing. The list is read once: it never changes.
        """
        known_of, places = self._numbers
        if known_of != run_id:
            places = {str(item.series): str(at) for at, item in enumerate(self._series_of(run_id))}
            self._numbers = run_id, places
        numbers = [places[name] for name in map(str, series)]
        return self._update_run(run_id, [self._run.open_numbers.delete(numbers)], self._run.pk.exists())

    def _series_of(self, run_id: str) -> Sequence[RunSeries]:
        """Return the series of a run.

        Raises
        ------
        StaleTurnError
            There is no such run.
        """
        run = self.get(run_id)
        if run is None:
            raise StaleTurnError(f"there is not a run {run_id}")
        return run.series

    def stop(self, run_id: str, reason: str) -> Run:
        """Set the reason, unless the run has ended; the first reason stays."""
        reasons = [self._run.end_reason.set(self._run.end_reason | reason)]
        return self._update_run(run_id, reasons, self._run.pk.exists() & (self._run.state != RunState.ENDED))

    def end(self, run_id: str, *, at: datetime, counts: Mapping[str, int]) -> bool:
        """Mark the run ended, and delete its lease with it."""
        write_id = new_revision()
        ending: list[Action] = [
            self._run.state.set(RunState.ENDED),
            self._run.ended_at.set(at),
            self._run.counts.set(dict(counts)),
            self._run.open_numbers.remove(),
            self._run.write_id.set(write_id),
        ]

        def save() -> None:
            holds = [lease for lease in self._lease.query(LEASE, consistent_read=True) if lease.run_id == run_id]
            with TransactWrite(connection=self._table.connection) as transaction:
                unended = self._run.pk.exists() & (self._run.state != RunState.ENDED)
                transaction.update(self._run(_run_key(run_id), _RUN), ending, unended)
                for lease in holds:
                    transaction.delete(lease, self._lease.run_id == run_id)

        try:
            self._write_once(run_id, write_id, save)
        except StaleTurnError:
            run = self.get(run_id)
            if run is None or run.state is not RunState.ENDED:
                raise
            return False
        return True

    def forget_open(self, run_id: str) -> None:
        """Delete the run's mark; deleting it again changes nothing."""
        write(self._mark(_OPEN, run_id).delete)

    def occurred(self, occurrence: str) -> bool:
        """Read the occurrence's mark."""
        with translate_errors():
            return self._mark.count(_OCCURRENCE, self._mark.sk == occurrence, consistent_read=True) > 0

    def _update_run(self, run_id: str, actions: Sequence[Action], condition: Condition) -> Run:
        run = self._run(_run_key(run_id), _RUN)
        write(lambda: run.update(actions=list(actions), condition=condition))
        return _run_of(run)

    def _write_once(self, run_id: str, write_id: str, save: Callable[[], None]) -> None:
        """Do a transaction that names itself on the run; one whose reply was lost is known by that name.

        Raises
        ------
        StaleTurnError
            A condition of it does not hold.
        """
        try:
            write(save)
        except StaleTurnError:
            with translate_errors():
                try:
                    kept = self._run.get(_run_key(run_id), _RUN, consistent_read=True)
                except self._run.DoesNotExist:
                    kept = None
            if kept is None or kept.write_id != write_id:
                raise

    def _changes(self, revision: str | None, attributes: Mapping[str, Any]) -> list[Action]:
        """Return the actions that write the attributes of a record: those that are not as this process wrote them.

        Parameters
        ----------
        revision
            The write that the record was read from.
        """
        last_revision, last = self._last_written
        known = last if revision is not None and revision == last_revision else {}
        actions: list[Action] = []
        for name, value in attributes.items():
            if name == "stopping":  # whoever stops a worker sets it, and nobody takes it back
                continue
            if name in known and known[name] == value:
                continue
            attribute = getattr(self._symbol, name)
            actions.append(attribute.remove() if value is None else attribute.set(value))
        return actions


def _run_key(run_id: str) -> str:
    return f"RUN#{run_id}"


def _series_key(series: Series) -> str:
    return f"{_SERIES}{series}"


def _run_of(item: RunItem) -> Run:
    fields = fields_of(item)
    names = [str(item.series) for item in fields["series"]]
    fields["open"] = frozenset(names[int(number)] for number in fields.pop("open_numbers", ()))
    return Run(run_id=item.pk.removeprefix("RUN#"), **fields)


def _numbers_of(run: Run) -> dict[str, str]:
    """Return the places of a run's open series in its list, by their names."""
    return {str(item.series): str(at) for at, item in enumerate(run.series) if str(item.series) in run.open}


def _record_of(item: SymbolItem) -> RunSeriesRecord:
    return RunSeriesRecord(
        run_id=item.pk.removeprefix("RUN#"), series=series_named(item.sk.removeprefix(_SERIES)), **fields_of(item)
    )
