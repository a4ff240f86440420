"""The stored symbols in the shape of Binance's exchangeInfo: each field as the exchange said it, where it did."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from candle_collector.answers import BYTES_MOST
from candle_collector.api.binance_parameters import (
    BinanceError,
    illegal,
    invalid,
    optional,
    refuse_unknown,
)
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.universe import Listing

_INFO_PARAMETERS = frozenset({"symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus", "api_key"})
_STATUSES = ("TRADING", "END_OF_DAY", "HALT", "BREAK", "CANCEL_ONLY")

_WEIGHT_A_MINUTE = 6000
"""Binance's own limit, by which its clients pace themselves: 50 calls of klines a second, of a weight of 2 each."""

_STEP = "0.00000001"

_FIELDS: Mapping[str, Any] = {
    "baseAssetPrecision": 8,
    "quotePrecision": 8,
    "quoteAssetPrecision": 8,
    "baseCommissionPrecision": 8,
    "quoteCommissionPrecision": 8,
    "orderTypes": [],
    "icebergAllowed": False,
    "ocoAllowed": False,
    "otoAllowed": False,
    "opoAllowed": False,
    "quoteOrderQtyMarketAllowed": False,
    "allowTrailingStop": False,
    "cancelReplaceAllowed": False,
    "amendAllowed": False,
    "pegInstructionsAllowed": False,
    "isSpotTradingAllowed": True,
    "isMarginTradingAllowed": False,
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": _STEP, "maxPrice": "1000000000.00000000", "tickSize": _STEP},
        {"filterType": "LOT_SIZE", "minQty": _STEP, "maxQty": "1000000000.00000000", "stepSize": _STEP},
    ],
    "permissions": [],
    "defaultSelfTradePreventionMode": "NONE",
    "allowedSelfTradePreventionModes": ["NONE"],
}
"""The fields of a symbol beside its name, status, assets and permission sets (rest-api.md, "Exchange information", at
a5e0bc3 of 2026-07-21), with what stands for those that the exchange did not send: the loosest rules, and no orders."""


def exchange_info(
    parameters: Mapping[str, str],
    records: Iterable[SeriesRecord],
    listings: Mapping[str, Listing],
    *,
    server_time: int,
    calls_a_second: int,
) -> dict[str, Any]:
    """Return the stored symbols as ``GET /api/v3/exchangeInfo`` lists them.

    A stored symbol of which the exchange was never asked, because it came from a file, is not among them: its base and
    quote are not known.

    Parameters
    ----------
    listings
        What the exchange last said of each symbol.
    server_time
        Now, in the unit that is asked for.
    calls_a_second
        What all callers together are allowed.

    Raises
    ------
    BinanceError
        What Binance answers to the same mistake; -1121 for a symbol that is not stored, or not listed.
    """
    refuse_unknown(parameters, _INFO_PARAMETERS)
    wanted = _wanted_symbols(parameters)
    status = optional(parameters, "symbolStatus")
    if status is not None and status not in _STATUSES:
        raise invalid("symbolStatus")
    stored = _one_a_symbol(item for item in records if item.last is not None)
    if wanted is not None:
        _refuse_unlisted(wanted, stored.keys(), listings)
    with_sets = _flag(parameters, "showPermissionSets")
    symbols = [
        _symbol(item, listings[item.symbol], with_sets=with_sets)
        for item in stored.values()
        if item.symbol in listings and (wanted is None or item.symbol in wanted)
    ]
    return {
        "timezone": "UTC",
        "serverTime": server_time,
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": _WEIGHT_A_MINUTE},
            {"rateLimitType": "RAW_REQUESTS", "interval": "SECOND", "intervalNum": 1, "limit": calls_a_second},
        ],
        "exchangeFilters": [],
        "symbols": [symbol for symbol in symbols if status in {None, symbol["status"]}],
    }


def _one_a_symbol(records: Iterable[SeriesRecord]) -> dict[str, SeriesRecord]:
    """Return a record for each symbol: one that knows of its end, where one of its series does."""
    of_symbol: dict[str, SeriesRecord] = {}
    for record in records:
        if record.symbol not in of_symbol or record.delisted:
            of_symbol[record.symbol] = record
    return of_symbol


def refuse_too_many(symbols: int, text: str) -> None:
    """Refuse listings of more symbols than an answer holds, some 2,900; Binance knows no pages of them.

    Parameters
    ----------
    symbols, text
        How many there are, and the answer.

    Raises
    ------
    BinanceError
        -1130, which names the parameter that asks for fewer.
    """
    size = len(json.dumps(text))  # as Lambda sends it
    if size > BYTES_MOST:
        raise BinanceError(
            "INVALID_PARAMETER",
            f"The listings of {symbols} symbols are {size / 1e6:.1f} MB, and an answer has at most {BYTES_MOST / 1e6}; "
            "name fewer with the parameter 'symbols', such as 500 a call.",
        )


def invalid_symbol() -> BinanceError:
    """Return the error for a symbol that is not stored."""
    return BinanceError("INVALID_SYMBOL", "Invalid symbol.")


def _wanted_symbols(parameters: Mapping[str, str]) -> set[str] | None:
    """Return the symbols that are asked for by name: ``symbol=BTCUSDT`` or ``symbols=["BTCUSDT","ETHUSDT"]``."""
    item, several = (optional(parameters, name) for name in ("symbol", "symbols"))
    if item is not None and several is not None:
        raise BinanceError("INVALID_COMBINATION", "Combination of optional parameters invalid.")
    if several is None:
        return None if item is None else {item}
    try:
        names = json.loads(several)
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise illegal("symbols", r'^\[("[A-Z0-9-_.]{1,50}"(,"[A-Z0-9-_.]{1,50}"){0,}){0,1}\]$')
    return set(names)


def _refuse_unlisted(wanted: AbstractSet[str], stored: AbstractSet[str], listings: Mapping[str, Listing]) -> None:
    if not wanted <= stored:
        raise invalid_symbol()
    unlisted = sorted(wanted - listings.keys())
    if unlisted:
        text = f"Invalid symbol. No listing of {unlisted[0]} is kept yet; the next run that collects it keeps one."
        raise BinanceError("INVALID_SYMBOL", text)


def _flag(parameters: Mapping[str, str], name: str) -> bool:
    value = optional(parameters, name)
    if value is not None and value.lower() not in {"true", "false"}:
        raise illegal(name, "^(true|false)$")
    return value is None or value.lower() == "true"


def _symbol(record: SeriesRecord, listing: Listing, *, with_sets: bool) -> dict[str, Any]:
    """Return a symbol as Binance lists it; what it said of it stands as it was said."""
    reported = json.loads(listing.rules) if listing.rules else {}
    return {
        "symbol": listing.symbol,
        "status": "BREAK" if record.delisted else listing.status,
        "baseAsset": listing.base_asset,
        "quoteAsset": listing.quote_asset,
        **_FIELDS,
        **reported,
        # the collector does not ask for them; everything here is of the spot market
        "permissionSets": [["SPOT"]] if with_sets else [],
    }
