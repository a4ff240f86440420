"""The whole of collection in memory: the ports, the use cases on them, and a way to crash between any two steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from datetime import timedelta
from typing import Any, cast

from candle_collector.adapters.no_metrics import NoMetrics
from candle_collector.collecting.close_symbols import ClosingPorts
from candle_collector.collecting.collect_symbol import collect_symbol
from candle_collector.collecting.reconcile_runs import Reconciled, reconcile_runs
from candle_collector.collecting.run_scope import RunDefaults, RunPorts, RunRequest
from candle_collector.collecting.start_run import start_run
from candle_collector.collecting.worker_ports import WorkerPorts
from candle_collector.domain.interval import HOUR, Interval
from candle_collector.domain.run import Mode, Run, RunSeriesRecord, RunState
from candle_collector.domain.series import Series
from candle_collector.domain.series_message import SeriesMessage
from candle_collector.ports import Metrics

from tests.fakes.clock import FakeClock
from tests.fakes.exchange import FakeExchange
from tests.fakes.leases import FakeLeaseStore, FakeUniverseStore
from tests.fakes.queue import FakeQueue
from tests.fakes.rate_limiter import (
    FakeEventBus,
    FakeFailedStarts,
    FakeListingStore,
    FakeMarketCache,
    FakeRateLimiter,
)
from tests.fakes.runs import FakeRunStore
from tests.fakes.stores import FakeCandleStore, FakeSeriesStore, line_of

WORKER_SECONDS = 60
CLAIM_SECONDS = 90
VISIBILITY = timedelta(seconds=360)
TENDED_EVERY = 300


class Crash(BaseException):
    """The process is gone."""


class AtOnce(Executor):
    """An executor that does the work at once: what would overlap follows in the order in which it was begun."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """Work, and return what came of it; a death is the whole process's."""
        future: Future[Any] = Future()
        try:
            future.set_result(work(*args, **options))
        except Exception as error:  # noqa: BLE001 - requeued, as an executor does
            future.set_exception(error)
        return future


class Crashing:
    """A port whose process dies at one of its calls, counted over all ports that share `countdown`.

    Parameters
    ----------
    countdown
        At which call, counted from 1, and whether after it took effect: ``[calls left, 1 for after]``.
    """

    def __init__(self, port: object, countdown: list[int]) -> None:
        self._port = port
        self._countdown = countdown

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if not callable(method):
            return method

        def call(*args: Any, **options: Any) -> Any:
            self._countdown[0] -= 1
            if self._countdown[0] > 0:
                return method(*args, **options)
            if self._countdown[0] < 0:
                raise Crash  # a dead process does nothing, not even in their cleaning up
            if name == "create" and self._countdown[1]:
                method(args[0], _dying(args[1]), **options)  # dies among the symbols
            elif self._countdown[1]:
                method(*args, **options)
            raise Crash

        return call


def _dying(records: Iterable[RunSeriesRecord]) -> Iterator[RunSeriesRecord]:
    for number, record in enumerate(records):
        if number == 1:
            raise Crash
        yield record


class World:
    """Ports in memory and the use cases on them.

    Parameters
    ----------
    printed
        The slots of `interval` that the exchange has a candle of, by symbol.
    """

    def __init__(self, printed: Mapping[str, Iterable[int]], *, interval: Interval = HOUR, **exchange: Any) -> None:
        self.interval = interval
        self.clock = FakeClock()
        self.exchange = FakeExchange(
            self.clock,
            {symbol: frozenset(slots) for symbol, slots in printed.items()},
            interval=interval,
            **exchange,
        )
        self.candles = FakeCandleStore()
        self.series = FakeSeriesStore()
        self.leases = FakeLeaseStore()
        self.runs = FakeRunStore(self.clock, self.leases)
        self.universes = FakeUniverseStore()
        self.queue = FakeQueue(self.clock, VISIBILITY)
        self.rate_limiter = FakeRateLimiter()
        self.market_cache = FakeMarketCache()
        self.failed_starts = FakeFailedStarts()
        self.listings = FakeListingStore()
        self.sleep: Callable[[float], None] = self.clock.advance
        self.events = FakeEventBus()
        self.metrics: Metrics = NoMetrics()
        self.defaults = RunDefaults(
            top_n=100,
            intervals=(interval,),
            quote_assets=("USDT",),
            collection_start=0,
            batch_size=1000,
            excluded=frozenset({"USDC"}),
            keep_stored=True,
            deadline=timedelta(hours=5),
            weight_share_percent=80,
            workers=5,
        )
        self.weight_share_percent = 80
        self.worker_seconds: float = WORKER_SECONDS
        self.prefetch: Executor | None = None

    def turn(self, countdown: list[int] | None = None) -> WorkerPorts:
        """Return what a worker works with, perhaps a worker that dies."""
        wrap = _wrapper(countdown)
        return WorkerPorts(
            exchange=wrap(self.exchange),
            candles=wrap(self.candles),
            series=wrap(self.series),
            runs=wrap(self.runs),
            queue=wrap(self.queue),
            rate_limiter=wrap(self.rate_limiter),
            events=wrap(self.events),
            metrics=self.metrics,  # a line is printed; it does not die
            clock=self.clock,
            monotonic=self.clock.monotonic,
            until=self.clock.monotonic() + self.worker_seconds,
            claim_seconds=CLAIM_SECONDS,
            weight_share_percent=self.weight_share_percent,
            prefetch=self.prefetch,
        )

    def run_ports(self, countdown: list[int] | None = None) -> RunPorts:
        """Return what a trigger works with, perhaps one that dies."""
        wrap = _wrapper(countdown)
        return RunPorts(
            exchange=wrap(self.exchange),
            rate_limiter=wrap(self.rate_limiter),
            market_cache=wrap(self.market_cache),
            clock=self.clock,
            sleep=self.sleep,
            leases=wrap(self.leases),
            runs=wrap(self.runs),
            universes=wrap(self.universes),
            series=wrap(self.series),
            queue=wrap(self.queue),
            listings=wrap(self.listings),
        )

    def closing_ports(self, countdown: list[int] | None = None) -> ClosingPorts:
        """Return what the reconciler works with, perhaps one that dies."""
        wrap = _wrapper(countdown)
        return ClosingPorts(
            candles=wrap(self.candles),
            series=wrap(self.series),
            leases=wrap(self.leases),
            runs=wrap(self.runs),
            events=wrap(self.events),
            metrics=self.metrics,
            clock=self.clock,
        )

    def start(
        self, mode: Mode = "backward", *, start: int | None = None, end: int | None = None, **request: Any
    ) -> Run:
        """Start a run from the slot `start` to the slot `end`, which is left out."""
        run = start_run(RunRequest(mode, self._ms(start), self._ms(end), **request), self.defaults, self.run_ports())
        assert run is not None
        return run

    def _ms(self, slot: int | None) -> int | None:
        return None if slot is None else self.interval.open_ms(slot)

    def tend(self, countdown: list[int] | None = None) -> Reconciled:
        """Let the reconciler look after the runs."""
        return reconcile_runs(self.closing_ports(countdown), _wrapper(countdown)(self.queue), visibility=VISIBILITY)

    def work(self, message: SeriesMessage) -> None:
        """Let a worker work on a message."""
        collect_symbol(message, self.turn())

    def deliver(self, index: int = 0, countdown: list[int] | None = None) -> bool:
        """Deliver a message to a worker; False where none can be received now. A crash leaves it in the queue."""
        entry = self.queue.take(index)
        if entry is None:
            return False
        collect_symbol(entry.message, self.turn(countdown))
        self.queue.drop(entry)
        return True

    def settle(self) -> None:
        """Let workers and reconciler do their work until every run has ended.

        Raises
        ------
        AssertionError
            A run is still open after more time than a run may take.
        """
        for _ in range(200):
            while self.deliver():
                pass
            if not self.runs.open_runs():
                return
            self.clock.advance(TENDED_EVERY)
            self.tend()
        raise AssertionError("a run does not end")

    def collect(self, mode: Mode = "backward", **request: Any) -> Run:
        """Start a run, and return it when it has ended."""
        run = self.start(mode, **request)
        self.settle()
        return self.ended(run.run_id)

    def ended(self, run_id: str) -> Run:
        """Return a run, whose counts must add up."""
        run = self.runs.get(run_id)
        assert run is not None
        assert run.state is RunState.ENDED
        assert run.counts is not None
        outcomes = ("complete", "partial", "failed", "skipped")
        assert sum(run.counts[name] for name in outcomes) == len(run.symbols)
        return run

    def record(self, run: Run, symbol: str = "BTCUSDT") -> RunSeriesRecord:
        """Return the record of a symbol's series."""
        record = self.runs.symbol(run.run_id, Series(symbol, self.interval, self.exchange.market.name))
        assert record is not None
        return record

    def assert_exact(self) -> None:
        """Hold every stored candle to the exchange's."""
        for (series, slot), line in self.candles.lines.items():
            assert line == line_of(self.exchange.candle(series.symbol, slot))
            assert slot in self.exchange.printed[series.symbol]


def _wrapper(countdown: list[int] | None) -> Callable[[object], Any]:
    if countdown is None:
        return lambda port: port
    return lambda port: cast("Any", Crashing(port, countdown))
