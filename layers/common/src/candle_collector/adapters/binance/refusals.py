"""What an answer other than 200 means: to wait, to ask again, or that there is nothing to ask for."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from candle_collector.adapters.binance.bounded_http import HttpAnswer
from candle_collector.adapters.binance.headers import BLOCK_MOST, date_of, retry_after
from candle_collector.adapters.binance.rows import WrongAnswerError, read_json
from candle_collector.domain.run import Failure
from candle_collector.errors import (
    ExchangeBlockedError,
    ExchangeError,
    ExchangeRefusedError,
    ExchangeUnavailableError,
    SymbolRefusedError,
)

OTHER_PLACE = (
    "Deploy with another ExchangeBaseUrl (https://data-api.binance.vision serves the same candles), "
    "or in another region."
)

RETRY_AFTER_LEAST = 1.0
"""The shortest wait after a 429 or 418, in seconds: `Retry-After: 0` would have us ask on and be banned for it."""

_BLOCK_DEFAULT_SECONDS = 60.0
_BANNED = HTTPStatus.IM_A_TEAPOT
_REGION_REFUSED = HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS
_SERVER_CODES = {-1000, -1001, -1003, -1007, -1008}
_INVALID_SYMBOL = -1121
_ERROR_BYTES = 100_000
_CODE_MOST = 10**10


class AgainError(Exception):
    """A failure that another attempt may not meet; `verdict` is what it is when no attempt is left."""

    def __init__(self, failure: Failure, verdict: type[ExchangeError] = ExchangeUnavailableError) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.verdict = verdict


def is_block(status: int) -> bool:
    """Return whether a status alone, without its body, says not to ask for a while."""
    return status in {HTTPStatus.TOO_MANY_REQUESTS, _BANNED}


def refusal(answer: HttpAnswer, now: datetime) -> AgainError | ExchangeError:
    """Return the error that an answer other than 200 means.

    Only the exchange itself answers with JSON of `code` and `msg`. Anything else may be of a firewall or a network of
    proxies before it, which lasts for minutes and says nothing of the symbol: 403 always, and 202, 400, 404 or 408
    with HTML were seen from AWS.
    """
    status = answer.status
    code, text = _error_of(answer.body)
    failure = Failure("unavailable", f"the exchange answered {status}: {text or 'not its own JSON'}", status, code)
    if is_block(status):
        return _blocked(failure, _block_seconds(answer, text or "", now), now)
    if status == HTTPStatus.FORBIDDEN:
        message = f"A firewall before the exchange refuses us ({status}). {OTHER_PLACE}"
        return AgainError(replace(failure, kind="refused", message=message), verdict=ExchangeRefusedError)
    if status == _REGION_REFUSED and text is not None:
        message = f"The exchange refuses this region ({status}). {OTHER_PLACE}"
        return ExchangeRefusedError(replace(failure, kind="refused", message=message))
    if 300 <= status < 400:  # noqa: PLR2004 - redirects
        message = f"the exchange redirected us ({status}), and we do not follow"
        return AgainError(replace(failure, kind="invalid_answer", message=message))
    if text is None or not 400 <= status < 500 or code in _SERVER_CODES:  # noqa: PLR2004 - what a request's fault is
        return AgainError(failure)
    return SymbolRefusedError(replace(failure, kind="invalid_symbol" if code == _INVALID_SYMBOL else "refused"))


def _blocked(failure: Failure, seconds: float, now: datetime) -> ExchangeBlockedError:
    said = "banned us" if failure.http_status == _BANNED else "asked us to wait"
    message = f"the exchange {said} until {now + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"
    return ExchangeBlockedError(replace(failure, kind="blocked", message=message), seconds)


def _block_seconds(answer: HttpAnswer, text: str, now: datetime) -> float:
    """Return how long not to ask: by Retry-After, else by the time in the body, else a minute."""
    seconds = retry_after(answer, now)
    if seconds is None and (named := re.search(r"banned until (\d{13})\b", text, re.ASCII)):
        seconds = int(named[1]) / 1000 - (date_of(answer) or now).timestamp()
    if seconds is None:
        seconds = _BLOCK_DEFAULT_SECONDS
    return min(max(seconds, RETRY_AFTER_LEAST), BLOCK_MOST.total_seconds())


def _error_of(body: bytes) -> tuple[int | None, str | None]:
    """Return code and text of the exchange's own error; None twice of any other body."""
    if len(body) > _ERROR_BYTES:
        return None, None
    try:
        parsed: Any = read_json(body)
    except WrongAnswerError:
        return None, None
    if not isinstance(parsed, dict):
        return None, None
    code, text = parsed.get("code"), parsed.get("msg")
    if type(code) is not int or abs(code) >= _CODE_MOST or not isinstance(text, str):
        return None, None
    return code, text[:300].encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair cannot be stored
