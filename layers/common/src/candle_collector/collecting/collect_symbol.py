"""A worker's turn at one symbol of a run: read what is stored, ask for what is missing, store after each answer."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum

from candle_collector.collecting.end_run import leave_run
from candle_collector.collecting.series_range import stored_range
from candle_collector.domain import windows
from candle_collector.domain.coverage import Coverage, Settlement, extend, settle
from candle_collector.domain.failed_window import FailedWindow, renew
from candle_collector.domain.plan import plan_requests
from candle_collector.domain.run import Failure, Run, RunState, Series, SymbolRecord, judge, with_missing
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
    Answer,
    CandleStore,
    Clock,
    CollectQueue,
    EventBus,
    Exchange,
    RateLimiter,
    RunStore,
    SeriesStore,
)

log = logging.getLogger(__name__)

KLINES_WEIGHT = 2
"""The weight of one request for candles, whatever its limit (Binance's rest-api.md)."""

FINISH_SECONDS = 2.0
"""What a turn keeps of its time for storing its last answer and handing the rest on."""

LEAST_REQUEST_SECONDS = 0.5
"""No request is begun with less time than this."""

MOST_DELAY_SECONDS = 900
"""The longest delay that SQS gives a message."""

_NO_CANDLE = "the exchange has no candle for these hours yet"

SHORT_RANGE_HOURS = 168
"""A forward range up to this long is read alone, a longer one with the whole years that it touches."""


@dataclass(frozen=True)
class Turn:
    """What a turn works with.

    Attributes
    ----------
    until
        When the turn must have ended, in seconds of `monotonic`.
    claim_seconds
        How long a claim holds: longer than a worker lives, shorter than its message stays hidden.
    weight_share_percent
        How much of the exchange's limit all workers together use.
    ahead
        A thread for the next request while the answer before is stored; without one they follow each other.
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
    ahead: Executor | None = None


class _Next(Enum):
    """How the turn goes on after a request."""

    ASK = "ask the next window"
    STOP = "nothing more can be asked"
    HANDED_ON = "another turn does the rest"


def collect_symbol(message: SymbolMessage, turn: Turn) -> None:
    """Do the work of a message; a message that comes too late or twice does nothing.

    Raises
    ------
    Exception
        Whatever the stores raise: the message comes back after its visibility, and nothing stored is lost.
    """
    run = turn.runs.get(message.run_id)
    record = turn.runs.symbol(message.run_id, message.symbol)
    if run is None or record is None or run.state is not RunState.ACTIVE:
        log.warning("dropped: the run is not active", extra={"run_id": message.run_id, "symbol": message.symbol})
        return
    if not record.outcome.open:  # it ended, but perhaps the step after that was lost
        leave_run(record, runs=turn.runs, series=turn.series, events=turn.events, clock=turn.clock)
        return
    now = turn.clock.now()
    try:
        record = turn.runs.claim(
            replace(record, turn=message.turn), now=now, until=now + timedelta(seconds=turn.claim_seconds)
        )
        _SymbolTurn(turn, run, record).work()
    except StaleTurnError:
        log.info("dropped: another turn has the symbol", extra={"run_id": run.run_id, "symbol": record.symbol})


class _SymbolTurn:
    """The state of one turn: what is known of the series, what is still to ask, and what weight is granted."""

    def __init__(self, turn: Turn, run: Run, record: SymbolRecord) -> None:
        self._turn = turn
        self._run = run
        self._kept_series = turn.series.get(record.symbol)
        self._series = self._kept_series
        if record.trading and self._series.delisted:  # it is listed again: what follows its delisting is asked for
            self._series = replace(self._series, delisted=None)
        within = record.range or stored_range(run.mode, run.window, self._series, turn.candles)
        self._record = replace(record, range=within)
        self._absent_days: frozenset[str] = frozenset()
        self._coverage = Coverage()
        self._to_ask: Windows = ()
        self._period = -1
        self._granted = 0
        self._reserved = 0
        self._read_window = self._range
        self._nothing_from: int | None = None  # where the answer before had room for more rows and none
        self._failed_windows: list[FailedWindow] = []
        self._ahead: Future[Answer] | None = None

    @property
    def _range(self) -> Window:
        if self._record.range is None:
            raise AssertionError("the range is fixed when the turn begins")
        return self._record.range

    def work(self) -> None:
        """Ask, settle and store until nothing is left to ask, or the rest is handed on."""
        self._read()
        self._keep_series(self._series_now(self._coverage.stored))  # heals what a crash left behind
        if self._record.stored_before is not None:  # the same
            self._record = replace(self._record, records=self._stored_hours() - self._record.stored_before)
        if not self._to_ask:
            self._end()
            return
        if self._record.stored_before is None:
            # written before anything is stored, so that what this run stored can be told after any crash
            self._record = replace(self._record, stored_before=self._stored_hours())
        self._save()
        state = _Next.ASK
        try:
            while self._to_ask and state is _Next.ASK:
                state = self._ask(plan_requests(self._to_ask, self._run.batch_size))
        finally:
            self._forget_ahead()
        if state is not _Next.HANDED_ON:
            self._end()

    def _read(self) -> None:
        """Read the coverage of the range, and of the whole years around it where their hours are counted anew."""
        within = self._range
        if within.hours and (self._run.mode != "forward" or within.hours > SHORT_RANGE_HOURS):
            first, last = (windows.year_window(windows.year_of(hour)) for hour in (within.start, within.end - 1))
            self._read_window = Window(first.start, last.end)
        days = self._turn.candles.coverage(self._record.symbol, self._read_window)
        self._absent_days = windows.days_in(windows.union([self._read_window])) - days.days
        self._coverage = Coverage(
            stored=days.stored,
            never_printed=windows.subtract(days.never_printed, days.stored),
            absent=self._series.absent,
            delisted=self._series.delisted,
        )
        missing = self._coverage.missing(within)
        if self._run.recheck:
            left = Window(self._record.asked_to or within.start, within.end).clip(within)
            missing = windows.union([*missing, *windows.subtract(windows.union([left]), days.stored)])
        self._to_ask = windows.subtract(missing, self._record.given_up)

    def _stored_hours(self) -> int:
        return windows.count(windows.clip(self._coverage.stored, self._range))

    def _ask(self, plan: Windows) -> _Next:
        """Ask for the first window of the plan, if time, gate and budget allow, and keep what the answer brings."""
        asked, ahead, self._ahead = plan[0], self._ahead, None
        if ahead is None and not self._has_time():
            return self._hand_on(0)
        try:
            if ahead is None and not self._reserve(len(plan)):
                return self._hand_on(self._seconds_to_next_period())
        except ExchangeBlockedError as error:
            return self._wait_for_exchange(error)
        except ExchangeRefusedError as error:
            return self._stop(error.failure)
        attempts_made = self._record.attempts
        try:
            answer = ahead.result() if ahead else self._request(asked)()
        except ExchangeError as error:
            attempts = max(
                0, error.failure.attempts - attempts_made
            )  # none where the rate limiter was closed before it began
            self._count(attempts, attempts_made)
            if attempts:
                self._failed_windows.append(FailedWindow(asked, attempts, error.failure.message))
            return self._after_failure(asked, error)
        self._count(1 + answer.retries, attempts_made)
        self._observe(answer)
        self._keep(asked, answer)
        return _Next.ASK

    def _request(self, asked: Window) -> Callable[[], Answer]:
        """Return the request for a window; it checks the rate limiter first, which may have closed since."""
        symbol, attempts_made, until = self._record.symbol, self._record.attempts, self._turn.until - FINISH_SECONDS

        def ask() -> Answer:
            self._turn.rate_limiter.check(now=self._turn.clock.now())
            return self._turn.exchange.candles(
                symbol, asked.start, asked.hours, attempts_made=attempts_made, until=until
            )

        return ask

    def _ask_ahead(self) -> None:
        """Ask for the next window while the answer before is stored: if time is left and its weight is granted."""
        granted = self._granted >= KLINES_WEIGHT and self._period_now() == self._period
        if self._turn.ahead and self._to_ask and granted and self._has_time():
            asked = plan_requests(self._to_ask, self._run.batch_size)[0]
            self._ahead = self._turn.ahead.submit(self._request(asked))

    def _forget_ahead(self) -> None:
        """Wait for a request whose answer nobody stores any more; a ban closes the rate limiter all the same."""
        ahead, self._ahead = self._ahead, None
        error = ahead.exception() if ahead else None
        if isinstance(error, ExchangeError):
            self._close_rate_limiter(error)

    def _has_time(self) -> bool:
        return self._turn.monotonic() + LEAST_REQUEST_SECONDS <= self._turn.until - FINISH_SECONDS

    def _close_rate_limiter(self, error: ExchangeError) -> None:
        """Close the rate limiter for all workers where the exchange wants to hear from none."""
        if isinstance(error, ExchangeBlockedError):
            self._turn.rate_limiter.block(error.until, error.failure)
        elif isinstance(error, ExchangeRefusedError):
            self._turn.rate_limiter.block(self._run.deadline, error.failure, permanent=True)

    def _after_failure(self, asked: Window, error: ExchangeError) -> _Next:
        """Decide by the kind of a failure: wait, go on elsewhere, or stop."""
        self._close_rate_limiter(error)
        match error:
            case ExchangeBlockedError():
                return self._wait_for_exchange(error)
            case OutOfTimeError():
                self._record = replace(self._record, attempts=error.failure.attempts, failure=error.failure)
                return self._hand_on(error.wait)
            case ExchangeUnavailableError():
                given_up = windows.union([*self._record.given_up, asked])
                self._record = replace(self._record, attempts=0, failure=error.failure, given_up=given_up)
                self._to_ask = windows.subtract(self._to_ask, (asked,))  # its other windows are asked all the same
                return _Next.ASK
            case _:
                return self._stop(error.failure)

    def _count(self, attempts: int, attempts_made: int) -> None:
        """Count what was asked: every attempt is a request, every one after the first of its window a retry."""
        self._granted -= attempts * KLINES_WEIGHT
        retries = max(0, attempts - (0 if attempts_made else 1))
        self._record = replace(
            self._record, requests=self._record.requests + attempts, retries=self._record.retries + retries
        )

    def _reserve(self, requests: int) -> bool:
        """Make sure that one request's weight is granted; the plan's whole weight is asked for at once."""
        period = self._period_now()
        if period != self._period:
            self._period, self._granted = period, 0
        if self._granted < KLINES_WEIGHT:
            needed = requests * KLINES_WEIGHT - self._granted
            budget = self._run.weight_limit * self._turn.weight_share_percent // 100
            reservation = self._turn.rate_limiter.reserve(
                needed, period=period, budget=budget, now=self._turn.clock.now()
            )
            self._granted += reservation.granted
            self._reserved = reservation.reserved
        return self._granted >= KLINES_WEIGHT

    def _period_now(self) -> int:
        return self._exchange_ms() // (self._run.weight_seconds * 1000)

    def _exchange_ms(self) -> int:
        return round(self._turn.clock.now().timestamp() * 1000) + self._run.clock_offset_ms

    def _seconds_to_next_period(self) -> float:
        period_ms = self._run.weight_seconds * 1000
        return (period_ms - self._exchange_ms() % period_ms) / 1000

    def _observe(self, answer: Answer) -> None:
        """Raise the shared figure where the exchange counts more than all of us have reserved."""
        if answer.used_weight is not None and answer.used_weight > self._reserved:
            self._turn.rate_limiter.observe(answer.used_weight, period=self._period)
            self._reserved = answer.used_weight

    def _keep(self, asked: Window, answer: Answer) -> None:
        """Settle what the answer proves, store what it brings, and write down how far the symbol is."""
        coverage, first, last = self._coverage, self._series.first, self._series.last
        again = self._nothing_from is not None and self._nothing_from <= asked.start
        proof = settle(
            asked,
            answer.hours,
            known_before=first is not None and first < asked.start,
            ended=again and not self._record.trading and (last is None or last < asked.start),
            closed_end=answer.closed_end,
        )
        reach = Window(asked.start, max(asked.end, answer.hours[-1] + 1)) if answer.hours else asked
        wanted = set(windows.hours_in(windows.clip(self._to_ask, reach)))
        new = [candle for candle in answer.candles if candle.hour in wanted]
        brought = windows.from_hours(candle.hour for candle in new)
        stored = windows.union([*coverage.stored, *brought])
        series = self._series_now(stored, proof)
        known = Coverage(stored, coverage.never_printed, series.absent, series.delisted)
        fresh = windows.clip(windows.subtract(proof.never_printed, known.covered()), self._range)
        self._coverage = replace(known, never_printed=windows.union([*known.never_printed, *fresh]))
        # an answer settles all up to its last row; behind that another request goes on, unless this one brought nothing
        if answer.hours:
            asked_to = answer.hours[-1] + 1
            self._nothing_from = asked_to if len(answer.hours) < asked.hours else None
        else:  # of a symbol that does not trade it may be the end: that is asked twice before it is believed
            asked_to = asked.end if again or self._record.trading else asked.start
            self._nothing_from = asked.start
        settled = [Window(asked.start, asked_to), *(p for p in (proof.absent, proof.delisted) if p)]
        # what was thought to lie before the listing is asked for when an earlier candle has turned up
        released = windows.clip(windows.subtract(coverage.covered(), self._coverage.covered()), self._range)
        self._to_ask = windows.subtract(windows.union([*self._to_ask, *released]), windows.union(settled))
        self._failed_windows.append(
            FailedWindow(asked, 1 + answer.retries, _NO_CANDLE)
        )  # told of what is missing in the end
        self._record = replace(
            self._record,
            attempts=0,
            asked_to=asked_to,
            records=self._stored_hours() - (self._record.stored_before or 0),
        )
        self._ask_ahead()
        self._turn.candles.store(self._record.symbol, new, fresh, absent_days=self._absent_days)
        self._absent_days -= windows.days_in(windows.union([*brought, *fresh]))
        self._keep_series(series)
        if self._to_ask:  # else the outcome follows, which a run that was closed meanwhile takes where it is complete
            self._save()

    def _series_now(self, stored: Windows, proof: Settlement | None = None) -> Series:
        """Return the series' record as it should be when `stored` is stored and `proof` is new."""
        series, proof = self._series, proof or Settlement()
        ends = [(series.first, series.last)] if series.first is not None and series.last is not None else []
        ends += [(stored[0].start, stored[-1].end - 1)] if stored else []
        first = min((start for start, _ in ends), default=None)
        absent = extend(series.absent, proof.absent)
        if absent and first is not None:
            absent = Window(absent.start, min(absent.end, first)) if first > absent.start else None
        return replace(
            series,
            first=first,
            last=max((end for _, end in ends), default=None),
            absent=absent,
            delisted=extend(series.delisted, proof.delisted),
            years=self._years(stored, series),
        )

    def _keep_series(self, series: Series) -> None:
        """Write the series' record where it changed."""
        if series != self._kept_series:
            self._turn.series.put(series)
        self._series = self._kept_series = series

    def _years(self, stored: Windows, before: Series) -> dict[int, int]:
        """Count the stored hours by year: whole years anew, of a range read alone what is behind the last candle."""
        years = dict(before.years)
        first, last = self._read_window.start, max(self._read_window.end - 1, 0)
        for year in range(windows.year_of(first), windows.year_of(last) + 1):
            whole = windows.year_window(year)
            if self._read_window.start <= whole.start and whole.end <= self._read_window.end:
                years[year] = windows.count(windows.clip(stored, whole))
            else:
                behind = Window(0 if before.last is None else before.last + 1, whole.end)
                new = windows.clip(windows.clip(stored, whole), behind)
                years[year] = before.years.get(year, 0) + windows.count(new)
        return {year: hours for year, hours in years.items() if hours}

    def _save(self) -> None:
        self._record = self._turn.runs.save(self._record)

    def _wait_for_exchange(self, error: ExchangeBlockedError) -> _Next:
        """Come back when the rate limiter opens; a block past the run's deadline ends the symbol."""
        if error.until >= self._run.deadline:
            return self._stop(error.failure)
        self._record = replace(self._record, failure=error.failure)
        return self._hand_on((error.until - self._turn.clock.now()).total_seconds())

    def _stop(self, failure: Failure) -> _Next:
        self._record = replace(self._record, failure=failure)
        return _Next.STOP

    def _hand_on(self, seconds: float) -> _Next:
        """Let another turn do the rest, `seconds` from now and a little more, so that not all come at once."""
        if seconds > 0:
            seconds += random.uniform(0, min(10.0, 1 + seconds / 4))  # noqa: S311 - spreads load, guards nothing
        due_at = self._turn.clock.now() + timedelta(seconds=min(MOST_DELAY_SECONDS, seconds))
        record = self._turn.runs.save(replace(self._with_missing(), due_at=due_at), raise_turn=True)
        self._turn.queue.send(
            [SymbolMessage(record.run_id, record.symbol, record.turn)],
            delay_seconds=min(MOST_DELAY_SECONDS, math.ceil(seconds)),
        )
        return _Next.HANDED_ON

    def _with_missing(self) -> SymbolRecord:
        """Note what stays missing, on the series' record and on the run's."""
        missing = self._coverage.missing(self._range)
        failed_windows = renew(self._series.failed_windows, self._failed_windows, missing, self._range)
        self._failed_windows = []
        self._keep_series(replace(self._series, failed_windows=failed_windows))
        record = replace(self._record, first=self._series.first, last=self._series.last)
        return with_missing(record, missing)

    def _end(self) -> None:
        """Write the outcome, once, and end the run if this was its last symbol."""
        record = self._with_missing()
        outcome = judge(missing=record.missing, records=record.records, worked=record.stored_before is not None)
        if not record.missing:
            record = replace(record, failure=None)
        elif record.failure is None:
            record = replace(record, failure=Failure("short_answer", _NO_CANDLE))
        record = self._turn.runs.end_symbol(replace(record, outcome=outcome))
        leave_run(
            record, runs=self._turn.runs, series=self._turn.series, events=self._turn.events, clock=self._turn.clock
        )
