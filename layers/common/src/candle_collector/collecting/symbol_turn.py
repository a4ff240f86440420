"""What every turn of a worker at one symbol does: claim, requests with their budget and failures, requeueing, the end.

What a turn asks for, and what it makes of an answer, is `collect_symbol` or `verify_symbol`.
"""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import timedelta
from enum import Enum

from candle_collector.collecting.budget import OUT_OF_BUDGET
from candle_collector.collecting.close_symbols import CANCELLED, past_deadline
from candle_collector.collecting.end_run import end_symbol, leave_run
from candle_collector.collecting.symbol_requests import SymbolRequests
from candle_collector.collecting.worker_ports import WorkerPorts
from candle_collector.domain.plan import Request
from candle_collector.domain.run import Failure, Run, RunSeriesRecord
from candle_collector.domain.series_message import SeriesMessage
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window, Windows
from candle_collector.errors import (
    ExchangeBlockedError,
    ExchangeError,
    ExchangeRefusedError,
    ExchangeUnavailableError,
    OutOfTimeError,
    StaleTurnError,
)
from candle_collector.ports import FetchedCandles

MOST_DELAY_SECONDS = 900
"""The longest delay that SQS gives a message."""

ANSWERS_REFUSED_MOST = 2
"""How often a window is asked for whose answers are of no use, before another run is to try."""


class Next(Enum):
    """How the turn goes on after a request."""

    ASK = "request the next window"
    STOP = "nothing more can be requested"
    REQUEUED = "another turn does the rest"


class SymbolTurn(ABC):
    """One turn, from top to bottom: read, ask, store, end."""

    def __init__(self, ports: WorkerPorts, run: Run, record: RunSeriesRecord) -> None:
        self._ports = ports
        self._run = run
        self._record = self._saved_record = record
        self._kept_record = ports.series.get(record.series)
        self._requests = SymbolRequests(record.series, run, ports)

    def work(self) -> None:
        """Ask and store until nothing is left to request, or the rest is requeued."""
        # first, as a worker that died may have stored more than it wrote down, and the outcome counts that too
        if self._prepare() and not self._must_stop() and self._ask_on() is Next.REQUEUED:
            return
        self._end()

    def _ask_on(self) -> Next:
        """Send requests until the turn ends."""
        state = Next.ASK
        try:
            while self._to_ask and state is Next.ASK:
                state = Next.STOP if self._must_stop() else self._ask()
        finally:
            attempts, error = self._requests.drain()
            self._add_requests(attempts, retries=max(0, attempts - 1))
            if error:
                self._close_rate_limiter(error)
        return state

    # what a turn asks for, and what it makes of an answer

    @property
    @abstractmethod
    def _to_ask(self) -> Windows:
        """What is still to be requested."""

    @abstractmethod
    def _requests_left(self) -> int:
        """Return how many requests that takes."""

    @abstractmethod
    def _prepare(self) -> bool:
        """Bring the record up to what is stored, and return whether anything is to be requested."""

    @abstractmethod
    def _next_request(self) -> Request:
        """Return the next request; there is one."""

    @abstractmethod
    def _check(self, request: Request, fetched: FetchedCandles) -> Next:
        """Keep what an answer brings, if it can be believed."""

    @abstractmethod
    def _leave_out(self, window: Window) -> None:
        """Request the window no more in this run."""

    @abstractmethod
    def _noted(self) -> RunSeriesRecord:
        """Note what is missing so far, and return the record that says it."""

    @abstractmethod
    def _judged(self) -> RunSeriesRecord:
        """Return the record with its outcome and the reason for it."""

    @abstractmethod
    def _note_failed(self, window: Window, attempts: int, error: str) -> None:
        """Note attempts that failed, where that is kept."""

    # ask

    def _ask(self) -> Next:
        """Send the next request, if time, rate limiter and budget allow, and keep its answer."""
        requests = self._requests
        if not requests.is_under_way and (refusal := self._check_before(self._requests_left())):
            return refusal
        request = requests.next(self._next_request)
        try:
            answer = requests.fetch(request, attempts_made=self._record.attempts)
        except ExchangeError as error:
            return self._after_failure(request.window, error)
        self._count(1 + answer.retries)
        requests.budget.observe(answer.used_weight)
        return self._check(request, answer)

    def _check_before(self, requests: int) -> Next | None:
        """Return how the turn goes on instead of a request; None where one may be sent."""
        if not self._requests.has_time():
            return self._requeue(0)
        try:
            granted = self._requests.budget.reserve(requests)
        except ExchangeBlockedError as error:
            return self._wait_for_exchange(error.failure, error.seconds)
        return None if granted else self._requeue(self._requests.budget.seconds_to_next_period())

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

    def _count(self, attempts: int) -> None:
        """Count what was requested: every attempt is a request, every one after the first of its window a retry."""
        self._add_requests(attempts, retries=max(0, attempts - (0 if self._record.attempts else 1)))

    def _add_requests(self, requests: int, *, retries: int) -> None:
        record = self._record
        self._record = replace(record, requests=record.requests + requests, retries=record.retries + retries)

    def _after_failure(self, requested: Window, error: ExchangeError) -> Next:
        """Decide by the kind of a failure: wait, go on with another window, or stop."""
        failure = error.failure
        attempts = max(0, failure.attempts - self._record.attempts)  # none where the rate limiter was closed before
        self._count(attempts)
        if attempts:
            self._note_failed(requested, attempts, failure.message)
        wait = self._close_rate_limiter(error)
        match error:
            case ExchangeBlockedError():
                return self._wait_for_exchange(failure, wait)
            case OutOfTimeError():
                if error.cut:  # a request all the same, and the one that follows repeats it
                    self._add_requests(1, retries=1)
                reason = self._record.failure if failure.kind == OUT_OF_BUDGET else failure
                self._record = replace(self._record, attempts=failure.attempts, failure=reason)
                return self._requeue(error.wait)
            case ExchangeUnavailableError():
                return self._give_up(requested, failure)
            case _:
                return self._stop(failure)

    def _give_up(self, window: Window, failure: Failure) -> Next:
        """Leave a window to another run; the symbol's other windows are requested all the same."""
        self._record = replace(self._record.giving_up(window), attempts=0, refused=0, failure=failure)
        self._leave_out(window)
        return Next.ASK

    def _close_rate_limiter(self, error: ExchangeError) -> float:
        """Close the rate limiter for all workers where the exchange wants requests from none; return the wait."""
        if isinstance(error, ExchangeBlockedError):
            return self._requests.budget.block(error)
        if isinstance(error, ExchangeRefusedError):
            self._requests.budget.refuse(error, self._run.deadline)
        return 0

    def _wait_for_exchange(self, failure: Failure, seconds: float) -> Next:
        """Come back when the block is over; one past the run's deadline ends the symbol."""
        if self._ports.clock.now() + timedelta(seconds=seconds) >= self._run.deadline:
            return self._stop(failure)
        self._record = replace(self._record, failure=failure)
        return self._requeue(seconds)

    def _stop(self, failure: Failure) -> Next:
        self._record = replace(self._record, failure=failure)
        return Next.STOP

    # store and end

    def _keep_series(self, record: SeriesRecord) -> None:
        """Write the series' record where it changed."""
        if record != self._kept_record or self._kept_record.revision is None:
            self._check_claim()
            self._kept_record = self._ports.series.put(replace(record, revision=self._kept_record.revision))

    def _save(self, *, followed: bool = False) -> None:
        """Write how far the symbol is."""
        self._record = self._saved_record = self._ports.runs.put_symbol(self._record, followed=followed)

    def _save_before_storing(self) -> None:
        """Write how far the symbol is without the answer in hand, which is stored next, once for each answer.

        The answer is one that is believed, so that what was wrong with its window before counts for none that follows.

        That is the progress and the check in one: nothing is stored where another process has changed the record,
        though its clock may be ahead of ours. After a crash the record may be behind what is stored, by this answer,
        and never ahead of it.

        Raises
        ------
        StaleTurnError
            The symbol was closed, or another worker has it.
        """
        if self._record != self._saved_record:  # each answer is a request more
            self._record = replace(self._record, attempts=0, refused=0)
            self._save(followed=True)

    def _requeue(self, seconds: float) -> Next:
        """Let another turn do the rest, `seconds` from now and a little more, so that not all come at once."""
        if seconds > 0:
            seconds += random.uniform(0, min(10.0, 1 + seconds / 4))  # noqa: S311 - spreads load, guards nothing
        due_at = self._ports.clock.now() + timedelta(seconds=min(MOST_DELAY_SECONDS, seconds))
        record = self._ports.runs.put_symbol(replace(self._noted().requeued(), due_at=due_at))
        self._ports.queue.enqueue(
            [SeriesMessage(record.run_id, record.series, record.turn)],
            delay_seconds=min(MOST_DELAY_SECONDS, math.ceil(seconds)),
        )
        return Next.REQUEUED

    def _end(self) -> None:
        """Write the outcome, once, and end the run if this was its last symbol."""
        record = self._judged()
        record = end_symbol(record.ended(record.outcome), self._ports)
        leave_run([record], self._ports)
