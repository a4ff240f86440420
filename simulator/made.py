"""Makes up candles: a pure function of symbol and hour, cheap enough to serve a hundred symbols' years.

The symbols are those of symbols.csv, in the order of their volume: plain cryptos, the first 114 of them listed before
2025, and what a ranking has to leave out. A price is a sum of slow and fast waves, so one hour opens where the hour
before it closed; wicks, volumes and trade counts come from a hash of symbol and day.
"""

import csv
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import shake_256
from itertools import count
from pathlib import Path

from simulator.market import DAY_MS, HOUR_MS, Listing, Row

_SYMBOLS = Path(__file__).with_name("symbols.csv")

EXCHANGE_OUTAGES = ("2021-04-25T05/2021-04-25T08", "2023-03-24T13/2023-03-24T14")
"""Hours that no symbol has, as half-open windows: two of Binance's real outages."""

_WAVES = ((5.3, 0.002), (17.9, 0.004), (83.0, 0.012), (611.0, 0.05), (7019.0, 0.3))
"""Period in hours and height, relative, of the waves that make a price."""

_STEADY = {"stablecoin": 0.002, "fiat": 0.02}
"""By how much the waves are flattened for what hardly moves."""

_RANDOMS = struct.Struct("<120H")
_QUIET_VOLUME = 500_000
_QUIET_SHARE = 0.02


@dataclass(frozen=True)
class _Series:
    """One symbol's parameters; times are in hours since 1970, `ended` is the first hour that is no more."""

    listing: Listing
    price: float
    hourly_quote_volume: float
    calm: float
    listed: int
    ended: float
    halts: tuple[tuple[int, int], ...]

    def has(self, hour: int) -> bool:
        """Return whether a candle was ever printed for `hour`."""
        return self.listed <= hour < self.ended and not any(start <= hour < end for start, end in self.halts)


def _hour(text: str) -> int:
    return int(datetime.fromisoformat(text + ":00").replace(tzinfo=UTC).timestamp()) // 3600


def _windows(texts: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    return tuple((_hour(start), _hour(end)) for start, end in (text.split("/") for text in texts))


def _series(line: Mapping[str, str]) -> _Series:
    price = float(line["price"])
    return _Series(
        listing=Listing(
            symbol=line["symbol"],
            base=line["base"],
            quote=line["quote"],
            status=line["status"],
            price_decimals=min(8, max(2, 4 - math.floor(math.log10(price)))),
            volume_decimals=5 if price >= 1 else 2,
            leveraged=line["kind"] == "leveraged",
        ),
        price=price,
        hourly_quote_volume=float(line["daily_quote_volume"]) / 24,
        calm=_STEADY.get(line["kind"], 1.0),
        listed=_hour(line["listed"]),
        ended=_hour(line["ended"]) if line["ended"] else math.inf,
        halts=_windows(EXCHANGE_OUTAGES + tuple(line["halts"].split())),
    )


class MadeMarket:
    """The market whose candles are synthetic."""

    def __init__(self) -> None:
        with _SYMBOLS.open(encoding="utf-8", newline="") as lines:
            self._series = {line["symbol"]: _series(line) for line in csv.DictReader(lines)}
        self.listings: Mapping[str, Listing] = {symbol: item.listing for symbol, item in self._series.items()}

    def ascending(self, symbol: str, start_ms: int) -> Iterator[Row]:
        """Yield rows that open at or after `start_ms`, oldest first, on and on unless the symbol has ended."""
        series = self._series[symbol]
        first_ms = max(start_ms, series.listed * HOUR_MS)
        for day in count(first_ms // DAY_MS):
            if day * 24 >= series.ended:
                return
            for row in _day(series, day):
                if row[0] >= first_ms:
                    yield row

    def descending(self, symbol: str, end_ms: int) -> Iterator[Row]:
        """Yield rows that open at or before `end_ms`, newest first, back to the listing."""
        series = self._series[symbol]
        last_ms = end_ms if series.ended == math.inf else min(end_ms, int(series.ended - 1) * HOUR_MS)
        for day in range(last_ms // DAY_MS, series.listed // 24 - 1, -1):
            for row in reversed(_day(series, day)):
                if row[0] <= last_ms:
                    yield row


def _prices(series: _Series, hours: range) -> list[float]:
    """Return the price at the beginning of each hour."""
    phase = int.from_bytes(shake_256(series.listing.symbol.encode()).digest(2), "big")
    waves = [[height * math.sin(hour / period + phase * (1 + period)) for hour in hours] for period, height in _WAVES]
    return [series.price * math.exp(series.calm * math.fsum(heights)) for heights in zip(*waves, strict=True)]


@lru_cache(maxsize=4096)  # a year of 11 symbols, about 35 MB
def _day(series: _Series, day: int) -> tuple[Row, ...]:
    """Return the candles of a UTC day (days since 1970), as many as were printed."""
    listing = series.listing
    name = listing.symbol.encode()
    randoms = _RANDOMS.unpack(shake_256(b"%s %d" % (name, day)).digest(_RANDOMS.size))
    first = day * 24
    prices = _prices(series, range(first, first + 25))
    price = f"%.{listing.price_decimals}f" + "0" * (8 - listing.price_decimals)
    volume = f"%.{listing.volume_decimals}f" + "0" * (8 - listing.volume_decimals)
    text = f'[%d,"{price}","{price}","{price}","{price}","{volume}",%d,"%.8f",%d,"{volume}","%.8f","0"]'
    rows = []
    for index in (index for index in range(24) if series.has(first + index)):
        up, down, busy, bought, luck = (value / 65536 for value in randoms[index * 5 : index * 5 + 5])
        opened, closed = prices[index], prices[index + 1]
        high = max(opened, closed) * (1 + 0.004 * up * series.calm)
        low = min(opened, closed) * (1 - 0.004 * down * series.calm)
        middle = (opened + closed) / 2
        traded = round(series.hourly_quote_volume * (0.5 + busy) / middle, listing.volume_decimals)
        if series.hourly_quote_volume * 24 < _QUIET_VOLUME and luck < _QUIET_SHARE:  # an hour without a trade
            high = low = closed = opened
            traded = 0.0
        taken = round(traded * (0.3 + 0.4 * bought), listing.volume_decimals)
        trades = math.ceil(traded * middle / (20 + 400 * luck))
        open_ms = (first + index) * HOUR_MS
        columns = (open_ms, opened, high, low, closed, traded, open_ms + HOUR_MS - 1)
        rows.append((open_ms, text % (*columns, traded * middle, trades, taken, taken * middle)))
    return tuple(rows)
