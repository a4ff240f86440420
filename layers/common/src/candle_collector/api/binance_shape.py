"""Binance's shape of questions and answers about candles, as its clients know them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from candle_collector.api.binance_parameters import (
    BinanceError,
    TimeUnit,
    illegal,
    invalid,
    mandatory,
    microseconds,
    number,
    optional,
    refuse_unknown,
)
from candle_collector.domain.aggregate import AS_STORED, INTERVALS, AnyGrid
from candle_collector.domain.candle import Candle
from candle_collector.domain.interval import HOUR_MS, Interval
from candle_collector.domain.interval_names import meant
from candle_collector.domain.universe import is_symbol
from candle_collector.reading.read_candles import LIMIT_DEFAULT, LIMIT_MOST

_KLINES_PARAMETERS = frozenset({"symbol", "interval", "startTime", "endTime", "timeZone", "limit", "api_key"})
_TIME_ZONE = re.compile(r"([+-]?)(\d{1,2})(?::(\d{2}))?", re.ASCII)


@dataclass(frozen=True)
class KlinesQuery:
    """A question for candles: times in ms since 1970 UTC, inclusive on the open time.

    Attributes
    ----------
    shift_ms
        How long the days of the asked time zone begin before UTC's.
    """

    symbol: str
    interval: str
    shift_ms: int
    start_ms: int | None
    end_ms: int | None
    limit: int


def read_klines_query(parameters: Mapping[str, str]) -> KlinesQuery:
    """Read the query of ``GET /api/v3/klines``.

    Raises
    ------
    BinanceError
        What Binance answers to the same mistake; intervals that no archive here has are refused as well.
    """
    refuse_unknown(parameters, _KLINES_PARAMETERS)
    symbol, interval = (mandatory(parameters, name) for name in ("symbol", "interval"))
    if not is_symbol(symbol):
        raise illegal("symbol", "^[A-Z0-9-_.]{1,50}$")
    if interval not in INTERVALS:
        raise interval_not_served(f"This archive serves {', '.join(INTERVALS)}{meant(interval, INTERVALS)}")
    start, end = (microseconds(parameters, name) for name in ("startTime", "endTime"))
    limit = number(parameters, "limit")
    if limit == 0:
        raise invalid("limit")
    return KlinesQuery(
        symbol,
        interval,
        _time_zone_hours(parameters) * HOUR_MS,
        None if start is None else -(-start // 1000),
        None if end is None else end // 1000,
        min(LIMIT_MOST, LIMIT_DEFAULT if limit is None else limit),
    )


def interval_not_served(text: str) -> BinanceError:
    """Return the error for an interval that there is not, or that what is stored does not make up."""
    return BinanceError("INVALID_INTERVAL", f"Invalid interval. {text}.")


def _time_zone_hours(parameters: Mapping[str, str]) -> int:
    """Return by how many hours the zone's days begin before UTC's; -12:00 to +14:00, as Binance takes them.

    Zones that are off by a part of an hour are refused, whatever is stored: hours could not make up
    their buckets.
    """
    match = _TIME_ZONE.fullmatch(optional(parameters, "timeZone") or "0")
    if not match or int(match[3] or 0) != 0:
        raise invalid("timeZone")
    hours = int(match[2]) * (-1 if match[1] == "-" else 1)
    if not -12 <= hours <= 14:  # noqa: PLR2004 - Binance's own range (rest-api.md)
        raise invalid("timeZone")
    return hours


def row(
    candle: Candle, interval: Interval, grid: AnyGrid = AS_STORED, unit: TimeUnit = TimeUnit.MILLISECOND
) -> list[Any]:
    """Return a candle's row of 12 columns; its close time is computed: the last `unit` of its bucket.

    Parameters
    ----------
    interval, grid
        What its slot counts, and how slots make up the interval that was asked for.
    """
    return [
        candle.open_time_ms(interval) * unit,
        _eight(candle.open),
        _eight(candle.high),
        _eight(candle.low),
        _eight(candle.close),
        _eight(candle.volume),
        interval.open_ms(grid.bucket(candle.slot).end) * unit - 1,
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
