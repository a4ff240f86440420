"""The schema's versions: a new database is made as the newest, an older one is brought to it step by step.

A change of the tables appends a step here and changes schema.py. Nothing else writes `archive_schema`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, inspect, select, text

from candle_collector.adapters.sql.schema import archive_schema, metadata
from candle_collector.errors import DatabaseError

Migration = Callable[[Connection], None]

STEPS: tuple[Migration, ...] = ()
"""The first one makes the version after `FIRST`, and so on."""

FIRST = 2
"""The oldest version that is understood: the one before had hours alone, and was never released."""

_LOCK = 7_226_531_489
"""Any number: PostgreSQL's name for the lock that one process at a time holds while it makes or changes tables."""


def is_current(connection: Connection, steps: Sequence[Migration]) -> bool:
    """Return whether the tables are there in their newest form.

    Raises
    ------
    DatabaseError
        A newer program made them, or one before the first release.
    """
    return version_of(connection, steps) == FIRST + len(steps)


def migrate(connection: Connection, steps: Sequence[Migration]) -> None:
    """Make the tables, or bring older ones to the newest form, in the transaction at hand.

    Raises
    ------
    DatabaseError
        A newer program made them, one before the first release, or the database has tables of another program.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    version = version_of(connection, steps)
    if version is None:
        if strange := sorted({*metadata.tables} & {*inspect(connection).get_table_names()}):
            raise DatabaseError(
                f"the database has a table {strange[0]} that another program made; give DATABASE_URL a database of "
                "its own"
            )
        metadata.create_all(connection)
        connection.execute(archive_schema.insert().values(version=FIRST + len(steps)))
        return
    for step in steps[version - FIRST :]:
        step(connection)
    connection.execute(archive_schema.update().values(version=FIRST + len(steps)))


def version_of(connection: Connection, steps: Sequence[Migration]) -> int | None:
    """Return the version of the tables; None before they are made.

    Raises
    ------
    DatabaseError
        A newer program made them, or one before the first release.
    """
    if not inspect(connection).has_table(archive_schema.name):
        return None
    version = int(connection.execute(select(archive_schema.c.version)).scalar_one())
    if version < FIRST:
        raise DatabaseError(
            f"the database was made by a version before the first release (schema {version}); export its candles with "
            "that version and import them into another database, or collect them again"
        )
    if version > FIRST + len(steps):
        raise DatabaseError(
            f"the database was made by a newer version of this program (schema {version}, this one knows "
            f"{FIRST + len(steps)}); install that version, or give DATABASE_URL another database"
        )
    return version
