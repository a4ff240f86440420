"""Whose turn it is to write into an SQLite file: one thread of a process, and one process after the other.

SQLite lets whoever meets a lock look again after pauses of up to 0.1 s, and meanwhile others may pass: of two processes
that both write all the time, one waited for seconds (measured). Here who waits holds a file beside the database, which
the next one needs to wait in its turn. A program that knows nothing of it is waited for all the same.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.0005

NEXT_SECONDS = 1.0
"""How long to wait for one's turn: who is next for so long is stopped, or waits for a program that writes for long."""

PASSED_SECONDS = 60.0
"""How long turns are left alone after that, so that not every write waits so long; SQLite alone decides meanwhile."""


class SqliteWriting:
    """The turns of one process; the system ends one of a process that dies.

    Parameters
    ----------
    path
        The database's file; None where it is not known as one, and processes pass each other as SQLite has it.
    busy_seconds
        How long to wait while others write into it.
    """

    def __init__(self, path: str | None, busy_seconds: float) -> None:
        self._path = f"{path}.turn" if path else None
        self._busy_seconds = busy_seconds
        # threads of one process wait for each other without asking the file again and again
        self._thread = threading.RLock()
        self._file: int | None = None
        self._passing_until = float("-inf")

    def __enter__(self) -> None:
        self._thread.acquire()

    def __exit__(self, *_: object) -> None:
        self._thread.release()

    def begin(self, connection: sqlite3.Connection) -> None:
        """Begin a transaction that writes, for the thread that entered.

        Raises
        ------
        sqlite3.OperationalError
            Another program has written for all that time.
        """
        until = time.monotonic() + self._busy_seconds
        with self._next(until):
            connection.execute("PRAGMA busy_timeout = 0")
            try:
                while not _has_begun(connection, is_last=time.monotonic() > until):
                    time.sleep(_LOOK_SECONDS)
            finally:
                connection.execute(f"PRAGMA busy_timeout = {round(1000 * self._busy_seconds)}")

    def close(self) -> None:
        """Close the file beside the database."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    @contextmanager
    def _next(self, until: float) -> Iterator[None]:
        """Be the process that is next to write; where the file cannot be used, or not in time, whoever is quickest."""
        is_held = False
        try:
            if self._file is None and self._path:
                self._file = os.open(self._path, os.O_RDONLY | os.O_CREAT, 0o644)
            if self._file is not None and time.monotonic() >= self._passing_until:
                is_held = self._wait(self._file, min(until, time.monotonic() + NEXT_SECONDS))
        except OSError:
            pass
        try:
            yield
        finally:
            if is_held and self._file is not None:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def _wait(self, file: int, until: float) -> bool:
        """Wait for one's turn, and return whether it came."""
        while not _is_locked(file):
            if time.monotonic() >= until:
                self._passing_until = time.monotonic() + PASSED_SECONDS
                log.warning(
                    "another process is next to write and does not: it may be stopped, or a program writes for long",
                    extra={"file": self._path, "passed_for_seconds": PASSED_SECONDS},
                )
                return False
            time.sleep(_LOOK_SECONDS)
        return True


def _is_locked(file: int) -> bool:
    """Lock a file unless another process has, and return whether it is ours."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _has_begun(connection: sqlite3.Connection, *, is_last: bool) -> bool:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if is_last or not error.sqlite_errorname.startswith("SQLITE_BUSY"):
            raise
        return False
    return True
