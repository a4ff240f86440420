"""Binance's shape of questions and answers about candles: parameters, rows and errors, as its clients know them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from candle_collector.domain.candle import INTERVAL, Candle
from candle_collector.domain.run import Series
from candle_collector.domain.universe import is_symbol
from candle_collector.domain.window import HOUR_MS
from candle_collector.errors import CollectorError
from candle_collector.read_candles import LIMIT_DEFAULT, LIMIT_MOST

_PARAMETERS = frozenset({"symbol", "interval", "startTime", "endTime", "timeZone", "limit", "api_key"})
_INTERVALS = frozenset(
    ["1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"]
)
_WHOLE = re.compile(r"\d{1,19}", re.ASCII)
_QUOTES = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "BTC", "ETH", "BNB", "EUR", "TRY")


class BinanceError(CollectorError):
    """An error in Binance's words.

    Attributes
    ----------
    code, msg
        Its number and text (Binance's errors.md).
    word
        Our own code for the same.
    """

    def __init__(self, code: int, word: str, msg: str) -> None:
        super().__init__(msg)
        self.code = code
        self.word = word
        self.msg = msg


@dataclass(frozen=True)
class KlinesQuery:
    """A question for candles: times in ms since 1970 UTC, inclusive on the open time."""

    symbol: str
    start_ms: int | None
    end_ms: int | None
    limit: int


def read_klines_query(parameters: Mapping[str, str]) -> KlinesQuery:
    """Read the query of ``GET /api/v3/klines``.

    Raises
    ------
    BinanceError
        What Binance answers to the same mistake; intervals that are not stored are refused as well.
    """
    unknown = [name for name in parameters if name not in _PARAMETERS]
    if unknown:
        read, sent = len(parameters) - len(unknown), len(parameters)
        raise BinanceError(
            -1104,
            "UNKNOWN_PARAMETER",
            f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.",
        )
    symbol, interval = (_mandatory(parameters, name) for name in ("symbol", "interval"))
    if not is_symbol(symbol):
        raise _illegal("symbol", "^[A-Z0-9-_.]{1,20}$")
    if interval not in _INTERVALS:
        raise BinanceError(-1120, "INVALID_INTERVAL", "Invalid interval.")
    if interval != INTERVAL:
        raise BinanceError(-1120, "INVALID_INTERVAL", f"Invalid interval. This archive stores {INTERVAL}.")
    limit = _number(parameters, "limit")
    if limit is not None and limit < 1:
        raise BinanceError(-1130, "INVALID_PARAMETER", "Data sent for parameter 'limit' is not valid.")
    start_ms, end_ms = _number(parameters, "startTime"), _number(parameters, "endTime")
    return KlinesQuery(symbol, start_ms, end_ms, min(LIMIT_MOST, LIMIT_DEFAULT if limit is None else limit))


def _mandatory(parameters: Mapping[str, str], name: str) -> str:
    value = parameters.get(name, "")
    if not value:
        text = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
        raise BinanceError(-1102, "MISSING_PARAMETER", text)
    return value


def _number(parameters: Mapping[str, str], name: str) -> int | None:
    value = parameters.get(name)
    if value is None:
        return None
    if not _WHOLE.fullmatch(value):
        raise _illegal(name, "^[0-9]{1,20}$")
    return int(value)


def _illegal(name: str, legal: str) -> BinanceError:
    text = f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    return BinanceError(-1100, "ILLEGAL_CHARACTERS", text)


def row(candle: Candle) -> list[Any]:
    """Return a candle's row of 12 columns; its close time is reckoned: the end of its hour."""
    return [
        candle.open_time_ms,
        _eight(candle.open),
        _eight(candle.high),
        _eight(candle.low),
        _eight(candle.close),
        _eight(candle.volume),
        candle.open_time_ms + HOUR_MS - 1,
        _eight(candle.quote_volume),
        candle.trade_count,
        _eight(candle.taker_base),
        _eight(candle.taker_quote),
        "0",
    ]


def _eight(decimal: str) -> str:
    """Return a stored decimal with Binance's eight digits."""
    return f"{Decimal(decimal):.8f}"


def exchange_info(series: Iterable[Series], now: datetime) -> dict[str, Any]:
    """Return the stored symbols as ``GET /api/v3/exchangeInfo`` lists them."""
    return {
        "timezone": "UTC",
        "serverTime": round(now.timestamp() * 1000),
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [_listing(one.symbol) for one in series if one.last is not None],
    }


def _listing(symbol: str) -> dict[str, Any]:
    quote = next((quote for quote in _QUOTES if symbol.endswith(quote) and symbol != quote), "")
    return {
        "symbol": symbol,
        "status": "TRADING",
        "baseAsset": symbol.removesuffix(quote),
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": [],
        "icebergAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [],
        "permissions": ["SPOT"],
        "permissionSets": [["SPOT"]],
    }
