"""The requests of one turn at a symbol: each granted, the next one perhaps on its way while an answer is stored."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Protocol

from candle_collector.collecting.budget import WeightBudget
from candle_collector.collecting.exchange_time import ExchangeTime
from candle_collector.collecting.prefetch import Prefetch
from candle_collector.domain.plan import Request
from candle_collector.domain.run import Run
from candle_collector.domain.series import Series
from candle_collector.errors import ExchangeError
from candle_collector.ports import Clock, Exchange, FetchedCandles, RateLimiter

FINISH_SECONDS = 2.0
"""What a turn keeps of its time for storing its last answer and requeueing the rest."""

LEAST_REQUEST_SECONDS = 0.5
"""No request is begun with less time than this."""


class RequestPorts(Protocol):
    """What asking needs of a worker's ports."""

    @property
    def exchange(self) -> Exchange:
        """The exchange."""

    @property
    def rate_limiter(self) -> RateLimiter:
        """The budget that all workers share."""

    @property
    def clock(self) -> Clock:
        """Our clock."""

    @property
    def monotonic(self) -> Callable[[], float]:
        """Seconds since some moment."""

    @property
    def until(self) -> float:
        """When the turn must have ended, by `monotonic`."""

    @property
    def weight_share_percent(self) -> int:
        """How much of the exchange's limit all workers together use."""

    @property
    def prefetch(self) -> Executor | None:
        """A thread for the next request."""


class SymbolRequests:
    """Asks for the candles of one series."""

    def __init__(self, series: Series, run: Run, ports: RequestPorts) -> None:
        self._series = series
        self._ports = ports
        self.budget = WeightBudget(
            run.limit,
            run.limit.budget(ports.weight_share_percent),
            ports.exchange.market.weights.candles,
            rate_limiter=ports.rate_limiter,
            time=ExchangeTime(ports.clock, ports.exchange, run.clock_offset_ms),
        )
        self._prefetch = Prefetch[FetchedCandles](ports.prefetch)
        self._ahead: Request | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether the next request has been sent already."""
        return self._ahead is not None

    def has_time(self) -> bool:
        """Whether a request still fits into the turn."""
        ports = self._ports
        return ports.monotonic() + LEAST_REQUEST_SECONDS <= ports.until - FINISH_SECONDS

    def next(self, planned: Callable[[], Request]) -> Request:
        """Return the request that is under way, else the one that is planned."""
        return self._ahead or planned()

    def fetch(self, request: Request, *, attempts_made: int) -> FetchedCandles:
        """Return the answer to a request: the one under way, or of a new one.

        Raises
        ------
        ExchangeError
            The exchange did not answer, or no request was granted.
        """
        future, self._ahead = self._prefetch.take(), None
        if future:
            return future.result()
        return self._call(request, attempts_made)()

    def start_next(self, planned: Callable[[], Request]) -> None:
        """Send the next request now, if its weight is granted and time is left."""
        if self._prefetch.is_possible and self.budget.is_granted and self.has_time():
            self._ahead = planned()
            self._prefetch.start(self._call(self._ahead, 0))

    def drain(self) -> tuple[int, ExchangeError | None]:
        """Wait for a request whose answer nobody stores any more, and return its attempts and what went wrong."""
        future, self._ahead = self._prefetch.take(), None
        if future is None:
            return 0, None
        try:
            return 1 + future.result().retries, None
        except ExchangeError as error:
            return error.failure.attempts, error

    def _call(self, request: Request, attempts_made: int) -> Callable[[], FetchedCandles]:
        """Return the request; each attempt is granted first, as much may have changed since the last."""
        start, limit = request.start, min(self._ports.exchange.market.rows_most, request.limit)
        until = self._ports.until - FINISH_SECONDS

        def call() -> FetchedCandles:
            return self._ports.exchange.fetch_candles(
                self._series, start, limit, attempts_made=attempts_made, until=until, grant=self.budget.grant
            )

        return call
