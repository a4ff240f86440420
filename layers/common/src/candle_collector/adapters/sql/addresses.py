"""The addresses of databases, as DATABASE_URL and the commands take them."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from candle_collector.errors import DatabaseError

_TAKES = "it takes sqlite:////folder/candles.db or postgresql://user:password@host/database"


def parsed(text: str) -> URL:
    """Return the URL of a database that this program can use.

    Raises
    ------
    DatabaseError
        It is not one; the message repeats nothing that may hold a password.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise DatabaseError(f"DATABASE_URL is not the URL of a database; {_TAKES}") from None
    kind = url.get_backend_name()
    if kind == "sqlite":
        return _of_a_file(url).set(drivername="sqlite")
    if kind in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    raise DatabaseError(f"DATABASE_URL is of the kind {kind}; {_TAKES}")


def file_of(url: URL) -> Path | None:
    """Return the file of an SQLite database that is named as one; None for all others."""
    is_file = url.get_backend_name() == "sqlite" and url.database and not url.query.get("uri")
    return Path(str(url.database)) if is_file else None


def _of_a_file(url: URL) -> URL:
    """Return an address of SQLite's whose file is the same one in every folder.

    Raises
    ------
    DatabaseError
        It names no file, or one that is another in each folder.
    """
    name = url.database or ""
    if name in ("", ":memory:") or url.query.get("mode") == "memory":
        raise DatabaseError(f"DATABASE_URL names no file; {_TAKES}")
    path = name.removeprefix("file:") if url.query.get("uri") else name
    if not path.startswith("/"):
        raise DatabaseError(
            f"sqlite:///{name} is another file in each folder; give its whole path: sqlite:///{Path.cwd() / path}"
        )
    return url
