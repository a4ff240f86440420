"""The candles: a row each, whose key the database itself keeps from being written twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, Select, Table, func, select, update
from sqlalchemy.dialects import sqlite

from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.rows import insert_if_absent
from candle_collector.adapters.sql.schema import candles, never_printed, revisions, series
from candle_collector.domain import windows
from candle_collector.domain.candle import INTERVAL, Candle, candle_from_line
from candle_collector.domain.candle_columns import CandleColumns, columns_of
from candle_collector.domain.progress import Revision
from candle_collector.domain.windows import HOUR_MS, HOURS_A_DAY, Window, Windows
from candle_collector.errors import StoredCandleDamagedError
from candle_collector.ports import Revised, StoredDays

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


class SqlCandles:
    """The `CandleStore` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._add_candles = _added(candles, database.engine.dialect)
        self._add_never_printed = _added(never_printed, database.engine.dialect)

    def coverage(self, symbol: str, within: Window) -> StoredDays:
        """Read which hours of the touched days have a row, from the keys alone."""
        if not within.hours:
            return StoredDays((), (), frozenset())
        midnight = within.start - within.start % HOURS_A_DAY
        whole = Window(midnight, within.end + -within.end % HOURS_A_DAY)

        def read(connection: Connection) -> StoredDays:
            stored = _known(connection, candles, symbol, whole)
            never = _known(connection, never_printed, symbol, whole)
            return StoredDays(stored, never, windows.days_in(windows.union([*stored, *never])))

        return self._database.query(read)

    def store(
        self,
        symbol: str,
        candles: Sequence[Candle],
        never_printed: Windows,
        *,
        absent_days: frozenset[str],
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        """Add the rows that are not there, all in one transaction; which days have none is of no use to it."""
        del absent_days

        def write(connection: Connection) -> None:
            fence()
            series_id = _series_id(connection, symbol)
            if candles:
                rows = [(series_id, hour * HOUR_MS, *fields, offset_ms) for hour, *fields, offset_ms in candles]
                self._add_candles(connection, rows)
            if never_printed:
                self._add_never_printed(
                    connection, [(series_id, hour * HOUR_MS) for hour in windows.hours_in(never_printed)]
                )

        if candles or never_printed:
            self._database.transact(write)

    def revise(
        self, symbol: str, revisions: Sequence[Revision], *, run_id: str, at: datetime, fence: Callable[[], None]
    ) -> None:
        """Replace the candles, and keep both values, all in one transaction."""

        def write(connection: Connection) -> None:
            fence()
            for revision in revisions:
                _replace(connection, symbol, revision, run_id, at)

        if revisions:
            self._database.transact(write)

    def revised(self, symbol: str, within: Window | None = None) -> list[Revised]:
        """Read the rows that keep both values."""
        columns = revisions.c
        statement = (
            select(columns.open_time, columns.stored, columns.offered, columns.run_id, columns.replaced_at)
            .where(columns.series_id == _id_of(symbol), *_inside(columns.open_time, within))
            .order_by(columns.open_time, columns.revision_id)
        )
        found = []
        for open_time, stored, offered, run_id, at in self._rows(statement):
            hour = open_time // HOUR_MS
            pair = Revision(candle_from_line(hour, stored), candle_from_line(hour, offered))
            found.append(Revised(pair, run_id, datetime.fromisoformat(at)))
        return found

    def candles(self, symbol: str, within: Window, *, limit: int, newest: bool = False) -> list[Candle]:
        """Return stored candles, reading no more rows than that."""
        if not within.hours or limit <= 0:
            return []
        order = candles.c.open_time.desc() if newest else candles.c.open_time
        statement = _candles_of(symbol).where(*_inside(candles.c.open_time, within)).order_by(order).limit(limit)
        rows = self._tuples(statement)
        return _columns(rows[::-1] if newest else rows, symbol).candles()

    def columns(self, symbol: str, within: Window) -> CandleColumns:
        """Return the columns of the rows."""
        inside = _inside(candles.c.open_time, within)
        return _columns(self._tuples(_candles_of(symbol).where(*inside).order_by(candles.c.open_time)), symbol)

    def first_hour(self, symbol: str) -> int | None:
        """Return the hour of the first row."""
        return self._end(symbol, func.min(candles.c.open_time))

    def last_hour(self, symbol: str) -> int | None:
        """Return the hour of the last row."""
        return self._end(symbol, func.max(candles.c.open_time))

    def _end(self, symbol: str, end: ColumnElement[Any]) -> int | None:
        ((open_time,),) = self._rows(select(end).where(candles.c.series_id == _id_of(symbol)))
        return None if open_time is None else open_time // HOUR_MS

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
    return lambda connection, rows: connection.exec_driver_sql(insertion, rows)


def _id_of(symbol: str) -> ColumnElement[Any]:
    """Return the id of a series as a part of a query; nothing equals it where the series has no row."""
    found = select(series.c.series_id).where(series.c.symbol == symbol, series.c.interval == INTERVAL)
    return found.scalar_subquery()


def _series_id(connection: Connection, symbol: str) -> int:
    """Return the id of a series, which gets one with its first row."""
    known = connection.execute(select(_id_of(symbol))).scalar()
    if known is None:
        insert_if_absent(connection, series, {"symbol": symbol, "interval": INTERVAL})
        known = connection.execute(select(_id_of(symbol))).scalar_one()
    return int(known)


def _inside(open_time: ColumnElement[Any], within: Window | None) -> list[ColumnElement[bool]]:
    if within is None:
        return []
    return [open_time >= within.start * HOUR_MS, open_time < within.end * HOUR_MS]


def _known(connection: Connection, table: Table, symbol: str, within: Window) -> Windows:
    """Return the hours that have a row, from the keys alone.

    Most series have no gap, which the number of the rows and the ends prove: a third of the time that it takes to read
    all keys, and those are read faster than SQLite finds the gaps between them by a window function (measured).
    """
    open_time = table.c.open_time
    rows = [table.c.series_id == _id_of(symbol), *_inside(open_time, within)]
    ends = (func.min(open_time), func.max(open_time), func.count(), func.max(open_time % HOUR_MS))
    found: Any = connection.execute(select(*ends).where(*rows)).first()
    first, last, number, off_the_grid = found
    if not number:
        return ()
    if off_the_grid:
        raise StoredCandleDamagedError(f"{symbol}: a row between {first} and {last} does not open at a full hour")
    if last - first == (number - 1) * HOUR_MS:
        return (Window(first // HOUR_MS, last // HOUR_MS + 1),)
    return windows.from_hours(at // HOUR_MS for at in connection.execute(select(open_time).where(*rows)).scalars())


def _candles_of(symbol: str) -> Select[Any]:
    return select(candles.c.open_time, *_FIELDS, candles.c.offset_ms).where(candles.c.series_id == _id_of(symbol))


def _candle(row: Any, symbol: str) -> Candle:
    """Return the candle of a row.

    Raises
    ------
    StoredCandleDamagedError
        The row is not one that `store` wrote.
    """
    open_time, *fields, offset_ms = row
    hour, off_the_grid = divmod(open_time, HOUR_MS)
    try:
        line = ",".join([*fields[:6], str(fields[6]), *fields[7:]])
        candle = candle_from_line(hour, f"{line},{offset_ms}" if offset_ms else line)
    except (TypeError, ValueError) as error:
        raise StoredCandleDamagedError(f"{symbol} {windows.moment_of(hour):%Y-%m-%d %H:%M}: {error}") from error
    if off_the_grid:
        raise StoredCandleDamagedError(f"{symbol}: a row with the open time {open_time} does not open at a full hour")
    return candle


def _columns(rows: Sequence[Any], symbol: str) -> CandleColumns:
    """Return rows as columns.

    Raises
    ------
    StoredCandleDamagedError
        A row is not one that `store` wrote.
    """
    if rows:
        open_times, *fields = zip(*rows, strict=True)
        found = CandleColumns([open_time // HOUR_MS for open_time in open_times], *fields)
        if found.are_as_stored() and not any(open_time % HOUR_MS for open_time in open_times):
            return found
    return columns_of([_candle(row, symbol) for row in rows])  # which names the row that is damaged


def _replace(connection: Connection, symbol: str, revision: Revision, run_id: str, at: datetime) -> None:
    """Replace a row, where it is as it was read; one that is not was replaced already, perhaps by this very step."""
    stored, offered = revision
    open_time = stored.hour * HOUR_MS
    row = connection.execute(_candles_of(symbol).where(candles.c.open_time == open_time).with_for_update()).first()
    if row is None or _candle(row, symbol).line() != stored.line():
        return
    series_id = _series_id(connection, symbol)
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
