"""The columns of a file of candles: their names in common headers, and a row as the exchange answers it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from candle_collector.domain.interval import Interval

COLUMNS = (
    *("open_time", "open", "high", "low", "close", "volume", "close_time"),
    *("quote_volume", "trade_count", "taker_base", "taker_quote"),
)
"""The archive's columns in their order, by our names; its twelfth is unused."""

OTHER_NAMES = {
    "open_time_ms": "open_time",
    "date": "open_time",
    "quote_asset_volume": "quote_volume",
    "count": "trade_count",
    "trades": "trade_count",
    "number_of_trades": "trade_count",
    "taker_buy_volume": "taker_base",
    "taker_buy_base_volume": "taker_base",
    "taker_buy_base_asset_volume": "taker_base",
    "taker_buy_quote_volume": "taker_quote",
    "taker_buy_quote_asset_volume": "taker_quote",
}
"""How the archive's headers (where a file has one) and common clients call the same columns."""

NEEDED = frozenset(COLUMNS) - {"close_time"}
"""Those without which there is no candle."""

_MICROSECONDS = 10**14
"""No open time in ms is as large before the year 5138; the archive writes microseconds since 2025."""


class Row(NamedTuple):
    """A row by our names of its columns, and its number: the line of a CSV file, its header included, else from 1."""

    number: int
    values: Mapping[str, Any]


def names_of(header: Iterable[str]) -> list[str]:
    """Return our names of a header's columns.

    Raises
    ------
    ValueError
        A column that is needed is missing.
    """
    names = [_snake(name) for name in header]
    names = [
        name if name in COLUMNS or OTHER_NAMES.get(name) in names else OTHER_NAMES.get(name, name) for name in names
    ]
    missing = sorted(NEEDED - set(names))
    if missing:
        raise ValueError(f"the columns {', '.join(missing)} are missing, and the others do not say what they hold")
    return names


def _snake(name: str) -> str:
    return re.sub(r"[ \-]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip())).lower()


def answer_row(row: Mapping[str, Any], interval: Interval) -> list[Any]:
    """Return a row as the exchange answers it.

    Raises
    ------
    ValueError
        Its time or its count of trades is not a number of that kind.
    """
    opened, trades = _ms(row["open_time"]), row["trade_count"]
    if trades is None or trades == "":
        raise ValueError("its count of trades is empty")
    return [
        opened,
        *(row[name] for name in COLUMNS[1:6]),
        opened + interval.length_ms - 1,  # the file's own is not kept: it is wrong around outages on Binance
        row["quote_volume"],
        int(trades),
        *(row[name] for name in COLUMNS[9:]),
        "0",
    ]


def _ms(value: Any) -> int:
    """Return an open time in ms, from ms, microseconds or an ISO time with its zone.

    Raises
    ------
    ValueError
        It is not a time, or finer than a ms.
    """
    if value is None or value == "":
        raise ValueError("its open time is empty")
    if isinstance(value, str) and not value.isdecimal():
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError(f"the time {value} has no zone")
        return round(moment.timestamp() * 1000)
    number = int(value)
    if number < _MICROSECONDS:
        return number
    if number % 1000:
        raise ValueError(f"the open time {number} is finer than a millisecond")
    return number // 1000
