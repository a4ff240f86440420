"""What a database refuses, in sentences that name the remedy; no password is ever in one."""

from __future__ import annotations

import sqlite3

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from candle_collector.errors import DatabaseError, DatabaseUnavailableError

_OF_SQLITE = {
    "SQLITE_FULL": "the disk is full; free some space, and what was not stored is fetched by the next run",
    "SQLITE_READONLY": "it may only be read; let this user write the file and its folder",
    "SQLITE_NOTADB": "the file is not an SQLite database; name another file, or move this one away",
    "SQLITE_CORRUPT": "the file is damaged; restore it from a copy",
    "SQLITE_CANTOPEN": "the file cannot be opened; make its folder, and let this user write it",
    "SQLITE_IOERR": "the disk failed to read or write the file; look at the disk",
    "SQLITE_PERM": "the file may not be opened; let this user write the file and its folder",
    "SQLITE_AUTH": "the file may not be opened; let this user write the file and its folder",
}
_OF_POSTGRESQL = {
    "53100": "the server's disk is full; free some space, and what was not stored is fetched by the next run",
    "53300": "the server has too many connections; raise its max_connections, or end other programs",
    "25006": "it may only be read; give DATABASE_URL the server that is written to",
    "42501": "this user may not do that; GRANT it the right to make and write tables in the schema",
    "28P01": "the password is wrong; look at DATABASE_URL",
    "28000": "the server does not let this user in; look at DATABASE_URL and pg_hba.conf",
    "3D000": "there is not a database of that name; make it with createdb, or look at DATABASE_URL",
}
_OF_WHAT_IS_STORED = frozenset({"SQLITE_NOTADB", "SQLITE_CORRUPT"})
"""No room, right or end of another program mends these."""

_BEFORE_A_SESSION = {
    "password authentication failed": "28P01",
    'role "': "28000",
    "does not exist": "3D000",
    "no pg_hba.conf entry": "28000",
    "too many": "53300",
}
"""What psycopg's text says where no session began, as it has no code then."""

_AGAIN = frozenset({"40001", "40P01"})
"""Two transactions met, and PostgreSQL ended this one."""


class RepeatableError(DatabaseUnavailableError):
    """The transaction may be done once more: its connection was lost, or it met another one."""


def explain(error: Exception, url: URL) -> DatabaseError:
    """Return the error that says what is wrong with a database."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    where = url.set(query={}).render_as_string(hide_password=True)
    if isinstance(origin, sqlite3.Error):
        return _of_sqlite(origin, where)
    said = _without_passwords(" ".join(str(origin).split()), url)
    code = getattr(origin, "sqlstate", None)
    is_lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if code is None:
        code = next((of for words, of in _BEFORE_A_SESSION.items() if words in said), None)
        is_lost |= code is None and "OperationalError" in {kind.__name__ for kind in type(origin).__mro__}
    if is_lost or code in _AGAIN:
        return RepeatableError(f"the database {where} does not answer: {said}; look whether its server runs")
    kind = DatabaseUnavailableError if code in _OF_POSTGRESQL else DatabaseError
    return kind(f"the database {where} refused: {_OF_POSTGRESQL.get(code or '', said)}")


def _of_sqlite(origin: sqlite3.Error, where: str) -> DatabaseError:
    name = getattr(origin, "sqlite_errorname", None) or ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return DatabaseUnavailableError(
            f"the database {where} is locked by another program; wait until it is done, or end it"
        )
    family = "_".join(name.split("_")[:2])
    kind = DatabaseUnavailableError if family in _OF_SQLITE.keys() - _OF_WHAT_IS_STORED else DatabaseError
    return kind(f"the database {where} refused: {_OF_SQLITE.get(family, str(origin))}")


def _without_passwords(said: str, url: URL) -> str:
    for password in (url.password, url.query.get("password")):
        said = said.replace(str(password), "***") if password else said
    return said
