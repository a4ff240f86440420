"""The worker's real handler in as many processes as there are workers, where every call takes as long as it is set to.

Real are the handler, the use case, the adapters of the exchange and of DynamoDB above the sockets. Each process has its
own tables in memory (moto), as no two work on a symbol; what they share is a queue of symbols and the rate limiter, in
one SQLite file.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from threading import get_native_id
from typing import Any, NamedTuple

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from candle_collector import bootstrap
from candle_collector.adapters.dynamodb.lease_table import LeaseTable
from candle_collector.adapters.no_metrics import NoMetrics
from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.rate_limiter import SqlRateLimiter
from candle_collector.domain.series_message import SeriesMessage
from candle_collector.domain.weight_limit import WeightLimit
from candle_collector.domain.windows import Window
from candle_collector.settings import Settings
from moto.core.botocore_stubber import BotocoreStubber

from tests.bench.instant import InstantExchange, instant_binance, operation
from tests.bench.turns import NOW, RUN_ID, begin_run
from tests.bench.worker_cpu import SYMBOL, dynamodb_in_memory
from tests.explore import quick_moto
from tests.fakes.rate_limiter import FakeEventBus, FakeRateLimiter
from tests.hourly import hourly
from tests.integration import functions
from tests.model.setting import Place

WARM_UP = "WARMUSDT"
"""Each process works on it before time is taken, so that none starts cold."""

ENVIRONMENT = {
    "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    "STAGE": "local",
    "CANDLES_TABLE": "bench-candles",
    "RUNS_TABLE": "bench-runs",
    "WORKER_TIMEOUT": "60",
    "MAX_RETRIES": "0",
}


@dataclass(frozen=True)
class Measured:
    """What a run of real handlers took.

    Attributes
    ----------
    seconds
        Of the wall's clock, from the first message to the end of the last turn.
    own, prefetching
        Seconds of all workers' own work, in their main threads and in those that prefetch: of CPU, and of waiting for a
        core while other programs have it.
    turns
        Every symbol's first, and those that were requeued.
    starts_at
        The second of the exchange's minute at which it began.
    """

    seconds: float
    own: float
    prefetching: float
    requests: int
    turns: int
    starts_at: float


@dataclass(frozen=True)
class Scene:
    """What all workers work on, and how.

    Attributes
    ----------
    keeps_candles
        Whether the tables keep the days that are written. Where no turn is requeued nothing reads them, and moto would
        take longer over them than the worker.
    """

    symbols: int
    window: Window
    place: Place
    keeps_candles: bool

    @property
    def names(self) -> list[str]:
        """The symbols."""
        return [f"S{number:03}USDT" for number in range(self.symbols)]


class _Ended(NamedTuple):
    at: float
    own: float
    prefetching: float
    requests: int
    turns: int


class _Shared(NamedTuple):
    """What the processes share: a moment, a file, and ways to each other."""

    scene: Scene
    begun: float
    database: str
    queue: Any
    ready: Any
    results: Any


class _Clock:
    """A clock that runs on from a moment of the past, the same for all processes."""

    def __init__(self, begun: float) -> None:
        self._begun = begun

    def now(self) -> datetime:
        """Return the time."""
        return NOW + timedelta(seconds=time.monotonic() - self._begun)


class _OneSeries(InstantExchange):
    """Answers every symbol with the same candles, so that none are made while time is taken."""

    def body(self, _: str, start_ms: int, limit: int) -> bytes:
        """Return the body of an answer."""
        return super().body(SYMBOL, start_ms, limit)


class _SlowLimiter:
    """A rate limiter, each of whose calls takes as long as one of DynamoDB's."""

    def __init__(self, limiter: SqlRateLimiter, seconds: float) -> None:
        self._limiter = limiter
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        called = getattr(self._limiter, name)

        def call(*arguments: Any, **options: Any) -> Any:
            time.sleep(self._seconds)
            return called(*arguments, **options)

        return call


class _OwnQueue:
    """Keeps what this process is to go on with."""

    def __init__(self) -> None:
        self._due: list[tuple[float, SeriesMessage]] = []

    def enqueue(self, messages: Sequence[SeriesMessage], *, delay_seconds: int = 0) -> None:
        """Take messages that are to be worked on later."""
        self._due += [(time.monotonic() + delay_seconds, message) for message in messages]
        self._due.sort(key=lambda item: item[0])

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._due

    def take(self) -> SeriesMessage | None:
        """Return the first message that is due, if one is."""
        return self._due.pop(0)[1] if self._due and self._due[0][0] <= time.monotonic() else None


class _Worker:
    """One worker process: its adapters and its tables."""

    def __init__(self, scene: Scene, begun: float) -> None:
        clock, place = _Clock(begun), scene.place
        self._place, self._keeps_candles = place, scene.keeps_candles
        self._exchange = _OneSeries(now=clock.now)
        self._call_seconds = self._batch_write_seconds = 0.0
        self.queue = _OwnQueue()
        self.container = bootstrap.Container(
            Settings(os.environ),
            exchange=instant_binance(self._exchange),
            rate_limiter=FakeRateLimiter(),
            queue=self.queue,
            events=FakeEventBus(),
            metrics=NoMetrics(),
            clock=clock,
        )
        limit = WeightLimit(place.weight, round(place.weight_seconds))
        begin_run(
            self.container.runs, LeaseTable(self.container.runs_items), [WARM_UP, *scene.names], scene.window, limit
        )
        self.turns = 0

    def be_slow(self, database: str) -> None:
        """Let every call take its time from now on, under the rate limiter that all share."""
        latencies = self._place.latencies
        self._exchange.latency_seconds = latencies.exchange.median
        self._call_seconds, self._batch_write_seconds = latencies.call.median, latencies.batch_write.median
        self.container.rate_limiter = _SlowLimiter(SqlRateLimiter(Database(database)), self._call_seconds)
        self._exchange.sent = self.turns = 0

    def turn(self, message: SeriesMessage) -> None:
        """Deliver a message to the handler."""
        context = functions.Context(remaining_ms=round(self._place.turn_seconds * 1000))
        # the function itself: what is measured has no check of the role's rights between it and the tables
        worker = import_module("functions.worker.app")  # not before the container is replaced
        failed = worker.handler({"Records": [functions.record(message.body())]}, context)
        assert failed == {"batchItemFailures": []}, failed
        self.turns += 1

    def answer(self, answered: Any, stub: Any, event_name: str, request: Any, **options: Any) -> Any:
        """Answer a call of DynamoDB when its time is over."""
        is_batch = operation(request) == "BatchWriteItem"
        time.sleep(self._batch_write_seconds if is_batch else self._call_seconds)
        if not is_batch or self._keeps_candles:
            return answered(stub, event_name, request, **options)
        taken = AWSResponse(request.url, 200, HTTPHeaders(), None)
        taken._content = b'{"UnprocessedItems": {}}'  # type: ignore[attr-defined] # what `content` returns once it was read
        return taken

    def used(self) -> tuple[float, float]:
        """Return the seconds of work of the main thread so far, and those of the one that prefetches."""
        return _worked(), self.container.prefetch.submit(_worked).result()

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return self._exchange.sent


def _worked() -> float:
    """Return how many seconds this thread has worked, or has waited for a core (Linux counts both)."""
    on_core, waited = Path(f"/proc/self/task/{get_native_id()}/schedstat").read_text(encoding="ascii").split()[:2]
    return (int(on_core) + int(waited)) / 1e9


def run_handlers(scene: Scene) -> Measured:
    """Let the place's workers collect the symbols, and return what it took."""
    context, begun, workers = get_context("fork"), time.monotonic(), scene.place.workers
    with tempfile.TemporaryDirectory() as folder:
        database = f"sqlite:///{Path(folder) / 'limiter.db'}"
        Database(database).close()  # made before they all open it
        queue, results, ready = context.SimpleQueue(), context.SimpleQueue(), context.Barrier(workers + 1)
        shared = _Shared(scene, begun, database, queue, ready, results)
        processes = [context.Process(target=_work, args=(shared,)) for _ in range(workers)]
        for process in processes:
            process.start()
        for name in [*scene.names, *[""] * workers]:
            queue.put(name)
        ready.wait(timeout=300)
        started = time.monotonic()
        ended: list[_Ended] = [results.get() for _ in processes]
        for process in processes:
            process.join()
    own, prefetching, requests, turns = (sum(values) for values in list(zip(*ended, strict=True))[1:])
    starts_at = (started - begun) % scene.place.weight_seconds
    return Measured(max(item.at for item in ended) - started, own, prefetching, int(requests), int(turns), starts_at)


def _work(shared: _Shared) -> None:
    """Be one worker: warm up, wait for the others, and take symbols until none is left."""
    answered = BotocoreStubber.__call__
    with pytest.MonkeyPatch.context() as patched, dynamodb_in_memory():
        quick_moto.install(patched)
        for name, value in ENVIRONMENT.items():
            patched.setenv(name, value)
        worker = _Worker(shared.scene, shared.begun)
        patched.setattr(bootstrap, "container", lambda: worker.container)
        patched.setattr(BotocoreStubber, "__call__", lambda *call, **options: worker.answer(answered, *call, **options))
        try:
            worker.turn(SeriesMessage(RUN_ID, hourly(WARM_UP), 1))
        except AssertionError:
            shared.ready.abort()
            raise
        worker.be_slow(shared.database)
        before = worker.used()
        shared.ready.wait(timeout=300)
        _take_all(worker, shared.queue)
        at, after = time.monotonic(), worker.used()
        shared.results.put(_Ended(at, after[0] - before[0], after[1] - before[1], worker.requests, worker.turns))


def _take_all(worker: _Worker, queue: Any) -> None:
    """Work on symbols of the queue, and on what was requeued, which comes first."""
    more = True
    while more or not worker.queue.is_empty:
        message = worker.queue.take()
        if message is None and more:
            name = queue.get()
            more = bool(name)
            message = SeriesMessage(RUN_ID, hourly(name), 1) if name else None
        if message:
            worker.turn(message)
        else:
            time.sleep(0.005)
