"""What prefetching brings a worker: the wall time of a symbol's year with 0 to 3 requests in flight ahead.

The answers of exchange and DynamoDB take a set time, the worker's own work is real, and it has one core to itself.
With 1 it is the collector as it is; with more it asks before the answer before is settled, by a plan known beforehand.
Run it with ``python -m tests.bench.overlap``.
"""

import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import product

from candle_collector.adapters.binance.client import Binance
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.collecting.collect_symbol import collect_symbol
from candle_collector.collecting.worker_ports import WorkerPorts
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window
from candle_collector.ports import FetchedCandles
from rich.console import Console
from rich.table import Table

from tests.bench.instant import InstantExchange, instant_binance
from tests.bench.worker_cpu import MESSAGE, SPANS, SYMBOL, recorded_turn

EXCHANGE_MS = (10, 50, 150)
DYNAMODB_MS = (5, 10)
AHEAD = (0, 1, 2, 3)
REPEATS = 3


class AskingAhead:
    """The exchange, with the next windows of a known plan asked for before the collector asks for them."""

    market = BINANCE
    clock_offset_ms: int | None = None

    def __init__(self, exchange: InstantExchange, plan: Sequence[Window], threads: Executor, ahead: int) -> None:
        self._exchange = exchange
        self._plan = plan
        self._threads = threads
        self._ahead = ahead
        self._own = threading.local()
        self._flying: dict[int, Future[FetchedCandles]] = {}

    def fetch_candles(
        self, series: Series, start: int, limit: int, *, attempts_made: int, until: float, grant: Callable[[], None]
    ) -> FetchedCandles:
        """Return the answer that was asked for already, or ask now; then ask for the next ones."""
        grant()
        assert attempts_made == 0
        flying = self._flying.pop(start, None)
        behind = [span for span in self._plan if span.start > start][: self._ahead]
        self._ask_for(series, behind, until)
        return flying.result() if flying else self._ask(series, Window(start, start + limit), until)

    def _ask_for(self, series: Series, spans: Sequence[Window], until: float) -> None:
        for span in spans:
            if span.start not in self._flying:
                self._flying[span.start] = self._threads.submit(self._ask, series, span, until)

    def _ask(self, series: Series, span: Window, until: float) -> FetchedCandles:
        if not hasattr(self._own, "binance"):  # its connections are for one thread
            self._own.binance = instant_binance(self._exchange)
        binance: Binance = self._own.binance
        return binance.fetch_candles(series, span.start, span.slots, attempts_made=0, until=until, grant=lambda: None)


@contextmanager
def _asking(turn: WorkerPorts, exchange: InstantExchange, plan: Sequence[Window], ahead: int) -> Iterator[WorkerPorts]:
    with ThreadPoolExecutor(max(1, ahead)) as threads:
        if ahead > 1:
            turn = replace(turn, exchange=AskingAhead(exchange, plan, threads, ahead))  # type: ignore[arg-type] # only for candles
        yield replace(turn, prefetch=threads if ahead == 1 else None)


def main() -> None:
    """Print the seconds, and what prefetching saves."""
    os.sched_setaffinity(0, {0})
    exchange = InstantExchange()
    turn, recorded = recorded_turn(instant_binance(exchange))
    plan = exchange.requested
    table = Table(title=f"{SYMBOL}, 2025: seconds of a turn of {len(SPANS)} batches, by requests prefetched")
    table.add_column("exchange, DynamoDB")
    for ahead in AHEAD:
        table.add_column(str(ahead), justify="right")
    for exchange_ms, dynamodb_ms in product(EXCHANGE_MS, DYNAMODB_MS):
        exchange.latency_seconds = exchange_ms / 1000
        seconds = []
        for ahead in AHEAD:
            taken = []
            for _ in range(REPEATS):
                with _asking(turn, exchange, plan, ahead) as asking, recorded.replaying(dynamodb_ms / 1000):
                    begun = time.monotonic()
                    collect_symbol(MESSAGE, asking)
                    taken.append(time.monotonic() - begun)
            seconds.append(statistics.median(taken))
        reported = (f"{item:.2f} ({100 - 100 * item / seconds[0]:.0f}%)" for item in seconds)
        table.add_row(f"{exchange_ms} ms, {dynamodb_ms} ms", *reported)
    Console(highlight=False, width=100).print(table)


if __name__ == "__main__":
    main()
