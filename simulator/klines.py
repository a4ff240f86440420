"""Chooses the rows of a klines answer: bounds, limit, the running candle, and intervals longer than an hour."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby, islice, takewhile

from simulator.market import HOUR_MS, Market, Row

INTERVALS = {"1h": 1, "2h": 2, "4h": 4, "6h": 6, "8h": 8, "12h": 12, "1d": 24}
"""The intervals that are served, in hours. Finer ones cannot be made of hours; 3d, 1w and 1M are left out."""


@dataclass(frozen=True)
class KlinesQuery:
    """What is asked for; bounds in ms, inclusive on the open time.

    Parameters
    ----------
    hours
        The interval.
    time_zone_ms
        By how much the days that the interval is counted from start before UTC's.
    """

    symbol: str
    hours: int
    start_ms: int | None
    end_ms: int | None
    limit: int
    time_zone_ms: int = 0


def klines(market: Market, query: KlinesQuery, now_ms: int, printed: Callable[[int], bool]) -> list[str]:
    """Return the JSON texts of the rows that Binance would answer with, ascending.

    With a start the oldest rows from there on, without one the newest up to the end. The candle still running is among
    them as if it were done; what has not opened yet is not.

    Parameters
    ----------
    printed
        Whether the hour that opens at a time in ms is to be served.
    """
    span_ms = query.hours * HOUR_MS
    last_ms = now_ms if query.end_ms is None else min(query.end_ms, now_ms)
    if query.hours > 1:
        last_ms = min(_floor(last_ms, span_ms, query.time_zone_ms) + span_ms - 1, now_ms)
    if query.start_ms is None:
        rows: Iterator[Row] = market.descending(query.symbol, last_ms)
    else:
        start_ms = query.start_ms
        if query.hours > 1:
            start_ms = _floor(start_ms + span_ms - 1, span_ms, query.time_zone_ms)
        rows = takewhile(lambda row: row[0] <= last_ms, market.ascending(query.symbol, start_ms))
    served: Iterator[Row] = (_as_of(row, now_ms) for row in rows if printed(row[0]))
    if query.hours > 1:
        served = _grouped(served, span_ms, query.time_zone_ms)
    texts = [text for _, text in islice(served, query.limit)]
    return texts if query.start_ms is not None else texts[::-1]


def _floor(time_ms: int, span_ms: int, time_zone_ms: int) -> int:
    return (time_ms + time_zone_ms) // span_ms * span_ms - time_zone_ms


def _as_of(row: Row, now_ms: int) -> Row:
    """Return the row as it shows now: a running candle has part of its volume, and another close than it will have."""
    open_ms, text = row
    if open_ms + HOUR_MS <= now_ms:
        return row
    columns = json.loads(text)
    share = Decimal(now_ms - open_ms + 1) / Decimal(HOUR_MS + 1)
    opened, high, closed = (Decimal(columns[index]) for index in (1, 2, 4))
    so_far = opened + (closed - opened) * share
    columns[4] = _decimal(so_far if so_far != closed else (closed + high) / 2)
    for index in (5, 7, 9, 10):
        columns[index] = _decimal(Decimal(columns[index]) * share)
    columns[8] = int(columns[8] * share)
    return open_ms, _text(columns)


def _grouped(rows: Iterable[Row], span_ms: int, time_zone_ms: int) -> Iterator[Row]:
    """Merge hours, in either order, into candles of `span_ms`."""
    for open_ms, group in groupby(rows, key=lambda row: _floor(row[0], span_ms, time_zone_ms)):
        hours = sorted((json.loads(text) for _, text in group), key=lambda columns: columns[0])
        sums = {index: _decimal(sum(Decimal(hour[index]) for hour in hours)) for index in (5, 7, 9, 10)}
        high = max((hour[2] for hour in hours), key=Decimal)
        low = min((hour[3] for hour in hours), key=Decimal)
        trades = sum(hour[8] for hour in hours)
        prices = [hours[0][1], high, low, hours[-1][4]]
        closes = open_ms + span_ms - 1
        yield open_ms, _text([open_ms, *prices, sums[5], closes, sums[7], trades, sums[9], sums[10], "0"])


def _decimal(value: Decimal | int) -> str:
    return f"{value:.8f}"


def _text(columns: list[object]) -> str:
    return json.dumps(columns, separators=(",", ":"))
