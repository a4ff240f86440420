"""Binance's public REST API for market data: asks, tries again as far as that makes sense, and names every failure."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import tenacity

from candle_collector.adapters.binance import rows
from candle_collector.adapters.binance.bounded_http import (
    BoundedSession,
    BrokenAnswerError,
    HttpAnswer,
    UntrustedServerError,
)
from candle_collector.adapters.binance.rows import WrongAnswerError
from candle_collector.domain.candle import INTERVAL
from candle_collector.domain.closing import closed_end_at
from candle_collector.domain.run import Failure
from candle_collector.domain.windows import HOUR_MS
from candle_collector.errors import (
    ExchangeBlockedError,
    ExchangeError,
    ExchangeRefusedError,
    ExchangeUnavailableError,
    OutOfTimeError,
    SymbolRefusedError,
)
from candle_collector.ports import FetchedCandles, Market, RequestWeights

REQUEST_SECONDS = 10.0
"""The whole of one request for candles, at most."""

LISTING_SECONDS = 9.0
"""All attempts at one listing: two of them fit into the 29 s that API Gateway waits."""

_KLINES_BYTES = 4_000_000
_LISTING_BYTES = 64_000_000

_TEAPOT = 418
_BLOCKED = {429, _TEAPOT}
_REGION_REFUSED = 451
_OTHER_PLACE = (
    "Deploy with another ExchangeBaseUrl (https://data-api.binance.vision serves the same candles), "
    "or in another region."
)
_SERVER_CODES = {-1000, -1001, -1003, -1007, -1008}
_INVALID_SYMBOL = -1121
_BAN_DEFAULT_SECONDS = 60
_BAN_MOST = timedelta(days=3)  # the longest ban there is (rest-api.md)
_WAITS = tenacity.wait_exponential(multiplier=2, max=8) + tenacity.wait_random(0, 1)

_T = TypeVar("_T")


class _AgainError(Exception):
    """A failure that another attempt may not meet."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


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

    weights = RequestWeights(candles=2, listings=20, volumes=80)
    """Of klines, whatever its limit, of exchangeInfo and of ticker/24hr without a symbol (rest-api.md)."""

    clock_offset_ms: int | None = None

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
        self._session = BoundedSession()
        self._sleep = sleep
        self._monotonic = monotonic
        self._now = now

    def fetch_candles(
        self,
        symbol: str,
        start: int,
        limit: int,
        *,
        attempts_made: int,
        until: float,
        grant: Callable[[], None],
    ) -> FetchedCandles:
        """Ask for the oldest candles from `start` on; without an endTime, so that the answer proves what has none."""
        params = {"symbol": symbol, "interval": INTERVAL, "startTime": str(start * HOUR_MS), "limit": str(limit)}

        def read(answer: HttpAnswer, retries: int) -> FetchedCandles:
            exchange_ms = _clock_ms(answer)
            candles = rows.read_candles(
                rows.read_json(answer.body), start=start, limit=limit, running=exchange_ms // HOUR_MS
            )
            closed_end = closed_end_at(min(exchange_ms, round(self._now().timestamp() * 1000)))
            return FetchedCandles(
                candles=tuple(candle for candle in candles if candle.hour < closed_end),
                hours=tuple(candle.hour for candle in candles),
                closed_end=closed_end,
                retries=retries,
                used_weight=_used_weight(answer),
            )

        return self._ask(
            "/api/v3/klines", params, read, _KLINES_BYTES, attempts_made=attempts_made, until=until, grant=grant
        )

    def fetch_market(self, *, grant: Callable[[], None]) -> Market:
        """Ask for all listings, those that no longer trade included."""

        def read(answer: HttpAnswer, _: int) -> Market:
            body = rows.read_json(answer.body)
            limit, seconds = rows.read_weight_limit(body)
            offset = _clock_ms(answer) - round(self._now().timestamp() * 1000)
            return Market(rows.read_listings(body), limit, seconds, offset)

        return self._ask("/api/v3/exchangeInfo", {"showPermissionSets": "false"}, read, _LISTING_BYTES, grant=grant)

    def fetch_volumes(self, *, grant: Callable[[], None]) -> Mapping[str, Decimal]:
        """Ask for the quote volumes of the last 24 hours."""
        return self._ask(
            "/api/v3/ticker/24hr",
            {"type": "MINI"},
            lambda answer, _: rows.read_volumes(rows.read_json(answer.body)),
            _LISTING_BYTES,
            grant=grant,
        )

    def _ask(
        self,
        path: str,
        params: Mapping[str, str],
        read: Callable[[HttpAnswer, int], _T],
        most_bytes: int,
        *,
        grant: Callable[[], None],
        attempts_made: int = 0,
        until: float | None = None,
    ) -> _T:
        """Ask until an answer can be read, at most as often and as long as is allowed."""
        deadline = until if until is not None else self._monotonic() + LISTING_SECONDS
        failed: list[Failure] = []
        sent = 0

        def attempt() -> _T:
            nonlocal sent
            grant()
            sent += 1
            seconds = min(REQUEST_SECONDS, deadline - self._monotonic())
            if seconds <= 0:
                raise _AgainError(Failure("unavailable", "no time was left to ask"))
            answer = self._get(path, params, seconds, most_bytes)
            try:
                return read(answer, len(failed))
            except WrongAnswerError as error:
                raise _AgainError(Failure("invalid_answer", f"the exchange's answer is wrong: {error}", 200)) from error

        class OutOfTime(tenacity.stop.stop_base):
            def __call__(_, state: tenacity.RetryCallState) -> bool:  # noqa: N805 - self is the exchange here
                return self._monotonic() + state.upcoming_sleep >= deadline

        def note(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            if isinstance(error, _AgainError):
                failed.append(error.failure)

        left = max(1, self._attempts - attempts_made)
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_AgainError),
            stop=tenacity.stop_any(tenacity.stop_after_attempt(left), OutOfTime()),
            wait=_WAITS,
            after=note,
            sleep=self._sleep,
        )
        try:
            return retrying(attempt)
        except tenacity.RetryError as error:
            state = error.last_attempt
            last = state.exception()
            made = attempts_made + state.attempt_number
            failure = replace(_failure_of(last), attempts=made)
            if state.attempt_number < left:
                raise OutOfTimeError(failure, wait=2.0 ** min(made, 3)) from last
            raise ExchangeUnavailableError(failure) from last
        except ExchangeError as error:
            error.failure = replace(error.failure, attempts=attempts_made + sent)
            raise

    def _get(self, path: str, params: Mapping[str, str], seconds: float, most_bytes: int) -> HttpAnswer:
        """Ask once, and raise by kind what is not a good answer."""
        try:
            answer = self._session.get(self._base_url + path, params, seconds=seconds, most_bytes=most_bytes)
        except BrokenAnswerError as error:
            raise _AgainError(Failure("unavailable", f"the exchange gave no whole answer: {error}")) from error
        except UntrustedServerError as error:
            failure = Failure("refused", f"The exchange's certificate is not trusted. {_OTHER_PLACE}")
            raise ExchangeRefusedError(failure) from error
        if answer.status != 200:  # noqa: PLR2004 - the one good status
            raise self._refusal(answer)
        return answer

    def _refusal(self, answer: HttpAnswer) -> Exception:
        """Return the error that an answer other than 200 means."""
        status = answer.status
        code, text = _error_body(answer.body)
        failure = Failure("unavailable", f"the exchange answered {status}: {text}", status, code)
        if status in _BLOCKED:
            ban = min(_BAN_MOST, self._ban(answer, text))
            until = self._now() + ban
            said = "banned us" if status == _TEAPOT else "asked us to wait"
            blocked = replace(failure, kind="blocked", message=f"the exchange {said} until {until:%Y-%m-%dT%H:%M:%SZ}")
            return ExchangeBlockedError(blocked, ban.total_seconds())
        if status in {403, _REGION_REFUSED}:
            who = (
                "The exchange refuses this region"
                if status == _REGION_REFUSED
                else "The exchange's firewall refuses us"
            )
            return ExchangeRefusedError(replace(failure, kind="refused", message=f"{who} ({status}). {_OTHER_PLACE}"))
        if status >= 500 or code in _SERVER_CODES:  # noqa: PLR2004 - the server's own failures
            return _AgainError(failure)
        if 300 <= status < 400:  # noqa: PLR2004 - redirects
            reported = f"the exchange redirected us ({status}), and we do not follow"
            return _AgainError(replace(failure, kind="invalid_answer", message=reported))
        kind = "invalid_symbol" if code == _INVALID_SYMBOL else "refused"
        return SymbolRefusedError(replace(failure, kind=kind))

    def _ban(self, answer: HttpAnswer, text: str) -> timedelta:
        """Return how long not to ask: by Retry-After, else by the time in the body, else a minute."""
        seconds = answer.headers.get("Retry-After", "")
        if re.fullmatch(r"\d{1,9}", seconds, re.ASCII):
            return timedelta(seconds=int(seconds))
        if named := re.search(r"banned until (\d{13})\b", text, re.ASCII):
            return timedelta(seconds=max(1.0, int(named[1]) / 1000 - self._now().timestamp()))
        return timedelta(seconds=_BAN_DEFAULT_SECONDS)


def _error_body(body: bytes) -> tuple[int | None, str]:
    """Return the exchange's code and text of an error's body; of anything else, a short word on it."""
    try:
        parsed = rows.read_json(body)
    except WrongAnswerError:
        return None, "a body that is not JSON"
    if isinstance(parsed, dict) and type(parsed.get("code")) is int and isinstance(parsed.get("msg"), str):
        return parsed["code"], parsed["msg"][:300]
    return None, "a body without code and msg"


def _clock_ms(answer: HttpAnswer) -> int:
    """Return the exchange's clock by the Date header, in ms."""
    try:
        return round(parsedate_to_datetime(answer.headers["Date"]).replace(tzinfo=UTC).timestamp() * 1000)
    except (KeyError, TypeError, ValueError) as error:
        raise WrongAnswerError("the answer has no Date, so nothing says which candles had closed") from error


def _used_weight(answer: HttpAnswer) -> int | None:
    text = answer.headers.get("X-MBX-USED-WEIGHT-1M", "")
    return int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else None


def _failure_of(error: Any) -> Failure:
    return error.failure if isinstance(error, _AgainError) else Failure("unavailable", str(error))
