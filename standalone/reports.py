"""What a worker process reports to the server that started it, and the server's orders to it, through two pipes.

A pipe ends with the process that writes into it, however that ends: so each knows of the other's death at once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from candle_collector.domain.run import RunSeriesRecord
from candle_collector.ports import ArchiveFigures, ReceivedMessage


@dataclass(frozen=True)
class Sent:
    """Something was sent to the workers' queue."""


@dataclass(frozen=True)
class Taken:
    """A turn begins with this message."""

    message: ReceivedMessage


@dataclass(frozen=True)
class Done:
    """The turn of a message has ended."""

    message: ReceivedMessage


@dataclass(frozen=True)
class Outage:
    """The database refused what it may do another time, for this reason; None where it does it again."""

    reason: str | None


@dataclass(frozen=True)
class Measured:
    """A method of `Metrics` was called."""

    name: str
    arguments: tuple[Any, ...]


Report = Sent | Taken | Done | Outage | Measured


class Reporter:
    """Sends reports, from any thread; once nobody reads them any more they are dropped, as the process is to end."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def __call__(self, report: Report) -> None:
        """Send one."""
        with self._lock:
            try:
                self._connection.send(report)
            except OSError:
                return


def received(connection: Connection) -> Iterator[Report]:
    """Yield reports until their sender ends, be it in the middle of one."""
    while True:
        try:
            yield connection.recv()
        except (EOFError, OSError):
            return


class ReportedMetrics:
    """The `Metrics` of a worker process: the server's count."""

    def __init__(self, report: Callable[[Report], None]) -> None:
        self._report = report

    def symbol_ended(self, record: RunSeriesRecord) -> None:
        """Report it to the server's."""
        self._report(Measured("symbol_ended", (record,)))

    def run_ended(self, run_id: str, counts: Mapping[str, int], missing_slots: int) -> None:
        """Report it to the server's."""
        self._report(Measured("run_ended", (run_id, dict(counts), missing_slots)))

    def archive_stands(self, figures: ArchiveFigures) -> None:
        """Report it to the server's."""
        self._report(Measured("archive_stands", (figures,)))

    def key_refused(self) -> None:
        """Report it to the server's."""
        self._report(Measured("key_refused", ()))


LOOK, LOG = b"q", b"l"
"""The orders: look at the queue now; write to the log that lies at the log's path now."""


class Orders:
    """The server's end of the pipe of orders to a process, for any thread; closing it is the order to end."""

    def __init__(self) -> None:
        self._writing: int | None = None
        self._lock = threading.Lock()

    def open(self) -> int:
        """Make the pipe of a process that is to be started, and return the end of it that is read."""
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        with self._lock:
            self._writing = writing
        return reading

    def give(self, order: bytes) -> None:
        """Give one where a process runs; what one that does not read misses, it finds out by itself."""
        with self._lock:
            if self._writing is not None:
                try:
                    os.write(self._writing, order)
                except (BrokenPipeError, BlockingIOError):
                    return

    def end(self) -> None:
        """Let the process end."""
        with self._lock:
            if self._writing is not None:
                os.close(self._writing)
                self._writing = None


def orders_from(reading: int) -> Iterator[bytes]:
    """Yield orders until the server wants the process to end, or has ended itself."""
    while given := os.read(reading, 64):
        yield from {bytes([order]) for order in given}
