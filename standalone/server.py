"""The whole archive: API, workers and schedules over one database, from its start to its end."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvicorn
from candle_collector import __version__, bootstrap
from candle_collector.domain.run import Mode
from candle_collector.errors import CollectorError, DatabaseError, SettingError
from candle_collector.observability import logger
from candle_collector.settings import Settings, without_proxies

from standalone import functions, http_server, runtime_lock
from standalone.admin_key import ensure_key
from standalone.context import KEYS_OF_LINES
from standalone.ending import DATABASE_REFUSED, DIED, REFUSED, SIGNALS, STOP_SECONDS
from standalone.environment import function_environment, reconciled_every
from standalone.gateway import Gateway
from standalone.health_watch import HealthWatch
from standalone.log_rotation import LogRotation
from standalone.metrics import PrometheusMetrics
from standalone.recovery import recover
from standalone.runtime_lock import AlreadyRunningError, RuntimeLock
from standalone.schedules import Schedules
from standalone.threads import Threads
from standalone.worker_processes import Server, WorkerProcesses, shares
from standalone.workers import workers_of

log = logging.getLogger(__name__)

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_API_THREADS = 16
_OPEN_CALLS_SECONDS = 3
_LOGGERS = ("apscheduler", "standalone", "uvicorn.error")


def serve(
    environment: Mapping[str, str],
    *,
    host: str,
    port: int,
    key_file: Path,
    log_file: Path | None = None,
    only_answers: bool = False,
) -> int:
    """Run the archive until SIGTERM or SIGINT, and return what to exit with: 0, 1 where a part of it died, 2 refused.

    For the main thread, once a process: the functions read their environment when they are imported. A turn that did
    not end in time, and a call of the API, may still run in a thread; `leave` ends the process without waiting for it.

    Parameters
    ----------
    environment
        The settings; DATABASE_URL is needed.
    host, port
        Where the API listens; port 0 takes a free one.
    key_file
        Holds the admin key. It is made where it does not exist, and where the database does not know its key.
    log_file
        Where the standard output goes, if it is a file that is to be kept small.
    only_answers
        Whether it answers the API's calls and does nothing by itself, as for a plan: what a run has in hand stays as
        it is, no worker, schedule or reconciler is at work, and nobody is notified.
    """
    try:
        variables = function_environment(environment)
        os.environ.update(variables | without_proxies(variables))
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listening:
            rounds = reconciled_every(variables)
            return _serve(rounds, listening, (host, port), key_file, log_file, only_answers=only_answers)
    except (CollectorError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED


def _serve(
    rounds: timedelta,
    listening: socket.socket,
    wanted: tuple[str, int],
    key_file: Path,
    log_file: Path | None,
    *,
    only_answers: bool,
) -> int:
    logger(*_LOGGERS).append_keys(**KEYS_OF_LINES)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)  # else two lines for each job
    container = bootstrap.container()
    if not isinstance(container, bootstrap.SqlContainer):
        raise TypeError("DATABASE_URL was set after the adapters were built")
    _refuse_openness(container.settings, wanted[0])
    lock = runtime_lock.take(container.database)
    try:
        _listen(listening, wanted)
        lock.announce(_address(listening))
        is_new = _ensure_key(key_file, container)
        runtime = _Runtime(container, lock, rounds, log_file, only_answers=only_answers)
    except BaseException:
        lock.release()
        raise
    # From here on the end of the process releases it: a turn that did not end in time may still be writing.
    log.info(
        "started",
        extra={
            "address": _address(listening),
            "database": container.database.engine.url.render_as_string(hide_password=True),
            "exchange": container.settings.exchange_base_url,
            "schedules": runtime.schedules.next_times(),
            "workers": container.settings.worker_concurrency,
            "key_file": str(key_file),
            "key_made": is_new,
            "only_answers": only_answers,
        },
    )
    code = runtime.run(listening)
    log.info("stopped", extra={"exit_code": code})
    return code


class _Runtime:
    """The parts of the process, put together.

    Raises
    ------
    CollectorError
        The database fails, or a schedule starts nothing.
    """

    def __init__(
        self,
        container: bootstrap.SqlContainer,
        lock: RuntimeLock,
        rounds: timedelta,
        log_file: Path | None,
        *,
        only_answers: bool,
    ) -> None:
        settings = container.settings
        self._only_answers = only_answers
        self._log_file = log_file
        self._lock = lock
        self._stopping, self._arrived = threading.Event(), threading.Event()
        self._is_stopped, self._stop_until = False, 0.0
        self._own_share, *others = shares(settings.worker_concurrency, settings.worker_processes)
        queue = container.queue
        self._metrics = container.metrics = PrometheusMetrics(
            version=__version__, stage=settings.stage, health=lambda: self._watch.latest
        )
        loaded = functions.load()
        self._workers = workers_of(
            container,
            loaded.worker,
            arrived=self._arrived,
            stopping=self._stopping,
            announce=self._announce,
            taken=lambda _: self._processes.want(),
        )
        self._processes = WorkerProcesses(
            others,
            Server(self._metrics, sent=self._arrived.set, send_again=self._workers.send_again),
            outages=container.database.outages.of_another_process,
            stopping=self._stopping,
            log_file=log_file,
        )
        self._watch = HealthWatch(
            container.health,
            container.outage,
            container.notifier,
            stage=settings.stage,
            now=container.clock.now,
        )
        api = replace(loaded.api, trigger=self._with_processes(loaded.api.trigger))
        self.schedules = Schedules(
            api.trigger, loaded.reconciler, _expressions(container), rounds, on_failure=self._start_failed
        )
        self._threads = Threads(self._stopping, on_death=self._stop)
        gateway = Gateway(api, settings.dashboard_origin, metrics=self._metrics.text, outage=container.outage)
        self._server = _Server(_http(gateway), self._stop)
        if not only_answers:
            recover(container, queue)

    def run(self, listening: socket.socket) -> int:
        """Serve until the process is to stop, and return what to exit with."""
        for end in SIGNALS:  # uvicorn raises them once more when it has ended
            signal.signal(end, lambda *_: self._stop())
        self._threads.start("lock", lambda: self._lock.watch(self._stopping))
        if not self._only_answers:
            self._start_what_works_by_itself()
        if self._log_file:
            rotation = LogRotation(self._log_file)
            self._threads.start("log", lambda: rotation.watch(self._stopping, self._processes.renew_log))
        self._server.run(sockets=[listening])
        return self._end(died=not self._stopping.is_set())

    def _start_what_works_by_itself(self) -> None:
        for number in range(self._own_share):
            self._threads.start(f"worker-{number}", self._workers.work)
        for number, process in enumerate(self._processes.each):
            self._threads.start(f"workers-{number}", process.run)
        self._threads.start("schedules", self.schedules.run)
        self._threads.start("health", lambda: self._watch.run(self._stopping))

    def _with_processes(self, trigger: functions.Handler) -> functions.Handler:
        """Have worker processes start while a run is planned, as either takes some tenths of a second."""

        def call(event: dict[str, Any], context: Any) -> Any:
            self._processes.want()
            return trigger(event, context)

        return call

    def _announce(self) -> None:
        self._arrived.set()
        self._processes.announce()

    def _start_failed(self, mode: Mode) -> None:
        self._metrics.start_failed(mode)
        self._watch.wake()

    def _stop(self) -> None:
        """Receive nothing more, and let every turn end after its answer in hand."""
        if self._is_stopped:  # a second signal comes while the first is handled, in the same thread
            return
        self._is_stopped, self._stop_until = True, time.monotonic() + STOP_SECONDS
        self._stopping.set()
        self._arrived.set()
        self._processes.stop()
        self._watch.wake()
        self._server.should_exit = True

    def _end(self, *, died: bool) -> int:
        if died:
            log.error("the API ended, so the process ends")
        self._stop()
        self.schedules.stop()
        if not self._threads.join(self._stop_until - 1):
            self._processes.kill()  # first: one that is stopped while it writes would hold up what follows
            log.warning("turns did not end in time", extra={"returned": self._workers.return_messages()})
        return DIED if died or self._threads.died else 0


class _Server(uvicorn.Server):
    """uvicorn's server, which has the workers stop when a signal comes, not when its last connection is closed."""

    def __init__(self, config: uvicorn.Config, on_exit: Any) -> None:
        super().__init__(config)
        self._on_exit = on_exit

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Take a signal."""
        self._on_exit()
        super().handle_exit(sig, frame)


def _http(gateway: Gateway) -> uvicorn.Config:
    calls = ThreadPoolExecutor(_API_THREADS, thread_name_prefix="api")
    return uvicorn.Config(
        http_server.application(gateway, calls),
        http=http_server.protocol(gateway),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,  # a query may hold a key
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_OPEN_CALLS_SECONDS,
    )


def _expressions(container: bootstrap.Container) -> dict[Mode, str]:
    settings = container.settings
    wanted: dict[Mode, str] = {"forward": settings.collection_schedule, "gap_fill": settings.gap_fill_schedule}
    return {mode: expression for mode, expression in wanted.items() if expression and settings.schedules_enabled}


def check(environment: Mapping[str, str], *, host: str, beside: int) -> int:
    """Return what a server of these settings would be refused with, and say why; 0 where it would start.

    Nothing is made or changed by it.

    Parameters
    ----------
    beside
        The process of a server that would be stopped before: the database that it holds is free.
    """
    try:
        variables = function_environment(environment)
        reconciled_every(variables)
        settings = Settings(variables)
        _refuse_openness(settings, host)
        with bootstrap.usable_database(settings) as engine:
            runtime_lock.require_free(engine, beside=beside)
    except (DatabaseError, AlreadyRunningError) as error:
        sys.stderr.write(f"{error}\n")
        return DATABASE_REFUSED
    except (CollectorError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    return 0


def _refuse_openness(settings: Settings, host: str) -> None:
    """Refuse to answer callers without a key where others than this machine's reach the API.

    Raises
    ------
    SettingError
    """
    if host in _LOOPBACK:
        return
    if not settings.api_key_required:
        raise SettingError("API_KEY_REQUIRED may be false only where the API listens to this machine alone")
    if settings.public_reads:
        raise SettingError("PUBLIC_READS may be true only where the API listens to this machine alone")


def _ensure_key(path: Path, container: bootstrap.SqlContainer) -> bool:
    try:
        return ensure_key(path, container.keys, container.clock.now())
    except OSError as error:
        raise OSError(f"The key file {path} cannot be read or written: {error.strerror}.") from error


def _listen(listening: socket.socket, wanted: tuple[str, int]) -> None:
    """Listen at an address.

    Raises
    ------
    OSError
        It is taken, or not this machine's; the message says so.
    """
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(wanted)
        listening.listen(128)
    except OSError as error:
        raise OSError(f"The API cannot listen at {wanted[0]} port {wanted[1]}: {error.strerror}.") from error


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
