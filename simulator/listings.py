"""Writes the answers about the market as a whole: exchangeInfo, and the ticker made of the candles of 24 hours."""

import json
from collections.abc import Iterable
from itertools import takewhile
from typing import Any

from simulator.candles import Candle, decimal
from simulator.intervals import DAY_MS, HOUR, INTERVALS
from simulator.market import Listing
from simulator.settings import Settings
from simulator.shown import Shown

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


def ticker(shown: Shown, symbol: str, now_ms: int, *, mini: bool) -> str:
    """Return a symbol's ticker of its last 24 closed hours as JSON text; a symbol that has ended shows its last ones.

    Of a recording that has no hours and nothing that makes them up, the last longer candles stand in for them.

    Parameters
    ----------
    mini
        Whether the smaller MINI form is meant.
    """
    source = shown.source(HOUR) or next(filter(None, map(shown.source, INTERVALS.values())))
    newest = (Candle.parse(text) for at, text in shown.descending(source, now_ms) if source.after(at) <= now_ms)
    first = next(newest, None)
    day_ms = 0 if first is None else source.after(first.open_ms) - DAY_MS
    rows = [] if first is None else [first, *takewhile(lambda candle: candle.open_ms >= day_ms, newest)]
    day = Candle.merged(rows[::-1] or [Candle(*[0] * 11)], 0, 0)
    change, percent = day.close - day.open, (day.close / day.open - 1) * 100 if day.open else 0
    full = {
        "symbol": symbol,
        "priceChange": f"{'-' if change < 0 else ''}{decimal(abs(change))}",
        "priceChangePercent": f"{percent:.3f}",
        "weightedAvgPrice": f"{day.quote_volume / day.volume if day.volume else 0:.8f}",
        "prevClosePrice": decimal(day.open),
        "lastPrice": decimal(day.close),
        "lastQty": "1.00000000",
        "bidPrice": decimal(day.close),
        "bidQty": "1.00000000",
        "askPrice": decimal(day.close),
        "askQty": "1.00000000",
        "openPrice": decimal(day.open),
        "highPrice": decimal(day.high),
        "lowPrice": decimal(day.low),
        "volume": decimal(day.volume),
        "quoteVolume": decimal(day.quote_volume),
        "openTime": now_ms - DAY_MS,
        "closeTime": now_ms,
        "firstId": 1,
        "lastId": max(day.trades, 1),
        "count": day.trades,
    }
    chosen = {name: value for name, value in full.items() if name in _MINI} if mini else full
    return json.dumps(chosen, separators=(",", ":"), ensure_ascii=False)
