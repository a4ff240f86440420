"""The candles: a row each, whose key the database itself keeps from being written twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from itertools import chain, repeat
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, Select, Table, func, select, update
from sqlalchemy.dialects import sqlite

from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.known_slots import add_known, inside, read_known
from candle_collector.adapters.sql.rows import insert_if_absent
from candle_collector.adapters.sql.schema import candles, key_of, never_printed, revisions
from candle_collector.adapters.sql.schema import series as series_table
from candle_collector.domain import windows
from candle_collector.domain.candle import Candle, candle_from_line
from candle_collector.domain.candle_columns import CandleColumns, columns_of
from candle_collector.domain.progress import Revision
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window, Windows
from candle_collector.errors import StoredCandleDamagedError
from candle_collector.ports import Revised, StoredBlocks

_FIELDS = (
    candles.c.open,
    candles.c.high,
    candles.c.low,
    candles.c.close,
    candles.c.volume,
    candles.c.quote_volume,
    candles.c.trade_count,
    candles.c.taker_base,
    candles.c.taker_quote,
)
"""The columns of a candle in the order of its line."""

_ROWS_AT_ONCE = 80
"""Rows of a statement in SQLite, which takes 999 values: two thirds of the CPU of a statement a row (measured), and the
threads beside get Python's lock a dozen times and not a thousand while others wait for the file."""


class SqlCandles:
    """The `CandleStore` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._add_candles = _added(candles, database.engine.dialect)
        self._add_never_printed = _added(never_printed, database.engine.dialect)

    def coverage(self, series: Series, within: Window) -> StoredBlocks:
        """Read which slots of the touched blocks have a row; no candle is read."""
        if not within.slots:
            return StoredBlocks((), (), frozenset())
        size = series.interval.block_slots
        whole = Window(within.start - within.start % size, within.end + -within.end % size)

        def read(connection: Connection) -> StoredBlocks:
            series_id = connection.execute(select(_id_of(series))).scalar()
            stored, never = read_known(connection, series_id, series, whole)
            return StoredBlocks(stored, never, series.interval.blocks_in(windows.union([*stored, *never])))

        return self._database.query(read)

    def store(
        self,
        series: Series,
        candles: Sequence[Candle],
        never_printed: Windows,
        *,
        absent_blocks: frozenset[int],
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        """Add the rows that are not there, all in one transaction; which blocks have none is of no use to it."""
        del absent_blocks

        def write(connection: Connection) -> None:
            fence()
            series_id, open_ms = _series_id(connection, series), series.interval.open_ms
            columns = columns_of(candles)
            if candles:
                open_times = map(open_ms, columns.slot)
                self._add_candles(connection, list(zip(repeat(series_id), open_times, *columns[1:], strict=False)))
            if never_printed:
                self._add_never_printed(
                    connection, [(series_id, open_ms(slot)) for slot in windows.slots_in(never_printed)]
                )

            add_known(connection, series_id, series, windows.from_slots(columns.slot), never_printed)

        if candles or never_printed:
            self._database.transact(write)

    def write_coverage(self, series: Series, *, fence: Callable[[], None]) -> None:
        """Write nothing: `store` has done so, in one transaction with the rows."""

    def revise(
        self, series: Series, revisions: Sequence[Revision], *, run_id: str, at: datetime, fence: Callable[[], None]
    ) -> None:
        """Replace the candles, and keep both values, all in one transaction."""

        def write(connection: Connection) -> None:
            fence()
            for revision in revisions:
                _replace(connection, series, revision, run_id, at)

        if revisions:
            self._database.transact(write)

    def revised(self, series: Series, within: Window | None = None) -> list[Revised]:
        """Read the rows that keep both values."""
        columns = revisions.c
        statement = (
            select(columns.open_time, columns.stored, columns.offered, columns.run_id, columns.replaced_at)
            .where(columns.series_id == _id_of(series), *inside(columns.open_time, within, series.interval))
            .order_by(columns.open_time, columns.revision_id)
        )
        found = []
        for open_time, stored, offered, run_id, at in self._rows(statement):
            slot = series.interval.slot_at(open_time)
            pair = Revision(candle_from_line(slot, stored), candle_from_line(slot, offered))
            found.append(Revised(pair, run_id, datetime.fromisoformat(at)))
        return found

    def candles(self, series: Series, within: Window, *, limit: int, newest: bool = False) -> list[Candle]:
        """Return stored candles, reading no more rows than that."""
        if not within.slots or limit <= 0:
            return []
        order = candles.c.open_time.desc() if newest else candles.c.open_time
        statement = _candles_of(series).where(*inside(candles.c.open_time, within, series.interval)).order_by(order)
        rows = self._tuples(statement.limit(limit))
        return _columns(rows[::-1] if newest else rows, series).candles()

    def columns(self, series: Series, within: Window) -> CandleColumns:
        """Return the columns of the rows."""
        statement = _candles_of(series).where(*inside(candles.c.open_time, within, series.interval))
        return _columns(self._tuples(statement.order_by(candles.c.open_time)), series)

    def first_slot(self, series: Series) -> int | None:
        """Return the slot of the first row."""
        return self._end(series, func.min(candles.c.open_time))

    def last_slot(self, series: Series) -> int | None:
        """Return the slot of the last row."""
        return self._end(series, func.max(candles.c.open_time))

    def _end(self, series: Series, end: ColumnElement[Any]) -> int | None:
        ((open_time,),) = self._rows(select(end).where(candles.c.series_id == _id_of(series)))
        return None if open_time is None else series.interval.slot_at(open_time)

    def _tuples(self, statement: Select[Any]) -> Sequence[Any]:
        """Return rows of candles as the driver makes them: no value needs SQLAlchemy, whose rows take a fifth more."""

        def read(connection: Connection) -> Sequence[Any]:
            with closing(connection.execute(statement)) as result:
                found: Sequence[Any] = result.cursor.fetchall()
            return found

        return self._database.query(read)

    def _rows(self, statement: Select[Any]) -> Sequence[Any]:
        return self._database.query(lambda connection: connection.execute(statement).all())


def _added(table: Table, dialect: Dialect) -> Callable[[Connection, list[tuple[Any, ...]]], object]:
    """Return what adds rows, in the order of the table's columns, where their keys are not there yet.

    Both ways leave the rows to the driver: SQLAlchemy's own takes twice the CPU (measured).
    """
    if dialect.name == "postgresql":
        arrays = ", ".join(f"%s::{column.type.compile(dialect)}[]" for column in table.columns)
        unnested = f"INSERT INTO {table.name} SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"  # noqa: S608 - our own names
        return lambda connection, rows: connection.exec_driver_sql(
            unnested, tuple(list(column) for column in zip(*rows, strict=True))
        )
    insertion = str(sqlite.insert(table).on_conflict_do_nothing().compile(dialect=dialect))
    values = f"({', '.join('?' * len(table.columns))})"
    of_many = insertion.replace("VALUES (", f"VALUES {', '.join([values] * (_ROWS_AT_ONCE - 1))}, (", 1)

    def add(connection: Connection, rows: list[tuple[Any, ...]]) -> None:
        whole = len(rows) - len(rows) % _ROWS_AT_ONCE
        if whole:
            parts = (rows[start : start + _ROWS_AT_ONCE] for start in range(0, whole, _ROWS_AT_ONCE))
            connection.exec_driver_sql(of_many, [tuple(chain.from_iterable(part)) for part in parts])
        if rows[whole:]:
            connection.exec_driver_sql(insertion, rows[whole:])

    return add


def _id_of(series: Series) -> ColumnElement[Any]:
    """Return the id of a series as a part of a query; nothing equals it where the series has no row."""
    columns = series_table.c
    found = select(columns.series_id).where(*(columns[name] == value for name, value in key_of(series).items()))
    return found.scalar_subquery()


def _series_id(connection: Connection, series: Series) -> int:
    """Return the id of a series, which gets one with its first row."""
    known = connection.execute(select(_id_of(series))).scalar()
    if known is None:
        insert_if_absent(connection, series_table, key_of(series))
        known = connection.execute(select(_id_of(series))).scalar_one()
    return int(known)


def _candles_of(series: Series) -> Select[Any]:
    return select(candles.c.open_time, *_FIELDS, candles.c.offset_ms).where(candles.c.series_id == _id_of(series))


def _candle(row: Any, series: Series) -> Candle:
    """Return the candle of a row.

    Raises
    ------
    StoredCandleDamagedError
        The row is not one that `store` wrote.
    """
    open_time, *fields, offset_ms = row
    slot, off_the_grid = divmod(open_time, series.interval.length_ms)
    try:
        line = ",".join([*fields[:6], str(fields[6]), *fields[7:]])
        candle = candle_from_line(slot, f"{line},{offset_ms}" if offset_ms else line)
    except (TypeError, ValueError) as error:
        raise StoredCandleDamagedError(f"{series} {series.interval.format(slot)}: {error}") from error
    if off_the_grid:
        raise StoredCandleDamagedError(f"{series}: a row with the open time {open_time} does not open with a slot")
    return candle


def _columns(rows: Sequence[Any], series: Series) -> CandleColumns:
    """Return rows as columns.

    Raises
    ------
    StoredCandleDamagedError
        A row is not one that `store` wrote.
    """
    if rows:
        open_times, *fields = zip(*rows, strict=True)
        length = series.interval.length_ms
        found = CandleColumns([open_time // length for open_time in open_times], *fields)
        if found.are_as_stored() and not any(open_time % length for open_time in open_times):
            return found
    return columns_of([_candle(row, series) for row in rows])  # which names the row that is damaged


def _replace(connection: Connection, series: Series, revision: Revision, run_id: str, at: datetime) -> None:
    """Replace a row, where it is as it was read; one that is not was replaced already, perhaps by this very step."""
    stored, offered = revision
    open_time = series.interval.open_ms(stored.slot)
    row = connection.execute(_candles_of(series).where(candles.c.open_time == open_time).with_for_update()).first()
    if row is None or _candle(row, series).line() != stored.line():
        return
    series_id = _series_id(connection, series)
    _, *fields, offset_ms = offered
    values = {column.name: value for column, value in zip(_FIELDS, fields, strict=True)}
    connection.execute(
        update(candles)
        .where(candles.c.series_id == series_id, candles.c.open_time == open_time)
        .values(**values, offset_ms=offset_ms)
    )
    connection.execute(
        revisions.insert().values(
            series_id=series_id,
            open_time=open_time,
            run_id=run_id,
            replaced_at=at.isoformat(),
            stored=stored.line(),
            offered=offered.line(),
        )
    )
