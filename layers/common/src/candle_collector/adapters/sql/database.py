"""A database and its transactions: SQLite in a file, or a PostgreSQL server."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from candle_collector.adapters.sql.addresses import file_of, parsed
from candle_collector.adapters.sql.migrations import STEPS, Migration, is_current, migrate
from candle_collector.adapters.sql.refusals import RepeatableError, explain
from candle_collector.adapters.sql.sqlite_writing import SqliteWriting
from candle_collector.errors import DatabaseError, DatabaseUnavailableError

T = TypeVar("T")

_FIRST_WAIT = 0.05

LASTING_SECONDS = 2.0
"""An outage that is shorter needs nobody: what met it is done again."""

FORGOTTEN_SECONDS = 60.0
"""After so long without another refusal an outage is over: whoever waits for its end tries each 30 s at least."""

_NOTICE_A_LOST_SERVER = {
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""Seconds, and ms: without them a worker would wait for a server that lost its power for many minutes."""


class Outages:
    """When a database last refused what it may do another time.

    Attributes
    ----------
    at
        In seconds of `time.monotonic`.
    reason
        The sentence that says why.
    report
        Called with the reason of each, and with None when they are over: a process may report them to another one.
    """

    def __init__(self) -> None:
        self.at = float("-inf")
        self.reason = ""
        self.report: Callable[[str | None], None] = lambda _: None
        self._since = float("-inf")
        self._over_at = float("-inf")
        self._of_others: list[Outages] = []

    def note(self, error: DatabaseError) -> None:
        """Note one."""
        if isinstance(error, DatabaseUnavailableError):
            now = time.monotonic()
            if now - self.at > FORGOTTEN_SECONDS:
                self._since = now
            self.at, self.reason = now, str(error)
            self.report(self.reason)

    def over(self) -> None:
        """Note that what it refused was done after all."""
        if self.at > self._over_at:
            self.report(None)
        self._over_at = time.monotonic()

    def current(self) -> str | None:
        """Return why the database stores nothing now; None where it does, or refused something but for a moment."""
        is_over = self.at <= self._over_at or time.monotonic() - self.at > FORGOTTEN_SECONDS
        if not is_over and self.at - self._since >= LASTING_SECONDS:
            return self.reason
        return next((reason for others in self._of_others if (reason := others.current())), None)

    def of_another_process(self) -> Outages:
        """Return those that another process reports: while one of them lasts, it is current here too."""
        others = Outages()
        self._of_others.append(others)
        return others


class Database:
    """A database with the archive's tables, which opening it makes or brings to their newest form.

    Several threads may use it at once, and so may other processes, each with a `Database` of its own.

    Parameters
    ----------
    url
        ``sqlite:////folder/candles.db`` or ``postgresql://user:password@host/database``.
    busy_seconds
        How long to wait while another process writes into the same file.
    patience_seconds
        How long a transaction whose connection was lost is tried again.
    steps
        The migrations.

    Attributes
    ----------
    outages
        When it failed last; of all threads.
    are_followed
        Whether each transaction that says it is followed is: so it is for a worker, who says of nothing that it is
        stored before the record of its symbol is.

    Raises
    ------
    DatabaseError
        It cannot be opened, or not by this version.
    """

    def __init__(
        self,
        url: str,
        *,
        busy_seconds: float = 30,
        patience_seconds: float = 15,
        steps: Sequence[Migration] = STEPS,
    ) -> None:
        self._url = parsed(url)
        self._is_sqlite = self._url.get_backend_name() == "sqlite"
        self._busy_seconds = busy_seconds
        self._patience_seconds = patience_seconds
        self.outages = Outages()
        self.are_followed = False
        file = file_of(self._url)
        # by one name, as every process has to mean the same file
        self._turns = SqliteWriting(str(file.resolve()) if file else None, busy_seconds) if self._is_sqlite else None
        self.engine = self._sqlite() if self._is_sqlite else self._postgresql()
        self._reading = self.engine.execution_options(
            **({} if self._is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
        )
        self._writing = self.engine.execution_options(is_writing=True)
        self._followed = self.engine.execution_options(is_writing=True, is_followed=True)
        self._open(steps)

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()
        if self._turns:
            self._turns.close()

    @contextmanager
    def write(self, *, followed: bool = False) -> Iterator[Connection]:
        """Begin a transaction that writes: all of it is kept at the end, or nothing where an error leaves it.

        In SQLite no other writes meanwhile; in PostgreSQL rows are locked by ``SELECT ... FOR UPDATE``.

        Parameters
        ----------
        followed
            Whether it may reach the disk with the next transaction that is not followed, in SQLite and where
            `are_followed` is set: a power cut between them undoes it, the end of the process does not. A PostgreSQL
            may end between them and be back while this process lives on and believes what it wrote, so there
            everything is on the disk.

        Raises
        ------
        DatabaseError
            The database refused something, or the end of it.
        """
        engine = self._followed if followed and self.are_followed else self._writing
        with self._turns or nullcontext(), self._explained(), engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Begin a transaction that sees the database as it is now, and unchanged until its end.

        Raises
        ------
        DatabaseError
            The database refused something.
        """
        with self._explained(), self._reading.begin() as connection:
            yield connection

    def transact(self, step: Callable[[Connection], T], *, followed: bool = False) -> T:
        """Do a step in a transaction that writes, and again where its connection is lost, even at its very end.

        So a step must know what it wrote itself: it may have been kept, and only the reply lost.

        Parameters
        ----------
        followed
            As of `write`.

        Raises
        ------
        DatabaseError
            As `write` does.
        """
        return self._repeated(partial(self.write, followed=followed), step)

    def query(self, step: Callable[[Connection], T]) -> T:
        """Do a step in a transaction that reads, and again where its connection is lost.

        Raises
        ------
        DatabaseError
            As `read` does.
        """
        return self._repeated(self.read, step)

    def _repeated(self, begin: Callable[[], AbstractContextManager[Connection]], step: Callable[[Connection], T]) -> T:
        until = time.monotonic() + self._patience_seconds
        wait = _FIRST_WAIT
        while True:
            try:
                with begin() as connection:
                    return step(connection)
            except RepeatableError:
                if time.monotonic() + wait > until:
                    raise
            time.sleep(random.uniform(wait / 2, wait))  # noqa: S311 - spreads load, guards nothing
            wait = min(2 * wait, 1)

    def _open(self, steps: Sequence[Migration]) -> None:
        try:
            with self.read() as connection:
                if is_current(connection, steps):
                    return
            with self.write() as connection:
                migrate(connection, steps)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error) as error:  # SQLite's own come from `_prepare`
            explained = explain(error, self._url)
            self.outages.note(explained)
            raise explained from getattr(error, "orig", error)

    def _sqlite(self) -> Engine:
        # no transaction of the driver's own: it would begin one at the first write, when a lock may be too late
        engine = create_engine(
            self._url,
            connect_args={"timeout": self._busy_seconds, "isolation_level": None},
            pool_size=8,
            max_overflow=-1,
            hide_parameters=True,
        )
        event.listen(engine, "connect", self._prepare)
        event.listen(engine, "begin", self._begin)
        return engine

    def _postgresql(self) -> Engine:
        return create_engine(
            self._url,
            connect_args={"connect_timeout": 5, "application_name": "candle-collector"} | _NOTICE_A_LOST_SERVER,
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            pool_size=8,
            max_overflow=8,
            hide_parameters=True,
        )

    def _begin(self, connection: Connection) -> None:
        sqlite: Any = connection.connection.dbapi_connection
        options = connection.get_execution_options()
        if self._turns is None or not options.get("is_writing"):
            sqlite.execute("BEGIN")
            return
        if (is_followed := options.get("is_followed", False)) != connection.info.get("is_followed", False):
            sqlite.execute(f"PRAGMA synchronous = {'normal' if is_followed else 'full'}")
            connection.info["is_followed"] = is_followed
        self._turns.begin(sqlite)

    def _prepare(self, connection: Any, _record: Any) -> None:
        """Let readers and a writer work at once, and let a commit be on the disk when it is reported."""
        cursor = connection.cursor()
        until = time.monotonic() + self._busy_seconds
        # A file has the mode for good. While others open the file, SQLite refuses the change without waiting; where
        # the folder bears no such file, or nothing may be written, it stays as it is.
        while cursor.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            try:
                cursor.execute("PRAGMA journal_mode = wal")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorname.startswith("SQLITE_READONLY"):
                    break
                if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > until:
                    raise
                time.sleep(_FIRST_WAIT)
            else:
                break
        cursor.execute("PRAGMA synchronous = full")
        cursor.close()
