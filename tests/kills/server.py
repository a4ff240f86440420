"""Starts the standalone runtime again and again, each time as processes that may kill themselves at a chosen call.

``python -m tests.kills.server`` reads a start from each line of its input and answers with the process's id. It has the
libraries loaded, and each start is a fork of it: a whole process of its own group, two thirds of a second sooner than
a new interpreter. What is here is in the tests' process alone; the runtime knows nothing of it.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partialmethod
from importlib import import_module
from typing import Any, NoReturn

from candle_collector.adapters.sql.database import Database

from standalone import worker_processes

_LOADED = (
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.dialects.postgresql",
    "psycopg",
    "uvicorn.protocols.http.h11_impl",
    "apscheduler.schedulers.blocking",
    "requests",
    "candle_collector.adapters.binance.client",
    *(
        f"candle_collector.adapters.sql.{name}"
        for name in (
            *("candles", "keys", "leases", "market_cache", "queue", "rate_limiter", "refusals", "runs", "series"),
            *("universes", "migrations"),
        )
    ),
    "candle_collector.adapters.log_events",
    "aws_lambda_powertools.utilities.batch",
    "candle_collector.collecting.collect_symbol",
    "candle_collector.collecting.start_run",
    "standalone.server",
)

_PR_SET_PDEATHSIG = 1

START = "KILLS_START"
"""The variable by which worker processes know what they were started with."""


@dataclass(frozen=True)
class Aim:
    """A call at which the process kills its whole group.

    Attributes
    ----------
    where
        ``module:Class.method`` or ``module:function``.
    number
        At which call of a process, counted from 1.
    after
        Whether the call has its effect before.
    of_a_worker
        Whether it is a worker process that kills itself, and nobody else.
    """

    where: str
    number: int = 1
    after: bool = False
    of_a_worker: bool = False

    def __str__(self) -> str:
        when = f"{'after' if self.after else 'before'} call {self.number} of {self.where.rpartition(':')[2]}"
        return f"a worker process {when}" if self.of_a_worker else when


@dataclass(frozen=True)
class Start:
    """What a process is started with.

    Attributes
    ----------
    log
        The file that gets what it writes.
    aim
        A call at which it kills itself.
    busy_seconds
        How long it waits for a locked file.
    """

    environment: dict[str, str]
    arguments: list[str]
    log: str
    aim: Aim | None = None
    busy_seconds: float | None = None

    def line(self) -> str:
        return json.dumps(asdict(self))

    def prepare(self, *, is_worker: bool) -> None:
        """Bring a process of the runtime to kill itself, and to wait no longer."""
        if self.busy_seconds is not None:
            patient = partialmethod(Database.__init__, busy_seconds=self.busy_seconds)
            Database.__init__ = patient  # type: ignore[assignment, method-assign] # in this process alone
        if self.aim and (is_worker or not self.aim.of_a_worker):
            _arm(self.aim)


def read(line: str) -> Start:
    """Return what `line` wrote."""
    fields = json.loads(line)
    aim = fields.pop("aim")
    return Start(**fields, aim=Aim(**aim) if aim else None)


def _arm(aim: Aim) -> None:
    def die() -> None:
        if aim.of_a_worker:
            os.kill(os.getpid(), signal.SIGKILL)
        os.killpg(0, signal.SIGKILL)

    module, _, path = aim.where.partition(":")
    *owners, name = path.split(".")
    owner: Any = import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    method: Callable[..., Any] = getattr(owner, name)
    left = aim.number

    def deadly(*arguments: Any, **options: Any) -> Any:
        nonlocal left
        left -= 1
        is_last = left == 0
        if is_last and not aim.after:
            die()
        answer = method(*arguments, **options)
        if is_last:
            die()
        return answer

    setattr(owner, name, deadly)


def _become(start: Start) -> NoReturn:
    """Be the runtime."""
    os.setsid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # it does not outlive the tests
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with open(start.log, "ab", buffering=0) as log, open(os.devnull, "rb") as nothing:  # noqa: PTH123 - in a fork
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        os.dup2(nothing.fileno(), 0)
    os.environ.clear()
    os.environ.update(start.environment | {START: start.line()})
    sys.argv = ["standalone", *start.arguments]
    start.prepare(is_worker=False)
    worker_processes.MODULE = "tests.kills.worker"
    import_module("standalone.__main__").main()
    os._exit(70)  # main ends the process itself


def serve() -> None:
    """Answer each line of the input with the id of a process."""
    for name in _LOADED:
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(read(line))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
