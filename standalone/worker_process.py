"""``python -m standalone.worker_process``: some of a server's workers in a process of their own; the server starts it.

It ends when the server wants it to, when the server has ended in whatever way, and by a signal: its turns end after
the answer in hand, and what they do not end is received by others.
"""

from __future__ import annotations

import argparse
import logging
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from candle_collector import bootstrap
from candle_collector.errors import CollectorError
from candle_collector.observability import logger

from standalone import functions
from standalone.context import KEYS_OF_LINES
from standalone.ending import DIED, REFUSED, SIGNALS, STOP_SECONDS, leave
from standalone.log_rotation import write_to
from standalone.reports import LOG, Done, Outage, ReportedMetrics, Reporter, Sent, Taken, orders_from
from standalone.sources import SOURCES
from standalone.threads import Threads
from standalone.workers import workers_of

log = logging.getLogger("standalone.worker_process")  # this module is __main__

_TURNS_SECONDS = STOP_SECONDS - 2
"""How long turns have to end: the server ends a little later, and kills who is still there."""


def main() -> None:
    """Read the command line and work; the signals of `SIGNALS` are blocked from the process's beginning."""
    parser = argparse.ArgumentParser(prog="python -m standalone.worker_process", description=__doc__)
    parser.add_argument("--sources", required=True, help="which sources the server runs")
    parser.add_argument("--threads", type=int, required=True, help="how many workers it has")
    parser.add_argument("--orders", type=int, required=True, help="the pipe of the server's orders")
    parser.add_argument("--reports", type=int, required=True, help="the pipe of reports to the server")
    parser.add_argument("--log-file", type=Path, help="the file that the output goes to")
    arguments = parser.parse_args()
    logger("standalone").append_keys(**KEYS_OF_LINES)
    if arguments.sources != SOURCES:  # before the database is opened: newer ones would change its form under the server
        log.error("the sources have changed since the server was started; start it again")
        leave(REFUSED)
    reporter = Reporter(Connection(arguments.reports, readable=False))
    try:
        process = _WorkerProcess(reporter, arguments.threads, arguments.log_file)
    except CollectorError as error:
        log.error("a worker process cannot start", extra={"reason": str(error)})  # noqa: TRY400 - the reason is a sentence
        leave(REFUSED)
    leave(process.run(arguments.orders))


class _WorkerProcess:
    """The parts of the process, put together.

    Raises
    ------
    CollectorError
        The database fails.
    """

    def __init__(self, reporter: Reporter, threads: int, log_file: Path | None) -> None:
        container = bootstrap.container()
        if not isinstance(container, bootstrap.SqlContainer):
            raise TypeError("DATABASE_URL is not set")
        self._stopping, self._arrived = threading.Event(), threading.Event()
        self._number = threads
        self._log_file = log_file
        container.metrics = ReportedMetrics(reporter)
        container.database.outages.report = lambda reason: reporter(Outage(reason))

        def announce() -> None:
            self._arrived.set()
            reporter(Sent())

        self._workers = workers_of(
            container,
            functions.worker(),
            arrived=self._arrived,
            stopping=self._stopping,
            announce=announce,
            taken=lambda message: reporter(Taken(message)),
            done=lambda message: reporter(Done(message)),
        )
        self._threads = Threads(self._stopping, on_death=self._stop)

    def run(self, orders: int) -> int:
        """Work until the process is to stop, and return what to exit with."""
        self._beside("orders", lambda: self._obey(orders))
        self._beside("signals", lambda: signal.sigwait(SIGNALS))
        for number in range(self._number):
            self._threads.start(f"worker-{number}", self._workers.work)
        self._stopping.wait()
        if not self._threads.join(time.monotonic() + _TURNS_SECONDS):
            log.warning("turns did not end in time", extra={"returned": self._workers.return_messages()})
        return DIED if self._threads.died else 0

    def _beside(self, name: str, wait: Callable[[], object]) -> None:
        """Stop the process when a wait is over."""

        def run() -> None:
            wait()
            self._stop()

        threading.Thread(target=run, name=name, daemon=True).start()

    def _obey(self, orders: int) -> None:
        for order in orders_from(orders):
            if order == LOG and self._log_file:
                self._renew_log(self._log_file)
            else:
                self._arrived.set()

    @staticmethod
    def _renew_log(path: Path) -> None:
        try:
            write_to(path)
        except OSError as error:  # it goes on in the part that was put aside
            log.warning("the log could not be opened", extra={"reason": str(error)})

    def _stop(self) -> None:
        self._stopping.set()
        self._arrived.set()


if __name__ == "__main__":
    main()
