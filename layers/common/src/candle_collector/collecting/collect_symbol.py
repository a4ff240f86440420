"""A worker's turn at one symbol of a run: read what is stored, request what is missing, store after each answer."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from enum import Enum

from candle_collector.collecting.budget import OUT_OF_BUDGET
from candle_collector.collecting.close_symbols import CANCELLED, past_deadline
from candle_collector.collecting.end_run import leave_run
from candle_collector.collecting.series_range import stored_range
from candle_collector.collecting.symbol_requests import SymbolRequests
from candle_collector.collecting.worker_ports import WorkerPorts
from candle_collector.domain import dates, windows
from candle_collector.domain.candle import Candle
from candle_collector.domain.failed_window import FailedWindow, renew
from candle_collector.domain.plan import Request, anchor_candles, unanchored, window_hours
from candle_collector.domain.progress import (
    Answer,
    Learned,
    Progress,
    Revision,
    contradicts,
    is_vouched,
    learn,
    revisions,
    window_to_read,
)
from candle_collector.domain.run import Failure, Run, RunState, SymbolRecord, judge, with_missing
from candle_collector.domain.series import Series
from candle_collector.domain.symbol_message import SymbolMessage
from candle_collector.domain.windows import Window, Windows
from candle_collector.errors import (
    ExchangeBlockedError,
    ExchangeError,
    ExchangeRefusedError,
    ExchangeUnavailableError,
    OutOfTimeError,
    StaleTurnError,
)
from candle_collector.ports import (
    FetchedCandles,
)

log = logging.getLogger(__name__)

MOST_DELAY_SECONDS = 900
"""The longest delay that SQS gives a message."""

ANSWERS_REFUSED_MOST = 2
"""How often a window is asked for whose answers contradict what is known, before another run is to try."""

REJECTED = "rejected_row"
"""The kind of the failure where the exchange's row of an hour was wrong each time."""

_NO_CANDLE = "the exchange has no candle for these hours yet"
_DIFFERS = "the exchange's answer does not fit the candles that are stored beside it; `candles verify` compares them"


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
        self._requests = SymbolRequests(record.symbol, run, ports)
        self._failed_windows: list[FailedWindow] = []
        self._known: dict[int, Candle] = {}

    def work(self) -> None:
        """Ask, settle and store until nothing is left to request, or the rest is requeued."""
        if self._must_stop():
            self._end()
            return
        # a crash may have left the record behind the candles, and what is found without a record is not listed
        self._keep_series(self._progress.series)
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
            if error := self._requests.drain():
                self._close_rate_limiter(error)
        if state is not _Next.REQUEUED:
            self._end()

    # read

    def _read(self, series: Series, within: Window) -> tuple[Progress, frozenset[str]]:
        """Read the coverage of the range, and return it with the days that have no item."""
        read = window_to_read(self._run.mode, within)
        days = self._ports.candles.coverage(self._record.symbol, read)
        series = series.updated(days.stored, read).rejecting({}, days.stored)
        coverage = series.coverage(days.stored, days.never_printed)
        missing = coverage.missing(within)
        if self._run.recheck:
            left = Window(self._record.asked_to or within.start, within.end).clip(within)
            missing = windows.union([*missing, *windows.subtract(windows.union([left]), days.stored)])
        progress = Progress(
            within=within,
            read=read,
            trading=self._record.trading,
            series=series,
            coverage=coverage,
            to_ask=windows.subtract(missing, self._record.given_up),
            window_hours=window_hours(self._run.mode, self._run.batch_size),
            anchor_candles=anchor_candles(self._run.mode),
        )
        return progress, windows.days_in(windows.union([read])) - days.days

    # ask

    def _ask(self) -> _Next:
        """Send the next request, if time, rate limiter and budget allow, and keep its answer."""
        requests = self._requests
        if not requests.is_under_way and (refusal := self._check_before(self._progress.requests_left)):
            return refusal
        request = requests.next(self._next_request)
        try:
            answer = requests.fetch(request, attempts_made=self._record.attempts)
        except ExchangeError as error:
            return self._after_failure(request.window, error)
        self._count(1 + answer.retries)
        requests.budget.observe(answer.used_weight)
        return self._check(request, answer)

    def _next_request(self) -> Request:
        """Return the next request; the stored candles that are to vouch for its answer are at hand."""
        request = self._progress.next_request
        if not request.vouching <= self._known.keys():
            within = Window(min(request.vouching), max(request.vouching) + 1)
            stored = self._ports.candles.candles(self._record.symbol, within, limit=within.hours)
            self._known |= {candle.hour: candle for candle in stored}
        return request if request.vouching & self._known.keys() else unanchored(request.window)

    def _check_before(self, requests: int) -> _Next | None:
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
                    self._add_requests(1, retries=1)
                reason = self._record.failure if failure.kind == OUT_OF_BUDGET else failure
                self._record = replace(self._record, attempts=failure.attempts, failure=reason)
                return self._requeue(error.wait)
            case ExchangeUnavailableError():
                return self._give_up(requested, failure)
            case _:
                return self._stop(failure)

    def _give_up(self, window: Window, failure: Failure) -> _Next:
        """Leave a window to another run; the symbol's other windows are requested all the same."""
        given_up = windows.union([*self._record.given_up, window])
        self._record = replace(self._record, attempts=0, refused=0, failure=failure, given_up=given_up)
        self._progress = self._progress.giving_up(window)
        return _Next.ASK

    def _close_rate_limiter(self, error: ExchangeError) -> float:
        """Close the rate limiter for all workers where the exchange wants requests from none; return the wait."""
        if isinstance(error, ExchangeBlockedError):
            return self._requests.budget.block(error)
        if isinstance(error, ExchangeRefusedError):
            self._requests.budget.refuse(error, self._run.deadline)
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

    def _check(self, request: Request, fetched: FetchedCandles) -> _Next:
        """Keep an answer that can be believed; one that cannot is asked for once more, and then left to another run."""
        answer = Answer(fetched.hours, fetched.candles, fetched.rejected, fetched.closed_end)
        vouched = is_vouched(request, answer, self._known)
        if contradicts(self._progress, request, answer, vouched=vouched):
            return self._refuse(request)
        if vouched and self._run.mode == "forward":
            self._revise(revisions(request, answer, self._known))
        learned = learn(self._progress, request, answer, vouched=vouched, run_id=self._run.run_id)
        # said of what is missing in the end
        self._failed_windows.append(FailedWindow(request.window, 1 + fetched.retries, _NO_CANDLE))
        self._keep(learned)
        return _Next.ASK

    def _refuse(self, request: Request) -> _Next:
        """Store nothing of an answer that does not fit what is stored.

        With a window are given up the hours that follow it: they would be asked for without a candle before them.
        """
        failure = Failure("differs", _DIFFERS)
        refused = self._record.refused + 1
        self._record = replace(self._record, attempts=0, refused=refused)
        log.warning("answer refused", extra={"symbol": self._record.symbol, "reason": failure.message})
        if refused < ANSWERS_REFUSED_MOST:
            return _Next.ASK
        self._failed_windows.append(FailedWindow(request.window, refused, failure.message))
        return self._give_up(self._progress.stretch(request.window), failure)

    def _keep(self, learned: Learned) -> None:
        """Store what an answer brings and proves, and write down how far the symbol is."""
        self._progress, record = learned.progress, self._record
        self._record = replace(
            record,
            attempts=0,
            refused=0,
            asked_to=max(record.asked_to or learned.asked_to, learned.asked_to),
            given_up=windows.union([*record.given_up, *learned.left_out]),
            rejected=windows.union([*record.rejected, *windows.from_hours(learned.rejected)]),
            records=self._progress.stored_hours - (record.stored_before or 0),
        )
        self._known = {candle.hour: candle for candle in learned.candles}
        if self._progress.to_ask:
            self._requests.start_next(self._next_request)
        self._ports.candles.store(
            self._record.symbol,
            learned.candles,
            learned.never_printed,
            absent_days=self._absent_days,
            fence=self._check_claim,
        )
        written = [*windows.from_hours(candle.hour for candle in learned.candles), *learned.never_printed]
        self._absent_days -= windows.days_in(windows.union(written))
        if learned.rejected:  # before the series' record, by which they are not asked for again
            self._save()
        self._keep_series(self._progress.series)
        if self._progress.to_ask:  # else the outcome follows
            self._save()

    def _revise(self, found: Sequence[Revision]) -> None:
        """Replace stored candles of the last hours that the exchange has revised since; both values are kept."""
        for revision in found:
            log.warning(
                "the exchange has revised a candle",
                extra={"symbol": self._record.symbol, "hour": dates.format_hour(revision.stored.hour)},
            )
        if found:
            run_id, now = self._run.run_id, self._ports.clock.now()
            self._ports.candles.revise(self._record.symbol, found, run_id=run_id, at=now, fence=self._check_claim)

    def _keep_series(self, series: Series) -> None:
        """Write the series' record where it changed."""
        if series != self._kept_series or series.revision is None:
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
        missing = windows.union([*missing, *self._rejected()])
        return with_missing(replace(self._record, first=series.first, last=series.last), missing)

    def _rejected(self) -> Windows:
        """Return the hours whose row was wrong in this run; of those that earlier runs found wrong, it says nothing."""
        return windows.subtract(self._record.rejected, self._progress.coverage.stored)

    def _end(self) -> None:
        """Write the outcome, once, and end the run if this was its last symbol."""
        record = self._with_missing()
        outcome = judge(missing=record.missing, records=record.records, worked=record.stored_before is not None)
        if not record.missing:
            record = replace(record, failure=None)
        elif (rejected := self._rejected()) and (record.failure is None or not self._progress.missing):
            record = replace(record, failure=_rejected_failure(rejected, self._progress.series))
        elif record.failure is None:
            record = replace(record, failure=Failure("short_answer", _NO_CANDLE))
        ports = self._ports
        record = ports.runs.put_symbol(record.ended(outcome))
        leave_run(record, ports)


def _rejected_failure(rejected: Windows, series: Series) -> Failure:
    """Return the failure that names the hours whose row is wrong."""
    named = "; ".join(
        f"{dates.format_hour(item.window.start)}: {item.error}"
        for item in [item for item in series.rejected if windows.contains(rejected, item.window.start)][:3]
    )
    return Failure(REJECTED, f"the exchange's candle is wrong each time, {named}; a run with recheck asks again")
