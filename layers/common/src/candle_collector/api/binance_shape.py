"""Binance's shape of questions and answers about candles: parameters, rows and errors, as its clients know them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from candle_collector.api.limits import CALLS_A_SECOND
from candle_collector.domain.aggregate import HOURLY, INTERVAL_HOURS, Grid
from candle_collector.domain.candle import Candle
from candle_collector.domain.series import Series
from candle_collector.domain.universe import is_symbol
from candle_collector.domain.windows import HOUR_MS
from candle_collector.errors import CollectorError
from candle_collector.reading.read_candles import LIMIT_DEFAULT, LIMIT_MOST

_KLINES_PARAMETERS = frozenset({"symbol", "interval", "startTime", "endTime", "timeZone", "limit", "api_key"})
_INFO_PARAMETERS = frozenset({"symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus", "api_key"})
_INTERVALS = frozenset(
    ["1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"]
)
_WHOLE = re.compile(r"\d{1,20}", re.ASCII)
_LARGEST = 2**63 - 1
_TIME_ZONE = re.compile(r"([+-]?)(\d{1,2})(?::(\d{2}))?", re.ASCII)
_STATUSES = ("TRADING", "END_OF_DAY", "HALT", "BREAK", "CANCEL_ONLY")
_QUOTES = (
    *("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USD1", "USDP", "DAI", "PAX", "BTC", "ETH", "BNB", "XRP", "TRX", "DOGE"),
    *("EUR", "TRY", "BRL", "GBP", "AUD", "RUB", "UAH", "ZAR", "PLN", "RON", "ARS", "JPY", "MXN", "CZK", "BIDR", "IDRT"),
)
"""What assets are traded against on Binance; a series' record holds the symbol alone, not where it is cut."""


ERROR_CODES = {
    "ILLEGAL_CHARACTERS": -1100,
    "MISSING_PARAMETER": -1102,
    "UNKNOWN_PARAMETER": -1104,
    "EMPTY_PARAMETER": -1105,
    "INVALID_INTERVAL": -1120,
    "INVALID_SYMBOL": -1121,
    "INVALID_COMBINATION": -1128,
    "INVALID_PARAMETER": -1130,
}
"""Our codes and Binance's numbers for the same (Binance's errors.md)."""


class BinanceError(CollectorError):
    """An error in Binance's words.

    Attributes
    ----------
    word
        Our own code.
    code, msg
        Binance's number and text.
    """

    def __init__(self, word: str, msg: str) -> None:
        super().__init__(msg)
        self.word = word
        self.code = ERROR_CODES[word]
        self.msg = msg


@dataclass(frozen=True)
class KlinesQuery:
    """A question for candles: times in ms since 1970 UTC, inclusive on the open time."""

    symbol: str
    grid: Grid
    start_ms: int | None
    end_ms: int | None
    limit: int


def read_klines_query(parameters: Mapping[str, str]) -> KlinesQuery:
    """Read the query of ``GET /api/v3/klines``.

    Raises
    ------
    BinanceError
        What Binance answers to the same mistake; intervals that hours do not make up are refused as well.
    """
    _refuse_unknown(parameters, _KLINES_PARAMETERS)
    symbol, interval = (_mandatory(parameters, name) for name in ("symbol", "interval"))
    if not is_symbol(symbol):
        raise _illegal("symbol", "^[A-Z0-9-_.]{1,20}$")
    if interval not in _INTERVALS:
        raise BinanceError("INVALID_INTERVAL", "Invalid interval.")
    if interval not in INTERVAL_HOURS:
        served = ", ".join(INTERVAL_HOURS)
        raise BinanceError("INVALID_INTERVAL", f"Invalid interval. This archive serves {served}.")
    limit = _number(parameters, "limit")
    if limit == 0:
        raise _invalid("limit")
    return KlinesQuery(
        symbol,
        Grid(INTERVAL_HOURS[interval], _time_zone_hours(parameters)),
        _number(parameters, "startTime"),
        _number(parameters, "endTime"),
        min(LIMIT_MOST, LIMIT_DEFAULT if limit is None else limit),
    )


def _refuse_unknown(parameters: Mapping[str, str], known: frozenset[str]) -> None:
    read, sent = sum(name in known for name in parameters), len(parameters)
    if read < sent:
        raise BinanceError(
            "UNKNOWN_PARAMETER",
            f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.",
        )


def _mandatory(parameters: Mapping[str, str], name: str) -> str:
    value = parameters.get(name, "")
    if not value:
        text = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
        raise BinanceError("MISSING_PARAMETER", text)
    return value


def _optional(parameters: Mapping[str, str], name: str) -> str | None:
    value = parameters.get(name)
    if value == "":
        raise BinanceError("EMPTY_PARAMETER", f"Parameter '{name}' was empty.")
    return value


def _number(parameters: Mapping[str, str], name: str) -> int | None:
    value = _optional(parameters, name)
    if value is None:
        return None
    if not _WHOLE.fullmatch(value):
        raise _illegal(name, "^[0-9]{1,20}$")
    if int(value) > _LARGEST:
        raise _invalid(name)
    return int(value)


def _time_zone_hours(parameters: Mapping[str, str]) -> int:
    """Return by how many hours the zone's days begin before UTC's; -12:00 to +14:00, as Binance takes them.

    Zones that are off by a part of an hour are refused: no stored hour lies within one of their buckets.
    """
    match = _TIME_ZONE.fullmatch(_optional(parameters, "timeZone") or "0")
    if not match or int(match[3] or 0) != 0:
        raise _invalid("timeZone")
    hours = int(match[2]) * (-1 if match[1] == "-" else 1)
    if not -12 <= hours <= 14:  # noqa: PLR2004 - Binance's own range (rest-api.md)
        raise _invalid("timeZone")
    return hours


def _illegal(name: str, legal: str) -> BinanceError:
    text = f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    return BinanceError("ILLEGAL_CHARACTERS", text)


def _invalid(name: str) -> BinanceError:
    return BinanceError("INVALID_PARAMETER", f"Data sent for parameter '{name}' is not valid.")


def row(candle: Candle, grid: Grid = HOURLY) -> list[Any]:
    """Return a candle's row of 12 columns; its close time is computed: the end of its interval."""
    return [
        candle.open_time_ms,
        _eight(candle.open),
        _eight(candle.high),
        _eight(candle.low),
        _eight(candle.close),
        _eight(candle.volume),
        (candle.hour + grid.hours) * HOUR_MS - 1,
        _eight(candle.quote_volume),
        candle.trade_count,
        _eight(candle.taker_base),
        _eight(candle.taker_quote),
        "0",
    ]


def _eight(decimal: str) -> str:
    """Return a stored decimal with Binance's eight digits."""
    point = decimal.find(".")
    return decimal.ljust(point + 9, "0") if point >= 0 else f"{decimal}.00000000"


def exchange_info(parameters: Mapping[str, str], series: Iterable[Series], now: datetime) -> dict[str, Any]:
    """Return the stored symbols as ``GET /api/v3/exchangeInfo`` lists them.

    Raises
    ------
    BinanceError
        What Binance answers to the same mistake; -1121 for a symbol that is not stored.
    """
    _refuse_unknown(parameters, _INFO_PARAMETERS)
    wanted = _wanted_symbols(parameters)
    status = _optional(parameters, "symbolStatus")
    if status is not None and status not in _STATUSES:
        raise _invalid("symbolStatus")
    stored = {item.symbol: _listing(item) for item in series if item.last is not None}
    if wanted is not None and not wanted <= stored.keys():
        raise invalid_symbol()
    return {
        "timezone": "UTC",
        "serverTime": round(now.timestamp() * 1000),
        # what the deployed API allows all its callers together
        "rateLimits": [
            {"rateLimitType": "RAW_REQUESTS", "interval": "SECOND", "intervalNum": 1, "limit": CALLS_A_SECOND}
        ],
        "exchangeFilters": [],
        "symbols": [
            listing
            for symbol, listing in stored.items()
            if (wanted is None or symbol in wanted) and status in {None, listing["status"]}
        ],
    }


def invalid_symbol() -> BinanceError:
    """Return the error for a symbol that is not stored."""
    return BinanceError("INVALID_SYMBOL", "Invalid symbol.")


def _wanted_symbols(parameters: Mapping[str, str]) -> set[str] | None:
    """Return the symbols that are asked for by name: ``symbol=BTCUSDT`` or ``symbols=["BTCUSDT","ETHUSDT"]``."""
    item, several = (_optional(parameters, name) for name in ("symbol", "symbols"))
    if item is not None and several is not None:
        raise BinanceError("INVALID_COMBINATION", "Combination of optional parameters invalid.")
    if several is None:
        return None if item is None else {item}
    try:
        names = json.loads(several)
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise _illegal("symbols", r'^\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\]$')
    return set(names)


def _listing(series: Series) -> dict[str, Any]:
    """Return a series as a listing; the trading rules are the loosest there are, because an archive knows none."""
    symbol = series.symbol
    quote = next((quote for quote in _QUOTES if symbol.endswith(quote) and symbol != quote), "")
    step = "0.00000001"
    return {
        "symbol": symbol,
        "status": "BREAK" if series.delisted else "TRADING",
        "baseAsset": symbol.removesuffix(quote),
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": [],
        "icebergAllowed": False,
        "ocoAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": step, "maxPrice": "1000000000.00000000", "tickSize": step},
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "1000000000000.00000000", "stepSize": step},
        ],
        "permissions": ["SPOT"],
        "permissionSets": [["SPOT"]],
    }
