"""Looks at a database before it is used, and neither makes nor changes anything."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine
from sqlalchemy.exc import SQLAlchemyError

from candle_collector.adapters.sql.addresses import file_of, parsed
from candle_collector.adapters.sql.migrations import STEPS, migrate, version_of
from candle_collector.adapters.sql.refusals import explain
from candle_collector.errors import DatabaseError

_BUSY_SECONDS = 5


def holds_archive(address: str) -> bool:
    """Return whether there is an archive at an address.

    Raises
    ------
    DatabaseError
        What is there cannot be opened, or not by this version.
    """
    with _engine(address) as engine:
        if _is_missing(engine):
            return False
        with engine.connect() as connection:
            return version_of(connection, STEPS) is not None


@contextmanager
def usable(address: str) -> Iterator[Engine]:
    """Yield an engine on a database that an archive is in, or could be made in.

    Raises
    ------
    DatabaseError
        It cannot be used, and why.
    """
    with _engine(address) as engine:
        file = file_of(engine.url)
        if file is not None:
            _require_room_beside(file)
        if not _is_missing(engine):
            with engine.connect() as connection:
                if version_of(connection, STEPS) is None:
                    _require_that_it_can_be_made(connection)
        yield engine


@contextmanager
def _engine(address: str) -> Iterator[Engine]:
    url = parsed(address)
    own: dict[str, Any] = {"timeout": _BUSY_SECONDS, "isolation_level": None}
    if url.get_backend_name() != "sqlite":
        own = {"connect_timeout": _BUSY_SECONDS}
    engine = create_engine(url, connect_args=own, poolclass=NullPool, hide_parameters=True)
    try:
        yield engine
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise explain(error, url) from getattr(error, "orig", error)
    finally:
        engine.dispose()


def _is_missing(engine: Engine) -> bool:
    """Return whether a file is not there, which connecting would make."""
    file = file_of(engine.url)
    return file is not None and not file.exists()


def _require_room_beside(file: Path) -> None:
    """Refuse a file in whose folder nothing can be made: SQLite needs files of its own beside it."""
    try:
        with tempfile.TemporaryFile(dir=file.parent):
            pass
    except OSError as error:
        raise DatabaseError(
            f"the database sqlite:///{file} cannot be written: {error.strerror}; make its folder, and let this user "
            "write it"
        ) from error


def _require_that_it_can_be_made(connection: Connection) -> None:
    """Make the tables, and undo it."""
    if connection.dialect.name == "sqlite":  # its driver begins nothing by itself here
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        migrate(connection, STEPS)
    finally:
        connection.rollback()
