"""Rows that are written by whoever knows their newest revision, and the rows of which there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, TypeVar

from sqlalchemy import Connection, Insert, Row, Table, and_, select, update

from candle_collector.adapters.sql.records import Record
from candle_collector.adapters.sql.schema import states

T = TypeVar("T")


def insert_if_absent(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row where its key is not there yet, and return whether it was."""
    # without the option SQLAlchemy does not keep the count of an INSERT
    insertion = _insertion(connection, table).values(**values).execution_options(preserve_rowcount=True)
    return connection.execute(insertion).rowcount == 1


def insert_all_if_absent(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows whose keys are not there yet."""
    connection.execute(_insertion(connection, table), rows)


def _insertion(connection: Connection, table: Table) -> Insert:
    # that of the database at hand is loaded already, and another's would take a twentieth of a start
    dialect = import_module(f"sqlalchemy.dialects.{connection.dialect.name}")
    insertion: Insert = dialect.insert(table).on_conflict_do_nothing()
    return insertion


def put_row(
    connection: Connection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any], *, known: str | None
) -> Row[Any] | None:
    """Write a row if `known` is its newest revision, None where it was never written; return the row that is there.

    Its revision is the one of `values` where it was written, by this call or by an earlier one whose reply was lost.
    """
    where = and_(*(table.c[name] == value for name, value in key.items()))
    if known is None:
        insert_if_absent(connection, table, {**key, **values})
    else:
        connection.execute(update(table).where(where, table.c.revision == known).values(**values))
    return connection.execute(select(table).where(where)).first()


def lock_state(connection: Connection, name: str, record: Record[T]) -> T | None:
    """Read what there is one of, and let nobody else write it before the end of the transaction."""
    statement = select(states.c.body).where(states.c.name == name).with_for_update()
    body = connection.execute(statement).scalar()
    if body is None:  # perhaps there is not a row to lock
        insert_if_absent(connection, states, {"name": name, "body": None})
        body = connection.execute(statement).scalar()
    return None if body is None else record.read(body)


def read_state(connection: Connection, name: str, record: Record[T]) -> T | None:
    """Read what there is one of."""
    body = connection.execute(select(states.c.body).where(states.c.name == name)).scalar()
    return None if body is None else record.read(body)


def write_state(connection: Connection, name: str, record: Record[T], value: T | None) -> None:
    """Write what there is one of, over whatever stands there; None for nothing."""
    body = None if value is None else record.write(value)
    if not insert_if_absent(connection, states, {"name": name, "body": body}):
        connection.execute(update(states).where(states.c.name == name).values(body=body))
