"""The lock that lets one runtime only work on a database; the system releases it when its holder dies."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from candle_collector.errors import CollectorError, DatabaseError

WATCHED_SECONDS = 5.0
"""How often it is looked at whether a server still holds the lock for us."""

_KEY = 0x63616E646C6573
"""PostgreSQL names a lock by a number: the letters of "candles"."""

_HOLDER = (
    "SELECT application_name FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE locktype = 'advisory' "
    "AND granted AND (classid::bigint << 32 | objid::bigint) = %s AND objsubid = 1 "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
"""The name of the session that holds the lock; each database of a server has a lock of its own."""

_NAME = "candles standalone"


class AlreadyRunningError(CollectorError):
    """Another runtime works on this database; the message says which."""


class RuntimeLock(Protocol):
    """A lock that is held."""

    def announce(self, address: str) -> None:
        """Let whoever meets the lock know where the API is."""

    def watch(self, stopping: threading.Event) -> None:
        """Return when the process stops.

        Raises
        ------
        AlreadyRunningError
            Another runtime has the lock meanwhile.
        """

    def release(self) -> None:
        """Let another runtime have it."""


class OpenDatabase(Protocol):
    """What the lock needs of a database."""

    @property
    def engine(self) -> Any:
        """SQLAlchemy's engine."""


def take(database: OpenDatabase) -> RuntimeLock:
    """Take the lock of a database.

    Raises
    ------
    AlreadyRunningError
        Another process has it.
    DatabaseError
        The file beside the database cannot be written, or the server does not answer.
    """
    url = database.engine.url
    if url.get_backend_name() == "sqlite":
        return FileLock(_lock_file(url.database))
    return ServerLock(database.engine)


def require_free(engine: Any, *, beside: int) -> None:
    """Refuse a database that a runtime works on, unless it is that of the process `beside`; the lock is not taken.

    Raises
    ------
    AlreadyRunningError
    DatabaseError
        The server does not answer.
    """
    written = _of_file(engine.url.database) if engine.url.get_backend_name() == "sqlite" else _of_server(engine)
    if written is not None and _holder(written)[0] != str(beside):
        raise AlreadyRunningError(_sentence(written))


def _of_file(database: str) -> str | None:
    """Return what the holder of the lock on a file has written; None where nobody holds it."""
    try:
        with _lock_file(database).open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read()
    except FileNotFoundError:
        pass
    return None


def _of_server(engine: Any) -> str | None:
    """Return what the holder of the lock on a server has named its session; None where nobody holds it."""
    found: list[str | None] = []

    def look() -> None:
        with engine.connect() as connection:
            found.extend(connection.exec_driver_sql(_HOLDER, (_KEY,)).scalars())

    _explained(look)
    return _held_by(found[0] or "") if found else None


def _lock_file(database: str) -> Path:
    return Path(f"{Path(database).resolve()}.lock")


class FileLock:
    """A lock of the operating system on a file beside an SQLite database, which holds the pid and the API's address.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    AlreadyRunningError
        Another process has it.
    DatabaseError
        The file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise DatabaseError(f"the file {path} beside the database cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            with self._file:
                raise AlreadyRunningError(_sentence(self._file.read())) from None
        self.announce("")

    def announce(self, address: str) -> None:
        """Write who holds it."""
        self._file.truncate(0)
        self._file.write(json.dumps({"pid": os.getpid(), "url": address}))
        self._file.flush()

    def watch(self, stopping: threading.Event) -> None:
        """Wait: the system does not take such a lock away."""
        stopping.wait()

    def release(self) -> None:
        """Close the file."""
        self._file.close()


class ServerLock:
    """An advisory lock of a session of a PostgreSQL server, whose application name has the pid and the API's address.

    Raises
    ------
    AlreadyRunningError
    DatabaseError
    """

    def __init__(self, engine: Any) -> None:
        # neither a transaction nor a session of the pool's that somebody else gets later
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._connection: Any = None
        self._address = ""
        _explained(self._take)

    def announce(self, address: str) -> None:
        """Name the session."""
        self._address = address
        _explained(self._name)

    def watch(self, stopping: threading.Event) -> None:
        """Take the lock again where the session was lost with its server."""
        while not stopping.wait(WATCHED_SECONDS):
            try:
                _explained(lambda: self._connection.exec_driver_sql("SELECT 1").close())
            except DatabaseError:
                self._take_again()

    def release(self) -> None:
        """Release the lock and end the session, which the server notices a moment later than whoever starts next."""
        ended, self._connection = self._connection, None
        if ended is not None and not ended.closed:
            with suppress(DatabaseError):  # the server is gone, and the lock with it
                _explained(lambda: ended.exec_driver_sql("SELECT pg_advisory_unlock_all()").close())
            ended.invalidate()  # the pool must not give the session to somebody else
            ended.close()

    def _take_again(self) -> None:
        try:
            _explained(self._take)
        except AlreadyRunningError:
            raise
        except DatabaseError:
            return  # the server is not back yet, so nobody else has it either

    def _take(self) -> None:
        lost, self._connection = self._connection, None
        if lost is not None:
            lost.invalidate()
            lost.close()
        self._connection = self._engine.connect()
        if not self._connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_KEY})").scalar():
            name = self._connection.exec_driver_sql(_HOLDER, (_KEY,)).scalar()
            self.release()
            raise AlreadyRunningError(_sentence(_held_by(name or "")))
        self._name()

    def _name(self) -> None:
        name = f"{_NAME} {os.getpid()} {self._address}".strip()
        self._connection.exec_driver_sql(f"SET application_name = '{name}'").close()


def _held_by(name: str) -> str:
    """Return what the name of a session says, as the file of the other lock has it."""
    pid, _, url = name.removeprefix(_NAME).strip().partition(" ")
    return json.dumps({"pid": pid, "url": url})


def _holder(written: str) -> tuple[str, str]:
    """Return the pid of a holder, and where it answers, as far as they are written."""
    try:
        holder = json.loads(written)
        return str(holder["pid"]), str(holder["url"])
    except (ValueError, TypeError, KeyError):
        return "", ""


def _sentence(written: str) -> str:
    pid, url = _holder(written)
    named = f" (pid {pid})" if pid else ""
    where = f" and answers at {url}" if url else ""
    return f"The archive is running already{named}{where}: one server works on a database. Use that one, or end it."


def _explained(step: Callable[[], None]) -> None:
    """Do a step on the server.

    Raises
    ------
    DatabaseError
        The server does not answer.
    """
    try:
        step()
    except AlreadyRunningError:
        raise
    except Exception as error:
        raise DatabaseError(
            f"the runtime lock is unknown, as the database does not answer: {type(error).__name__}"
        ) from error
