"""Our own part: the collector on the local stack as `make collect` runs it, and its workers with nothing stored."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from candle_collector.adapters.binance.client import Binance
from candle_collector.collecting.collect_symbol import collect_symbol
from candle_collector.domain.candle import Candle
from candle_collector.domain.candle_columns import CandleColumns, columns_of
from candle_collector.domain.progress import Revision
from candle_collector.domain.run import Outcome
from candle_collector.domain.series import Series
from candle_collector.domain.series_message import SeriesMessage
from candle_collector.domain.windows import Window, Windows
from candle_collector.ports import Revised, StoredBlocks

from cli.client import CollectorApi
from tests.bench.job import SYMBOL_COUNT, WORKERS, YEAR, listings
from tests.bench.turns import RUN_ID, begin_run, turn_with
from tests.e2e.conftest import StackUnderTest, _own_stack
from tests.fakes.clock import FakeClock
from tests.fakes.leases import FakeLeaseStore
from tests.fakes.rate_limiter import FakeRateLimiter
from tests.fakes.runs import FakeRunStore
from tests.fakes.stores import FakeSeriesStore
from tests.hourly import hourly

_LOOK_SECONDS = 0.2

local_stack = contextmanager(_own_stack)
"""A stack of its own, empty, that collects from the exchange at a URL: ``with local_stack("bench", url) as stack``."""


class NoCandleStore:
    """Takes candles at once and keeps none."""

    def coverage(self, _series: Series, _within: Window) -> StoredBlocks:
        """Know of nothing."""
        return StoredBlocks((), (), frozenset())

    def store(
        self,
        _series: Series,
        _candles: Sequence[Candle],
        _never_printed: Windows,
        *,
        absent_blocks: frozenset[int],
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        """Take them."""

    def write_coverage(self, series: Series, *, fence: Callable[[], None]) -> None:
        """Write nothing."""

    def revise(
        self, series: Series, revisions: Sequence[Revision], *, run_id: str, at: datetime, fence: Callable[[], None]
    ) -> None:
        """Have none."""
        raise NotImplementedError((series, revisions, run_id, at, fence))

    def revised(self, series: Series, within: Window | None = None) -> list[Revised]:
        """Have none."""
        raise NotImplementedError(series)

    def candles(self, _series: Series, _within: Window, *, limit: int, newest: bool = False) -> list[Candle]:
        """Have none."""
        raise NotImplementedError((limit, newest))

    def columns(self, _series: Series, _within: Window) -> CandleColumns:
        """Have none."""
        return columns_of([])

    def first_slot(self, _series: Series) -> int | None:
        """Have none."""

    def last_slot(self, _series: Series) -> int | None:
        """Have none."""


class Collected(NamedTuple):
    """How long it took, and how many symbols are complete."""

    seconds: float
    complete: int


def on_local_stack(stack: StackUnderTest, *, skipped: int) -> Collected:
    """Collect through the API, the queue and the workers into the tables, from the trigger to the run's end."""
    api = CollectorApi(stack.api_url, stack.api_key)
    symbols = [item["symbol"] for item in listings(skipped)]
    begun = time.monotonic()
    started = api.trigger(
        {"mode": "backward", "symbols": symbols, "start_date": "2025-01-01", "end_date": "2025-12-31"}
    )
    while (status := api.status(started.run_id)).is_running:
        time.sleep(_LOOK_SECONDS)
    seconds = time.monotonic() - begun
    results = status.last_results
    if results is None or results.total_records != SYMBOL_COUNT * YEAR.slots:
        raise RuntimeError(f"the run has not stored all candles: {results}")
    return Collected(seconds, results.complete)


def storing_nothing(url: str) -> Collected:
    """Let as many workers as the local stack has take turns at the symbols; no candle is kept."""
    symbols = [item["symbol"] for item in listings()]
    with ProcessPoolExecutor(WORKERS, initializer=_start_worker, initargs=(url,)) as workers:
        list(workers.map(_is_ready, range(WORKERS * 4)))  # their start is not a part of it, as on warm functions
        begun = time.monotonic()
        complete = sum(workers.map(_collect, symbols))
        return Collected(time.monotonic() - begun, complete)


_exchange: list[Binance] = []
"""The worker process's adapter: its connection is kept from turn to turn."""


def _start_worker(url: str) -> None:
    _exchange[:] = [Binance(url, max_retries=3)]


def _is_ready(_: int) -> bool:
    time.sleep(0.05)
    return bool(_exchange)


def _collect(symbol: str) -> bool:
    """Work on a symbol; True where it is complete."""
    leases = FakeLeaseStore()
    runs = FakeRunStore(FakeClock(), leases)
    begin_run(runs, leases, [symbol], YEAR)
    turn = turn_with(
        exchange=_exchange[0],
        candles=NoCandleStore(),
        series=FakeSeriesStore(),
        runs=runs,
        rate_limiter=FakeRateLimiter(),
    )
    collect_symbol(SeriesMessage(RUN_ID, hourly(symbol), 1), turn)
    record = runs.symbol(RUN_ID, hourly(symbol))
    return record is not None and record.outcome is Outcome.COMPLETE
