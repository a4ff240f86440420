"""Writes the answers about the market as a whole: exchangeInfo, and the 24 hour ticker made of the last 24 candles."""

import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import takewhile
from typing import Any

from simulator.market import DAY_MS, HOUR_MS, Listing, Market
from simulator.settings import Settings

_MINUTE_S = 60

_NOTIONAL = {
    "filterType": "NOTIONAL",
    "minNotional": "5.00000000",
    "applyMinToMarket": True,
    "maxNotional": "9000000.00000000",
    "applyMaxToMarket": False,
    "avgPriceMins": 5,
}
_MINI = frozenset(
    [
        "symbol",
        "openPrice",
        "highPrice",
        "lowPrice",
        "lastPrice",
        "volume",
        "quoteVolume",
        "openTime",
        "closeTime",
        "firstId",
        "lastId",
        "count",
    ]
)


def exchange_info(
    listings: Iterable[tuple[Listing, str]], now_ms: int, limits: Settings, *, permission_sets: bool
) -> dict[str, Any]:
    """Return the body of exchangeInfo for the listings, each with the status it has now, and the limits in force."""
    seconds = limits.minute_seconds
    # A minute that was made shorter is reported in seconds where it has whole ones, so that a client can keep to it.
    interval = ("SECOND", round(seconds)) if seconds != _MINUTE_S and seconds == round(seconds) else ("MINUTE", 1)
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": interval[0],
                "intervalNum": interval[1],
                "limit": limits.weight_limit,
            },
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
            {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200000},
            {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61000},
        ],
        "exchangeFilters": [],
        "symbols": [_symbol(listing, status, permission_sets=permission_sets) for listing, status in listings],
    }


def permissions(listing: Listing) -> tuple[str, ...]:
    """Return what a listing may be traded as."""
    return ("LEVERAGED",) if listing.leveraged else ("SPOT", "MARGIN")


def _symbol(listing: Listing, status: str, *, permission_sets: bool) -> dict[str, Any]:
    tick, step = (f"{10**-decimals:.8f}" for decimals in (listing.price_decimals, listing.volume_decimals))
    return {
        "symbol": listing.symbol,
        "status": status,
        "baseAsset": listing.base,
        "baseAssetPrecision": 8,
        "quoteAsset": listing.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "isSpotTradingAllowed": not listing.leveraged,
        "isMarginTradingAllowed": not listing.leveraged,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "90000000.00000000", "stepSize": step},
            _NOTIONAL,
        ],
        "permissions": [],
        "permissionSets": [list(permissions(listing))] if permission_sets else [],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }


def ticker(market: Market, symbol: str, now_ms: int, printed: Callable[[int], bool], *, mini: bool) -> str:
    """Return a symbol's ticker of its last 24 closed hours as JSON text; a symbol that has ended shows its last ones.

    Parameters
    ----------
    printed
        Whether the hour that opens at a time in ms is to be served.
    mini
        Whether the smaller MINI form is meant.
    """
    newest = (row for row in market.descending(symbol, now_ms - HOUR_MS) if printed(row[0]))
    first = next(newest, None)
    rows = [] if first is None else [first, *takewhile(lambda row: row[0] > first[0] - DAY_MS, newest)]
    hours = [json.loads(text) for _, text in reversed(rows)] or [[0, *["0.00000000"] * 5, 0, "0.00000000", 0]]
    opened, closed = Decimal(hours[0][1]), Decimal(hours[-1][4])
    high, low = max(Decimal(hour[2]) for hour in hours), min(Decimal(hour[3]) for hour in hours)
    volume = sum((Decimal(hour[5]) for hour in hours), Decimal(0))
    quote_volume = sum((Decimal(hour[7]) for hour in hours), Decimal(0))
    trades = sum(hour[8] for hour in hours)
    full = {
        "symbol": symbol,
        "priceChange": f"{closed - opened:.8f}",
        "priceChangePercent": f"{(closed / opened - 1) * 100 if opened else 0:.3f}",
        "weightedAvgPrice": f"{quote_volume / volume if volume else 0:.8f}",
        "prevClosePrice": f"{opened:.8f}",
        "lastPrice": f"{closed:.8f}",
        "lastQty": "1.00000000",
        "bidPrice": f"{closed:.8f}",
        "bidQty": "1.00000000",
        "askPrice": f"{closed:.8f}",
        "askQty": "1.00000000",
        "openPrice": f"{opened:.8f}",
        "highPrice": f"{high:.8f}",
        "lowPrice": f"{low:.8f}",
        "volume": f"{volume:.8f}",
        "quoteVolume": f"{quote_volume:.8f}",
        "openTime": now_ms - DAY_MS,
        "closeTime": now_ms,
        "firstId": 1,
        "lastId": max(trades, 1),
        "count": trades,
    }
    chosen = {name: value for name, value in full.items() if name in _MINI} if mini else full
    return json.dumps(chosen, separators=(",", ":"), ensure_ascii=False)
