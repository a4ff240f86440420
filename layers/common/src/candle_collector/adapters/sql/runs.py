"""The runs and their symbols: every step is a transaction, so that it happens once or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.leases import NEVER, lock_lease, write_lease
from candle_collector.adapters.sql.records import Record, new_revision
from candle_collector.adapters.sql.rows import insert_if_absent, put_row
from candle_collector.adapters.sql.schema import occurrences, run_series, runs
from candle_collector.domain.interval import ms_of
from candle_collector.domain.run import Run, RunSeriesRecord, RunState
from candle_collector.domain.series import Series
from candle_collector.errors import StaleTurnError

KEEP_RUNS = timedelta(days=90)
"""How long an ended run is kept; series, universes and candles are kept for good."""

_RUN = Record(Run, "a run")
_SYMBOL = Record(RunSeriesRecord, "the record of a run's symbol")


class SqlRuns:
    """The `RunStore` in a database.

    Parameters
    ----------
    now
        Our clock, for the times of changes.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._now = now

    def create(self, run: Run, records: Iterable[RunSeriesRecord]) -> None:
        """Write the run and its symbols, and forget the runs that are too old."""
        write_id = new_revision()
        symbols = [_row_of(replace(record, updated_at=run.created_at), new_revision()) for record in records]

        def write(connection: Connection) -> None:
            row = {"run_id": run.run_id, "is_open": True, "created_at": ms_of(run.created_at), "write_id": write_id}
            if not insert_if_absent(connection, runs, {**row, **_columns_of(run)}):
                if _locked(connection, run.run_id).write_id == write_id:
                    return
                raise StaleTurnError(f"the run {run.run_id} exists")
            if symbols:
                connection.execute(insert(run_series), symbols)
            _forget_before(connection, run.created_at - KEEP_RUNS)

        self._database.transact(write)

    def activate(self, run_id: str, started_at: datetime, *, occurrence: str | None = None) -> None:
        """Mark the run active, move its lease's end out of reach, and use up the occurrence."""
        write_id = new_revision()

        def write(connection: Connection) -> None:
            row = _locked(connection, run_id)
            if row.write_id == write_id:
                return
            run = _RUN.read(row.body)
            if run.state is not RunState.CREATING or run.end_reason:
                raise StaleTurnError(f"the run {run_id} is not one that can become active")
            lease = lock_lease(connection)
            if lease is None or lease.run_id != run_id:
                raise StaleTurnError(f"the lease of the run {run_id} is over")
            mark = {"occurrence": occurrence, "run_id": run_id}
            if occurrence and not insert_if_absent(connection, occurrences, mark):
                raise StaleTurnError(f"the occurrence {occurrence} has started a run already")
            write_lease(connection, lease._replace(expires=NEVER))
            _write(connection, replace(run, state=RunState.ACTIVE, started_at=started_at), write_id=write_id)

        self._database.transact(write)

    def get(self, run_id: str) -> Run | None:
        """Read a run."""
        return next(iter(self.get_many([run_id])), None)

    def get_many(self, run_ids: Sequence[str]) -> list[Run]:
        """Read runs."""
        rows = self._rows(select(runs.c.run_id, runs.c.body).where(runs.c.run_id.in_(run_ids)))
        found = {row.run_id: _RUN.read(row.body) for row in rows}
        return [found[run_id] for run_id in run_ids if run_id in found]

    def runs(self, *, limit: int, before: str | None = None) -> list[str]:
        """Read the history from its end."""
        statement = select(runs.c.run_id).order_by(runs.c.run_id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(runs.c.run_id < before)
        return [row.run_id for row in self._rows(statement)]

    def open_runs(self) -> list[str]:
        """Read the open runs."""
        return [row.run_id for row in self._rows(select(runs.c.run_id).where(runs.c.is_open).order_by(runs.c.run_id))]

    def symbols(self, run_id: str) -> list[RunSeriesRecord]:
        """Read a run's symbols."""
        statement = select(run_series).where(run_series.c.run_id == run_id)
        return sorted(map(_record_of, self._rows(statement)), key=lambda record: record.series)

    def symbol(self, run_id: str, series: Series) -> RunSeriesRecord | None:
        """Read one symbol."""
        statement = select(run_series).where(run_series.c.run_id == run_id, run_series.c.series == str(series))
        return next((_record_of(row) for row in self._rows(statement)), None)

    def put_symbol(self, record: RunSeriesRecord, *, followed: bool = False) -> RunSeriesRecord:
        """Write a record while its revision is the newest, and return what is there then."""
        row = _row_of(replace(record, updated_at=self._now()), new_revision())
        key = {name: row.pop(name) for name in ("run_id", "series")}
        if record.revision is not None:  # whoever stops a worker sets it, and nobody takes it back
            del row["stopping"]

        def write(connection: Connection) -> RunSeriesRecord:
            kept = put_row(connection, run_series, key, row, known=record.revision)
            if kept is None or kept.revision != row["revision"]:
                raise StaleTurnError(f"the record of {record.series} was written by somebody else meanwhile")
            return _record_of(kept)

        return self._database.transact(write, followed=followed)

    def stop_symbol(self, run_id: str, series: Series) -> None:
        """Set the mark; setting it again changes nothing."""
        statement = update(run_series).where(run_series.c.run_id == run_id, run_series.c.series == str(series))

        def write(connection: Connection) -> None:
            if not connection.execute(statement.values(stopping=True)).rowcount:
                raise StaleTurnError(f"the run {run_id} has no record of {series}")

        self._database.transact(write)

    def leave(self, run_id: str, *series: Series) -> Run:
        """Take the series out of the run's open ones; doing it again changes nothing."""

        def write(connection: Connection) -> Run:
            run = _RUN.read(_locked(connection, run_id).body)
            names = frozenset(map(str, series))
            if run.open.isdisjoint(names):
                return run
            return _write(connection, replace(run, open=run.open - names))

        return self._database.transact(write)

    def stop(self, run_id: str, reason: str) -> Run:
        """Set the reason, unless the run has ended; the first reason stays."""

        def write(connection: Connection) -> Run:
            run = _RUN.read(_locked(connection, run_id).body)
            if run.state is RunState.ENDED:
                raise StaleTurnError(f"the run {run_id} has ended")
            return run if run.end_reason else _write(connection, replace(run, end_reason=reason))

        return self._database.transact(write)

    def end(self, run_id: str, *, at: datetime, counts: Mapping[str, int]) -> bool:
        """Mark the run ended, and delete its lease with it."""
        write_id = new_revision()

        def write(connection: Connection) -> bool:
            row = _locked(connection, run_id)
            run = _RUN.read(row.body)
            if run.state is RunState.ENDED:
                return bool(row.write_id == write_id)
            ended = replace(run, state=RunState.ENDED, ended_at=at, counts=dict(counts), open=frozenset())
            _write(connection, ended, write_id=write_id)
            lease = lock_lease(connection)
            if lease and lease.run_id == run_id:
                write_lease(connection, None)
            return True

        return self._database.transact(write)

    def forget_open(self, run_id: str) -> None:
        """Take the run off the open ones; doing it again changes nothing."""
        statement = update(runs).where(runs.c.run_id == run_id).values(is_open=False)
        self._database.transact(lambda connection: connection.execute(statement).close())

    def occurred(self, occurrence: str) -> bool:
        """Read the occurrence's mark."""
        return bool(self._rows(select(occurrences.c.run_id).where(occurrences.c.occurrence == occurrence)))

    def _rows(self, statement: Select[Any]) -> Sequence[Row[Any]]:
        return self._database.query(lambda connection: connection.execute(statement).all())


def _columns_of(run: Run) -> dict[str, Any]:
    return {"state": run.state.value, "body": _RUN.write(run)}


def _locked(connection: Connection, run_id: str) -> Row[Any]:
    """Read a run's row, and let nobody else change it before the end of the transaction.

    Raises
    ------
    StaleTurnError
        It is not there.
    """
    row = connection.execute(select(runs).where(runs.c.run_id == run_id).with_for_update()).first()
    if row is None:
        raise StaleTurnError(f"there is not a run {run_id}")
    return row


def _write(connection: Connection, run: Run, **values: str) -> Run:
    """Write a run that `_locked` has read in this transaction, and return it."""
    connection.execute(update(runs).where(runs.c.run_id == run.run_id).values(**_columns_of(run), **values))
    return run


def _forget_before(connection: Connection, moment: datetime) -> None:
    """Delete the runs that were created before then and have ended, and what belongs to them."""
    old = select(runs.c.run_id).where(runs.c.created_at < ms_of(moment), runs.c.is_open.is_(False))
    for table in (run_series, occurrences, runs):
        connection.execute(delete(table).where(table.c.run_id.in_(old)))


def _row_of(record: RunSeriesRecord, revision: str) -> dict[str, Any]:
    """Return the row of a record; what has a column of its own is not in the body."""
    return {
        "run_id": record.run_id,
        "series": str(record.series),
        "outcome": record.outcome.value,
        "stopping": record.stopping,
        "revision": revision,
        "body": _SYMBOL.write(replace(record, stopping=False, revision=None)),
    }


def _record_of(row: Row[Any]) -> RunSeriesRecord:
    return replace(_SYMBOL.read(row.body), stopping=row.stopping, revision=row.revision)
