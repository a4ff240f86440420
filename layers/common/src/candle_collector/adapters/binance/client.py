"""Binance's public REST API for market data: asks, tries again as far as that makes sense, and names every failure."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from operator import attrgetter
from typing import Generic, TypeVar

import tenacity

from candle_collector.adapters.binance import headers, rows
from candle_collector.adapters.binance.bounded_http import (
    BoundedSession,
    BrokenAnswerError,
    HttpAnswer,
    UntrustedServerError,
)
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.adapters.binance.refusals import OTHER_PLACE, AgainError, is_block, refusal
from candle_collector.adapters.binance.rows import WrongAnswerError
from candle_collector.domain.closing import closed_ms_at
from candle_collector.domain.interval import ms_of
from candle_collector.domain.run import Failure
from candle_collector.domain.series import Series
from candle_collector.errors import ExchangeError, ExchangeRefusedError, OutOfTimeError
from candle_collector.ports import DayTrades, FetchedCandles, MarketListings

REQUEST_SECONDS = 10.0
"""The whole of one request for candles, at most."""

LISTING_SECONDS = 9.0
"""All attempts at one listing: two of them fit into the 29 s that API Gateway waits."""

_KLINES_BYTES = 4_000_000
_LISTING_BYTES = 24_000_000
"""Four times what 3,600 symbols have as it is asked for, 5.8 MB, and room for the 17 MB that they have with the
permission sets, which a server may send all the same (by the symbols recorded in 2025)."""

LEAST_RETRY_SECONDS = 0.5
"""An attempt that would have less time is left to another turn: it would cost its weight and most likely be cut."""

_WAITS = tenacity.wait_exponential(multiplier=2, max=8) + tenacity.wait_random(0, 1)

_T = TypeVar("_T")


@dataclass(frozen=True)
class _Request(Generic[_T]):
    """What is asked for, and how its answer is read: `read` also takes how many attempts failed before."""

    path: str
    params: Mapping[str, str]
    read: Callable[[HttpAnswer, int], _T]
    most_bytes: int
    grant: Callable[[], None]


class _Attempts:
    """The attempts at an answer. One is a request that had its time: what our own end cut short is not counted.

    Parameters
    ----------
    deadline
        When to have given up, in seconds of our monotonic clock.
    made
        How many attempts an earlier turn made.
    most
        How many may be made, but for one in each turn.
    of_a_turn
        Whether the deadline is the end of a turn, which another one follows, and not all that such a request has.
    """

    def __init__(self, deadline: float, *, made: int, most: int, of_a_turn: bool = True) -> None:
        self.deadline = deadline
        self.made = made
        self.of_a_turn = of_a_turn
        self.last: AgainError | None = None
        self._made_before = made
        self._most = max(most, made + 1)

    @property
    def retries(self) -> int:
        """How many were made in this turn."""
        return self.made - self._made_before

    @property
    def are_used_up(self) -> bool:
        """Whether no other one may be made."""
        return self.made >= self._most

    def again(self, error: AgainError) -> AgainError:
        """Keep what the last attempt met."""
        self.last = error
        return error

    def end(self) -> ExchangeError:
        """Return what it comes to that the last attempt was not followed by another one."""
        if self.last and self.are_used_up:
            return self.last.verdict(self.last.failure)
        return self.out_of_time()

    def out_of_time(self, *, cut: str | None = None) -> OutOfTimeError:
        """Return the error that leaves the rest to another turn, for the last failure that was the exchange's.

        Parameters
        ----------
        cut
            What a request that our own end cut short came to.
        """
        ours = Failure("unavailable", cut or "no time was left to ask the exchange")
        failure = self.last.failure if self.last else ours
        return OutOfTimeError(failure, wait=2.0 ** min(self.made, 3), cut=cut is not None)


class Binance:
    """The exchange as the use cases know it.

    Parameters
    ----------
    base_url
        Checked by `Settings`.
    max_retries
        3 are four attempts, which wait 2, 4 and 8 s and up to a second of jitter each.
    sleep, monotonic, now
        Time, for tests.
    """

    market = BINANCE

    def __init__(
        self,
        base_url: str,
        *,
        max_retries: int,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._base_url = base_url
        self._attempts = max_retries + 1
        self._session = BoundedSession(now)
        self._sleep = sleep
        self._monotonic = monotonic
        self._now = now
        self._clock_offset_ms: int | None = None

    @property
    def clock_offset_ms(self) -> int | None:
        """How far the exchange's clock is ahead of ours, by the last answer of any status that had a Date."""
        return self._clock_offset_ms

    def fetch_candles(
        self, series: Series, start: int, limit: int, *, attempts_made: int, until: float, grant: Callable[[], None]
    ) -> FetchedCandles:
        """Ask for the oldest candles from `start` on; without an endTime, so that the answer proves what has none.

        A wrong row makes the whole answer be asked for again. Where the same rows are wrong again, and in the same way,
        asking once more would not mend them: then they alone are rejected. Without retries the one answer decides.
        """
        interval = series.interval
        params = {
            "symbol": series.symbol,
            "interval": str(interval),
            "startTime": str(interval.open_ms(start)),
            "limit": str(limit),
        }
        findings: list[Mapping[int, str]] = []
        enough = min(2, self._attempts)

        def read(answer: HttpAnswer, retries: int) -> FetchedCandles:
            exchange_ms = headers.clock_ms(answer)
            found = rows.read_candles(
                rows.read_json(answer.body), interval, start=start, limit=limit, running=interval.slot_at(exchange_ms)
            )
            if found.rejected:
                findings.append(found.rejected)
                if len(findings) < enough or any(finding != findings[0] for finding in findings):
                    found.whole()
            closed_end = interval.slot_at(closed_ms_at(min(exchange_ms, ms_of(self._now()))))
            return FetchedCandles(
                candles=found.candles[: bisect_left(found.candles, closed_end, key=attrgetter("slot"))],
                slots=found.slots,
                closed_end=closed_end,
                retries=retries,
                used_weight=headers.used_weight(answer),
                rejected={slot: reason for slot, reason in found.rejected.items() if slot < closed_end},
            )

        request = _Request("/api/v3/klines", params, read, _KLINES_BYTES, grant)
        return self._ask(request, _Attempts(until, made=attempts_made, most=self._attempts))

    def fetch_market(self, *, grant: Callable[[], None]) -> MarketListings:
        """Ask for all listings, those that no longer trade included."""

        def read(answer: HttpAnswer, _: int) -> MarketListings:
            offset = _clock_offset_ms(answer)
            body = rows.read_listing_json(answer.body)
            limit, seconds = rows.read_weight_limit(body)
            return MarketListings(rows.read_listings(body), limit, seconds, offset)

        params = {"showPermissionSets": "false"}
        return self._ask_listing(_Request("/api/v3/exchangeInfo", params, read, _LISTING_BYTES, grant))

    def fetch_volumes(self, *, grant: Callable[[], None]) -> DayTrades:
        """Ask what was traded in the last 24 hours."""

        def read(answer: HttpAnswer, _: int) -> DayTrades:
            body = rows.read_listing_json(answer.body)
            return DayTrades(rows.read_volumes(body), rows.read_at_par(body))

        return self._ask_listing(_Request("/api/v3/ticker/24hr", {"type": "MINI"}, read, _LISTING_BYTES, grant))

    def _ask_listing(self, request: _Request[_T]) -> _T:
        deadline = self._monotonic() + LISTING_SECONDS
        return self._ask(request, _Attempts(deadline, made=0, most=self._attempts, of_a_turn=False))

    def _ask(self, request: _Request[_T], attempts: _Attempts) -> _T:
        """Ask until an answer can be read, at most as often and as long as is allowed."""

        def is_over(state: tenacity.RetryCallState) -> bool:
            begins = self._monotonic() + state.upcoming_sleep
            return attempts.are_used_up or begins + LEAST_RETRY_SECONDS >= attempts.deadline

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(AgainError), stop=is_over, wait=_WAITS, sleep=self._sleep
        )
        try:
            try:
                return retrying(lambda: self._attempt(request, attempts))
            except tenacity.RetryError:
                raise attempts.end() from attempts.last
        except ExchangeError as error:
            error.failure = replace(error.failure, attempts=attempts.made)
            raise

    def _attempt(self, request: _Request[_T], attempts: _Attempts) -> _T:
        """Ask once, if that is granted and there is time, and read the answer."""
        if self._monotonic() < attempts.deadline:  # else weight would be taken for a request that is not sent
            request.grant()
        seconds = min(REQUEST_SECONDS, attempts.deadline - self._monotonic())
        if seconds <= 0:
            raise attempts.out_of_time()
        retries = attempts.retries
        attempts.made += 1
        try:
            return request.read(self._get(request, seconds), retries)
        except BrokenAnswerError as error:
            if attempts.of_a_turn and error.late and seconds < REQUEST_SECONDS:
                attempts.made -= 1
                raise attempts.out_of_time(cut=f"our own time ended while the exchange was asked: {error}") from error
            failure = Failure("unavailable", f"the exchange gave no whole answer: {error}")
            raise attempts.again(AgainError(failure)) from error
        except WrongAnswerError as error:
            failure = Failure("invalid_answer", f"the exchange's answer is wrong: {error}", HTTPStatus.OK.value)
            raise attempts.again(AgainError(failure)) from error
        except AgainError as error:
            attempts.again(error)
            raise

    def _get(self, request: _Request[_T], seconds: float) -> HttpAnswer:
        """Send the request, and raise by kind what is not a good answer."""
        url = self._base_url + request.path
        try:
            answer = self._session.get(url, request.params, seconds=seconds, most_bytes=request.most_bytes)
        except BrokenAnswerError as error:
            if error.begun is None:
                raise
            self._note_clock(error.begun)
            if is_block(error.begun.status):  # the status says it all
                raise refusal(error.begun, self._now()) from error
            raise
        except UntrustedServerError as error:
            failure = Failure("refused", f"The exchange's certificate is not trusted. {OTHER_PLACE}")
            raise ExchangeRefusedError(failure) from error
        self._note_clock(answer)
        if answer.status != HTTPStatus.OK:
            raise refusal(answer, self._now())
        return answer

    def _note_clock(self, answer: HttpAnswer) -> None:
        try:
            self._clock_offset_ms = _clock_offset_ms(answer)
        except WrongAnswerError:
            return  # the last one stays


def _clock_offset_ms(answer: HttpAnswer) -> int:
    """Return how far the exchange's clock was ahead of ours when the answer came.

    Raises
    ------
    WrongAnswerError
        It has no Date.
    """
    return headers.clock_ms(answer) - round(answer.received_at.timestamp() * 1000)
