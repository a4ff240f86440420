"""The recorded candles of ../shared/klines as candles."""

from __future__ import annotations

import csv
import gzip
from functools import cache

from candle_collector.domain.candle import Candle, trim

from tests.exchange import KLINES
from tests.hourly import HOUR_MS


@cache
def recorded_rows(symbol: str, year: int) -> tuple[Candle, ...]:
    """Return the recorded candles of a symbol and a year, which may be ms or µs in the file."""
    with gzip.open(KLINES / f"{symbol}-1h-{year}.csv.gz", "rt", encoding="ascii") as file:
        return tuple(_candle(row) for row in csv.reader(file))


def _candle(row: list[str]) -> Candle:
    opened = int(row[0])
    hour, offset = divmod(opened // 1000 if opened > 10**14 else opened, HOUR_MS)
    open_, high, low, close, volume, _, quote_volume, trades, taker_base, taker_quote = (
        trim(text) for text in row[1:11]
    )
    return Candle(hour, open_, high, low, close, volume, quote_volume, int(trades), taker_base, taker_quote, offset)
