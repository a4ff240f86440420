"""Reads Binance's answers, and believes none that is wrong in any part."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from candle_collector.domain.candle import Candle, trim
from candle_collector.domain.universe import Listing, is_symbol
from candle_collector.domain.windows import HOUR_MS, Window

OFF_GRID = Window(421_713, 421_756)
"""2018-02-09 09:00 to 2018-02-11 04:00 UTC, when Binance's candles opened at 28 minutes past (measured on BTCUSDT)."""

_COLUMNS = 12
_NUMBER_MOST = 10**9
_VOLUME_MOST = 10**30
"""Beyond anything that is traded in a day, in any asset, and far from what decimals can be computed with."""

_DECIMALS = re.compile(r"(?:\d{1,20}(?:\.\d{1,8})?,){8}", re.ASCII)


class WrongAnswerError(Exception):
    """The answer is not what the exchange's documentation promises."""


def _refuse(constant: str) -> None:
    raise WrongAnswerError(f"{constant} is not JSON")


def read_json(body: bytes) -> Any:
    """Parse strict JSON: no NaN, no Infinity; nesting and digits as far as the interpreter bounds them.

    Raises
    ------
    WrongAnswerError
        It is not JSON.
    """
    try:
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise WrongAnswerError(f"the body is not JSON: {type(error).__name__}") from error


def read_candles(rows: Any, *, start: int, limit: int, running: int) -> tuple[Candle, ...]:
    """Return the candles of an answer, the running one included.

    Parameters
    ----------
    rows
        The parsed body.
    start
        The hour that was asked from.
    limit
        How many rows were asked for.
    running
        The hour that runs now by the exchange's clock.

    Raises
    ------
    WrongAnswerError
        One row is wrong: then none is believed.
    """
    if not isinstance(rows, list) or len(rows) > limit:
        raise WrongAnswerError("the body is not a list of at most as many rows as were asked for")
    candles = tuple(map(_read_row, rows))
    before = start - 1
    for candle in candles:
        if candle.hour <= before:
            raise WrongAnswerError(f"the row of hour {candle.hour} is out of order, twice, or before the asked start")
        before = candle.hour
    if before > running:
        raise WrongAnswerError(f"the row of hour {before} is from the future")
    return candles


def _read_row(row: Any) -> Candle:
    """Read a row: openTime, open, high, low, close, volume, closeTime, quote volume, trades, takerBase, takerQuote."""
    if not isinstance(row, list) or len(row) != _COLUMNS:
        raise WrongAnswerError(f"a row has not {_COLUMNS} columns")
    opened, open_, high, low, close, volume, closed, quote_volume, trades, taker_base, taker_quote, _ = row
    if type(opened) is not int or type(closed) is not int or type(trades) is not int or trades < 0:
        raise WrongAnswerError("a time or a count is not a whole number")
    try:
        decimals = ",".join(  # noqa: FLY002 - unlike an f-string, join refuses what is not text
            (open_, high, low, close, volume, quote_volume, taker_base, taker_quote, "")
        )
    except TypeError:
        raise WrongAnswerError("a price or a volume is not text") from None
    if not _DECIMALS.fullmatch(decimals):
        raise WrongAnswerError("a price or a volume is not a decimal")
    bottom, top = Decimal(low), Decimal(high)
    if not (0 < bottom <= Decimal(open_) <= top and bottom <= Decimal(close) <= top):
        raise WrongAnswerError("a price is zero, or open or close is not between low and high")
    if Decimal(taker_base) > Decimal(volume) or Decimal(taker_quote) > Decimal(quote_volume):
        raise WrongAnswerError("takers bought more than was traded")
    hour, offset = divmod(opened, HOUR_MS)
    if offset and not OFF_GRID.start <= hour < OFF_GRID.end:
        raise WrongAnswerError(f"open time {opened} is not on the hour")
    return Candle(
        hour,
        trim(open_),
        trim(high),
        trim(low),
        trim(close),
        trim(volume),
        trim(quote_volume),
        trades,
        trim(taker_base),
        trim(taker_quote),
        offset,
    )


def read_listings(body: Any) -> tuple[Listing, ...]:
    """Return every symbol of an exchangeInfo answer that is one.

    Raises
    ------
    WrongAnswerError
        It is not such an answer.
    """
    try:
        listings = [
            Listing(_text(item["symbol"]), _text(item["baseAsset"]), _text(item["quoteAsset"]), _text(item["status"]))
            for item in body["symbols"]
        ]
    except (KeyError, TypeError) as error:
        raise WrongAnswerError(f"exchangeInfo is not as documented: {error}") from error
    return tuple(listing for listing in listings if is_symbol(listing.symbol))


_SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86_400}


def read_weight_limit(body: Any) -> tuple[int, int]:
    """Return the weight limit of an exchangeInfo answer, and the seconds that it is for.

    Raises
    ------
    WrongAnswerError
        It has none.
    """
    try:
        for item in body["rateLimits"]:
            if item["rateLimitType"] == "REQUEST_WEIGHT":
                limit, seconds = int(item["limit"]), _SECONDS[item["interval"]] * int(item["intervalNum"])
                if 0 < limit <= _NUMBER_MOST and 0 < seconds <= _NUMBER_MOST:
                    return limit, seconds
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise WrongAnswerError(f"rateLimits is not as documented: {error}") from error
    raise WrongAnswerError("exchangeInfo names no weight limit")


def read_volumes(body: Any) -> Mapping[str, Decimal]:
    """Return the quote volume by symbol of a ticker/24hr answer.

    Raises
    ------
    WrongAnswerError
        It is not such an answer.
    """
    try:
        volumes = {_text(item["symbol"]): Decimal(_text(item["quoteVolume"])) for item in body}
    except (KeyError, TypeError, InvalidOperation) as error:
        raise WrongAnswerError(f"ticker/24hr is not as documented: {error}") from error
    if not all(volume.is_finite() and 0 <= volume <= _VOLUME_MOST for volume in volumes.values()):
        raise WrongAnswerError("ticker/24hr has a volume that is not an amount")
    return volumes


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is not text")
    return value
