"""The processes beside the server's in which workers run: Python runs in one core a process.

They are started when a run is asked for or there is a message, so that a server that only answers is one process.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from candle_collector.errors import DatabaseUnavailableError
from candle_collector.ports import ReceivedMessage

from standalone.ending import SIGNALS
from standalone.metrics import PrometheusMetrics
from standalone.reports import LOG, LOOK, Done, Measured, Orders, Outage, Report, Sent, Taken, received
from standalone.sources import SOURCES

log = logging.getLogger(__name__)

MODULE = "standalone.worker_process"

FIRST_WAIT, MOST_WAIT = 1.0, 60.0
"""How long a process that ended is waited with before it is started again: longer each time, up to this."""

LASTING_SECONDS = 60.0
"""A process that lived for so long is started again as if it were the first time."""


class MirroredOutages(Protocol):
    """What another process says of the database."""

    def note(self, error: DatabaseUnavailableError) -> None:
        """Note that it refused something."""

    def over(self) -> None:
        """Note that it did it after all."""


@dataclass(frozen=True)
class Server:
    """What worker processes report to.

    Attributes
    ----------
    sent
        Called when one has sent something: the server's own workers are to look.
    send_again
        Lets another turn do what the turn of a dead process did not end.
    """

    metrics: PrometheusMetrics
    sent: Callable[[], None]
    send_again: Callable[[ReceivedMessage], None]


def shares(workers: int, processes: int) -> list[int]:
    """Return how many workers each process has, the server first, which has other things to do as well."""
    processes = min(workers, processes)
    least, more = divmod(workers, processes)
    return [least + (number >= processes - more) for number in range(processes)]


class WorkerProcess:
    """One of them, over all of its lives.

    Parameters
    ----------
    threads
        How many workers it has.
    outages
        What mirrors its own.
    stopping
        Set when the server stops.
    sent_by
        Called when it has sent something.

    Attributes
    ----------
    wanted
        Set when it is to run.
    orders
        What it is ordered.
    """

    def __init__(
        self,
        threads: int,
        server: Server,
        outages: MirroredOutages,
        *,
        stopping: threading.Event,
        log_file: Path | None,
        sent_by: Callable[[WorkerProcess], None],
    ) -> None:
        self._threads = threads
        self._server = server
        self._outages = outages
        self._stopping = stopping
        self._log_file = log_file
        self._sent_by = sent_by
        self._process: subprocess.Popen[bytes] | None = None
        self._in_hand: dict[str, ReceivedMessage] = {}
        self.wanted = threading.Event()
        self.orders = Orders()

    def run(self) -> None:
        """Have it run from when it is wanted until the server stops: in a thread of the server."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # a process inherits it, and looks for them when it can
        wait = 0.0
        while self.wanted.wait() and not self._stopping.is_set():
            begun = time.monotonic()
            ended_by = self._live()
            if self._stopping.is_set():
                return
            has_lasted = time.monotonic() - begun > LASTING_SECONDS
            wait = FIRST_WAIT if has_lasted or not wait else min(2 * wait, MOST_WAIT)
            log.error(
                "a worker process ended; others do what it had in hand, and it is started again",
                extra={"ended_by": ended_by, "in_hand": len(self._in_hand), "again_in_seconds": wait},
            )
            self._server.metrics.worker_process_ended()
            self._send_again()
            self._stopping.wait(wait)

    def kill(self) -> None:
        """End it, however it is."""
        if self._process is not None:
            self._process.kill()

    def _live(self) -> int | str:
        """Start it, take its reports, and return what it exited with: the number of a signal is negative.

        Where the system does not start it, as one without memory may not, the reason is returned: the server goes on.
        """
        try:
            process, reports = self._start()
        except OSError as error:
            self.orders.end()
            return str(error)
        if self._stopping.is_set():  # `stop` may have come before the orders could be given
            self.orders.end()
        with reports:
            for report in received(reports):
                self._take(report)
        self.orders.end()
        return process.wait()

    def _start(self) -> tuple[subprocess.Popen[bytes], Connection]:
        reports, reporting = multiprocessing.Pipe(duplex=False)
        with reporting:
            orders = self.orders.open()
            try:
                self._process = subprocess.Popen(  # noqa: S603 - the project's own program
                    self._command(orders, reporting.fileno()),
                    stdin=subprocess.DEVNULL,
                    pass_fds=(orders, reporting.fileno()),
                )
            finally:
                os.close(orders)
        return self._process, reports

    def _command(self, orders: int, reports: int) -> list[str]:
        command = [sys.executable, "-m", MODULE, "--sources", SOURCES]
        command += ["--threads", str(self._threads), "--orders", str(orders), "--reports", str(reports)]
        return command + (["--log-file", str(self._log_file)] if self._log_file else [])

    def _take(self, report: Report) -> None:
        match report:
            case Sent():
                self._sent_by(self)
            case Taken(message):
                self._in_hand[message.receipt] = message
            case Done(message):
                self._in_hand.pop(message.receipt, None)
            case Outage(None):
                self._outages.over()
            case Outage(str(reason)):
                self._outages.note(DatabaseUnavailableError(reason))
            case Measured(name, arguments):
                getattr(self._server.metrics, name)(*arguments)

    def _send_again(self) -> None:
        """Let others do what it had in hand: being dead, it holds its claims for nothing."""
        for message in self._in_hand.values():
            self._server.send_again(message)
        self._in_hand.clear()


class WorkerProcesses:
    """All of them.

    Parameters
    ----------
    threads
        How many workers each of them has.
    outages
        Returns what mirrors the outages of one of them.
    stopping
        Set when the server stops.
    log_file
        Where the output goes, if it is a file that is put aside now and then.
    """

    def __init__(
        self,
        threads: Sequence[int],
        server: Server,
        *,
        outages: Callable[[], MirroredOutages],
        stopping: threading.Event,
        log_file: Path | None,
    ) -> None:
        self._server = server
        self.each = [
            WorkerProcess(number, server, outages(), stopping=stopping, log_file=log_file, sent_by=self._sent_by)
            for number in threads
        ]

    def want(self) -> None:
        """Start those that do not run: there is something to do."""
        for process in self.each:
            process.wanted.set()

    def announce(self) -> None:
        """Let all of them look at the queue."""
        for process in self.each:
            process.orders.give(LOOK)

    def renew_log(self) -> None:
        """Let all of them write to the log that lies at its path now."""
        for process in self.each:
            process.orders.give(LOG)

    def stop(self) -> None:
        """Let all of them end."""
        for process in self.each:
            process.wanted.set()
            process.orders.end()

    def kill(self) -> None:
        """End those that have not ended."""
        for process in self.each:
            process.kill()

    def _sent_by(self, sender: WorkerProcess) -> None:
        self._server.sent()
        for process in self.each:
            if process is not sender:
                process.orders.give(LOOK)
