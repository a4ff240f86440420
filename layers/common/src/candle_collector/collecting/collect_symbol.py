"""A worker's turn at one symbol of a run: read what is stored, request what is missing, store after each answer."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum

from candle_collector.collecting.budget import OUT_OF_BUDGET, WeightBudget
from candle_collector.collecting.close_symbols import CANCELLED, past_deadline
from candle_collector.collecting.end_run import leave_run
from candle_collector.collecting.exchange_time import ExchangeTime
from candle_collector.collecting.prefetch import Prefetch
from candle_collector.collecting.series_range import stored_range
from candle_collector.domain import windows
from candle_collector.domain.coverage import Coverage
from candle_collector.domain.failed_window import FailedWindow, renew
from candle_collector.domain.plan import plan_requests
from candle_collector.domain.progress import Progress, learn, window_to_read
from candle_collector.domain.run import Failure, Run, RunState, SymbolRecord, judge, with_missing
from candle_collector.domain.series import Series
from candle_collector.domain.symbol_message import SymbolMessage
from candle_collector.domain.windows import Window
from candle_collector.errors import (
    ExchangeBlockedError,
    ExchangeError,
    ExchangeRefusedError,
    ExchangeUnavailableError,
    OutOfTimeError,
    StaleTurnError,
)
from candle_collector.ports import (
    CandleStore,
    Clock,
    CollectQueue,
    EventBus,
    Exchange,
    FetchedCandles,
    RateLimiter,
    RunStore,
    SeriesStore,
)

log = logging.getLogger(__name__)

FINISH_SECONDS = 2.0
"""What a turn keeps of its time for storing its last answer and requeueing the rest."""

LEAST_REQUEST_SECONDS = 0.5
"""No request is begun with less time than this."""

MOST_DELAY_SECONDS = 900
"""The longest delay that SQS gives a message."""

_NO_CANDLE = "the exchange has no candle for these hours yet"


@dataclass(frozen=True)
class WorkerPorts:
    """What a worker needs for a turn.

    Attributes
    ----------
    until
        When the turn must have ended, in seconds of `monotonic`.
    claim_seconds
        How long a claim holds: longer than a worker lives, shorter than its message stays hidden.
    weight_share_percent
        How much of the exchange's limit all workers together use.
    prefetch
        A thread for the next request while an answer is stored; without one they follow each other.
    """

    exchange: Exchange
    candles: CandleStore
    series: SeriesStore
    runs: RunStore
    queue: CollectQueue
    rate_limiter: RateLimiter
    events: EventBus
    clock: Clock
    monotonic: Callable[[], float]
    until: float
    claim_seconds: float
    weight_share_percent: int
    prefetch: Executor | None = None


class _Next(Enum):
    """How the turn goes on after a request."""

    ASK = "request the next window"
    STOP = "nothing more can be requested"
    REQUEUED = "another turn does the rest"


def collect_symbol(message: SymbolMessage, ports: WorkerPorts) -> None:
    """Do the work of a message; a message that comes too late or twice does nothing.

    Raises
    ------
    Exception
        Whatever the stores raise: the message comes back after its visibility, and nothing stored is lost.
    """
    run = ports.runs.get(message.run_id)
    record = ports.runs.symbol(message.run_id, message.symbol)
    where = {"run_id": message.run_id, "symbol": message.symbol}
    if run is None or record is None or run.state is not RunState.ACTIVE:
        log.warning("dropped: the run is not active", extra=where)
        return
    if not record.outcome.open:  # it ended, but perhaps the step after that was lost
        leave_run(record, ports)
        return
    now = ports.clock.now()
    claimed = record.claimed(message.turn, now=now, until=now + timedelta(seconds=ports.claim_seconds))
    if claimed is None:
        log.info("dropped: another turn or worker has the symbol", extra=where)
        return
    try:
        _Turn(ports, run, ports.runs.put_symbol(claimed)).work()
    except StaleTurnError as error:
        log.info("stopped: another process has the symbol", extra={**where, "reason": str(error)})


class _Turn:
    """One turn, from top to bottom: read, ask, store, end."""

    def __init__(self, ports: WorkerPorts, run: Run, record: SymbolRecord) -> None:
        self._ports = ports
        self._run = run
        self._kept_series = series = ports.series.get(record.symbol)
        if record.trading and series.delisted:  # it is listed again: what follows its delisting is requested
            series = replace(series, delisted=None)
        within = record.range or stored_range(run.mode, run.window, series, ports.candles)
        self._record = replace(record, range=within)
        self._progress, self._absent_days = self._read(series, within)
        self._budget = WeightBudget(
            run.limit,
            run.limit.budget(ports.weight_share_percent),
            ports.exchange.weights.candles,
            rate_limiter=ports.rate_limiter,
            time=ExchangeTime(ports.clock, ports.exchange, run.clock_offset_ms),
        )
        self._prefetch = Prefetch[FetchedCandles](ports.prefetch)
        self._failed_windows: list[FailedWindow] = []

    def work(self) -> None:
        """Ask, settle and store until nothing is left to request, or the rest is requeued."""
        if self._must_stop():
            self._end()
            return
        self._keep_series(self._progress.series)  # a crash may have left the record behind the candles
        stored = self._progress.stored_hours
        if self._record.stored_before is not None:  # the same
            self._record = replace(self._record, records=stored - self._record.stored_before)
        if not self._progress.to_ask:
            self._end()
            return
        if self._record.stored_before is None:
            # written before anything is stored, so that what this run stored is known after any crash
            self._record = replace(self._record, stored_before=stored)
        self._save()
        state = _Next.ASK
        try:
            while self._progress.to_ask and state is _Next.ASK:
                state = _Next.STOP if self._must_stop() else self._ask()
        finally:
            self._drain_prefetch()
        if state is not _Next.REQUEUED:
            self._end()

    # read

    def _read(self, series: Series, within: Window) -> tuple[Progress, frozenset[str]]:
        """Read the coverage of the range, and return it with the days that have no item."""
        read = window_to_read(self._run.mode, within)
        days = self._ports.candles.coverage(self._record.symbol, read)
        never_printed = windows.subtract(days.never_printed, days.stored)
        coverage = Coverage(days.stored, never_printed, series.absent, series.delisted)
        missing = coverage.missing(within)
        if self._run.recheck:
            left = Window(self._record.asked_to or within.start, within.end).clip(within)
            missing = windows.union([*missing, *windows.subtract(windows.union([left]), days.stored)])
        progress = Progress(
            within=within,
            read=read,
            trading=self._record.trading,
            series=series.updated(days.stored, read),
            coverage=coverage,
            to_ask=windows.subtract(missing, self._record.given_up),
        )
        return progress, windows.days_in(windows.union([read])) - days.days

    # ask

    def _ask(self) -> _Next:
        """Request the first window of the plan, if time, rate limiter and budget allow, and keep the answer."""
        plan = plan_requests(self._progress.to_ask, self._run.batch_size)
        requested, prefetched = plan[0], self._prefetch.take()
        if prefetched is None and (refusal := self._check_before(len(plan))):
            return refusal
        try:
            answer = prefetched.result() if prefetched else self._request(requested)()
        except ExchangeError as error:
            return self._after_failure(requested, error)
        self._count(1 + answer.retries)
        self._budget.observe(answer.used_weight)
        self._keep(requested, answer)
        return _Next.ASK

    def _check_before(self, requests: int) -> _Next | None:
        """Return how the turn goes on instead of a request; None where one may be sent."""
        if not self._has_time():
            return self._requeue(0)
        try:
            granted = self._budget.reserve(requests)
        except ExchangeBlockedError as error:
            return self._wait_for_exchange(error.failure, error.seconds)
        return None if granted else self._requeue(self._budget.seconds_to_next_period())

    def _request(self, requested: Window) -> Callable[[], FetchedCandles]:
        """Return the request for a window; each attempt is granted first, as much may have changed since the last."""
        ports, symbol, attempts_made = self._ports, self._record.symbol, self._record.attempts

        def request() -> FetchedCandles:
            return ports.exchange.fetch_candles(
                symbol,
                requested.start,
                requested.hours,
                attempts_made=attempts_made,
                until=ports.until - FINISH_SECONDS,
                grant=self._budget.grant,
            )

        return request

    def _start_prefetch(self) -> None:
        """Request the next window while an answer is stored: if time is left and its weight is granted."""
        if self._progress.to_ask and self._budget.is_granted and self._has_time():
            self._prefetch.start(self._request(plan_requests(self._progress.to_ask, self._run.batch_size)[0]))

    def _drain_prefetch(self) -> None:
        """Wait for a request whose answer nobody stores any more; a ban closes the rate limiter all the same."""
        prefetched = self._prefetch.take()
        error = prefetched.exception() if prefetched else None
        if isinstance(error, ExchangeError):
            self._close_rate_limiter(error)

    def _must_stop(self) -> bool:
        """Whether the run is stopped or over its time; the reason is noted."""
        if self._ports.clock.now() >= self._run.deadline:
            self._stop(past_deadline(self._run))
        elif self._run.end_reason or self._record.stopping:
            self._stop(CANCELLED)
        else:
            return False
        return True

    def _check_claim(self) -> None:
        """Refuse to write what another process may be writing: the claim is over, however this one was held up.

        Raises
        ------
        StaleTurnError
            It is over.
        """
        until = self._record.claimed_until
        if until is None or self._ports.clock.now() >= until:
            raise StaleTurnError("the worker was held up for longer than its claim")

    def _has_time(self) -> bool:
        return self._ports.monotonic() + LEAST_REQUEST_SECONDS <= self._ports.until - FINISH_SECONDS

    def _count(self, attempts: int) -> None:
        """Count what was requested: every attempt is a request, every one after the first of its window a retry."""
        retries = max(0, attempts - (0 if self._record.attempts else 1))
        self._record = replace(
            self._record, requests=self._record.requests + attempts, retries=self._record.retries + retries
        )

    def _after_failure(self, requested: Window, error: ExchangeError) -> _Next:
        """Decide by the kind of a failure: wait, go on with another window, or stop."""
        failure = error.failure
        attempts = max(0, failure.attempts - self._record.attempts)  # none where the rate limiter was closed before
        self._count(attempts)
        if attempts:
            self._failed_windows.append(FailedWindow(requested, attempts, failure.message))
        wait = self._close_rate_limiter(error)
        match error:
            case ExchangeBlockedError():
                return self._wait_for_exchange(failure, wait)
            case OutOfTimeError():
                if error.cut:  # a request all the same, and the one that follows repeats it
                    requests, retries = self._record.requests + 1, self._record.retries + 1
                    self._record = replace(self._record, requests=requests, retries=retries)
                reason = self._record.failure if failure.kind == OUT_OF_BUDGET else failure
                self._record = replace(self._record, attempts=failure.attempts, failure=reason)
                return self._requeue(error.wait)
            case ExchangeUnavailableError():
                given_up = windows.union([*self._record.given_up, requested])
                self._record = replace(self._record, attempts=0, failure=failure, given_up=given_up)
                self._progress = self._progress.giving_up(requested)  # its other windows are requested all the same
                return _Next.ASK
            case _:
                return self._stop(failure)

    def _close_rate_limiter(self, error: ExchangeError) -> float:
        """Close the rate limiter for all workers where the exchange wants requests from none; return the wait."""
        if isinstance(error, ExchangeBlockedError):
            return self._budget.block(error)
        if isinstance(error, ExchangeRefusedError):
            self._budget.refuse(error, self._run.deadline)
        return 0

    def _wait_for_exchange(self, failure: Failure, seconds: float) -> _Next:
        """Come back when the block is over; one past the run's deadline ends the symbol."""
        if self._ports.clock.now() + timedelta(seconds=seconds) >= self._run.deadline:
            return self._stop(failure)
        self._record = replace(self._record, failure=failure)
        return self._requeue(seconds)

    def _stop(self, failure: Failure) -> _Next:
        self._record = replace(self._record, failure=failure)
        return _Next.STOP

    # store

    def _keep(self, requested: Window, answer: FetchedCandles) -> None:
        """Store what an answer brings and proves, and write down how far the symbol is."""
        learned = learn(self._progress, requested, answer.hours, answer.candles, closed_end=answer.closed_end)
        self._progress = learned.progress
        # said of what is missing in the end
        self._failed_windows.append(FailedWindow(requested, 1 + answer.retries, _NO_CANDLE))
        records = self._progress.stored_hours - (self._record.stored_before or 0)
        self._record = replace(self._record, attempts=0, asked_to=learned.asked_to, records=records)
        self._start_prefetch()
        self._ports.candles.store(
            self._record.symbol,
            learned.candles,
            learned.never_printed,
            absent_days=self._absent_days,
            fence=self._check_claim,
        )
        written = [*windows.from_hours(candle.hour for candle in learned.candles), *learned.never_printed]
        self._absent_days -= windows.days_in(windows.union(written))
        self._keep_series(self._progress.series)
        if self._progress.to_ask:  # else the outcome follows
            self._save()

    def _keep_series(self, series: Series) -> None:
        """Write the series' record where it changed."""
        if series != self._kept_series:
            self._check_claim()
            self._kept_series = self._ports.series.put(replace(series, revision=self._kept_series.revision))

    def _save(self) -> None:
        self._record = self._ports.runs.put_symbol(self._record)

    # end

    def _requeue(self, seconds: float) -> _Next:
        """Let another turn do the rest, `seconds` from now and a little more, so that not all come at once."""
        if seconds > 0:
            seconds += random.uniform(0, min(10.0, 1 + seconds / 4))  # noqa: S311 - spreads load, guards nothing
        due_at = self._ports.clock.now() + timedelta(seconds=min(MOST_DELAY_SECONDS, seconds))
        record = self._ports.runs.put_symbol(replace(self._with_missing().requeued(), due_at=due_at))
        self._ports.queue.enqueue(
            [SymbolMessage(record.run_id, record.symbol, record.turn)],
            delay_seconds=min(MOST_DELAY_SECONDS, math.ceil(seconds)),
        )
        return _Next.REQUEUED

    def _with_missing(self) -> SymbolRecord:
        """Note what stays missing, on the series' record and on the run's."""
        missing, within = self._progress.missing, self._progress.within
        failed = renew(self._progress.series.failed_windows, self._failed_windows, missing, within)
        self._failed_windows = []
        series = replace(self._progress.series, failed_windows=failed)
        self._progress = replace(self._progress, series=series)
        self._keep_series(series)
        return with_missing(replace(self._record, first=series.first, last=series.last), missing)

    def _end(self) -> None:
        """Write the outcome, once, and end the run if this was its last symbol."""
        record = self._with_missing()
        outcome = judge(missing=record.missing, records=record.records, worked=record.stored_before is not None)
        if not record.missing:
            record = replace(record, failure=None)
        elif record.failure is None:
            record = replace(record, failure=Failure("short_answer", _NO_CANDLE))
        ports = self._ports
        record = ports.runs.put_symbol(record.ended(outcome))
        leave_run(record, ports)
