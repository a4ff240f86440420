"""Makes up candles: a pure function of symbol and time, cheap enough to serve a hundred symbols' years.

The symbols are those of symbols.csv, in the order of their volume: plain cryptos, the first 114 of them listed before
2025, and what a ranking has to leave out. A price is a sum of slow and fast waves, so one hour opens where the hour
before it closed; wicks, volumes and trade counts come from a hash of symbol and day. Hours are cut into halves, these
into quarters and so on down to minutes, and added up to days.
"""

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import shake_256
from itertools import count

from simulator.candles import DECIMALS, Candle
from simulator.intervals import DAY, DAY_MS, HOUR, HOUR_MS, INTERVALS, Interval
from simulator.market import Listing, Row
from simulator.parts import split
from simulator.symbols import hour_of, symbols

_THREE, _MINUTE = INTERVALS["3m"], INTERVALS["1m"]
_CUT_FROM = {
    INTERVALS[name]: INTERVALS[whole] for name, whole in (("30m", "1h"), ("15m", "30m"), ("5m", "15m"), ("1m", "5m"))
}
"""What each interval within an hour is cut from; 3m, into which 5m cannot be cut, is added up from minutes."""

EXCHANGE_OUTAGES = ("2021-04-25T05/2021-04-25T08", "2023-03-24T13/2023-03-24T14")
"""Hours that no symbol has, as half-open windows: two of Binance's real outages."""

_WAVES = ((5.3, 0.002), (17.9, 0.004), (83.0, 0.012), (611.0, 0.05), (7019.0, 0.3))
"""Period in hours and height, relative, of the waves that make a price."""

_STEADY = {"stablecoin": 0.002, "fiat": 0.02}
"""By how much the waves are flattened for what hardly moves."""

_RANDOMS = struct.Struct("<120H")
DAYS_KEPT = 4096
"""A year of 11 symbols, about 35 MB."""

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


def _windows(texts: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    return tuple((hour_of(start), hour_of(end)) for start, end in (text.split("/") for text in texts))


def _series(line: Mapping[str, str]) -> _Series:
    price = float(line["price"])
    return _Series(
        listing=Listing(
            symbol=line["symbol"],
            base=line["base"],
            quote=line["quote"],
            status=line["status"],
            listed_ms=hour_of(line["listed"]) * HOUR_MS,
            price_decimals=min(8, max(2, 4 - math.floor(math.log10(price)))),
            volume_decimals=5 if price >= 1 else 2,
            leveraged=line["kind"] == "leveraged",
        ),
        price=price,
        hourly_quote_volume=float(line["daily_quote_volume"]) / 24,
        calm=_STEADY.get(line["kind"], 1.0),
        listed=hour_of(line["listed"]),
        ended=hour_of(line["ended"]) if line["ended"] else math.inf,
        halts=_windows(EXCHANGE_OUTAGES + tuple(line["halts"].split())),
    )


_INTERVALS = tuple(interval for interval in INTERVALS.values() if interval in {_THREE, HOUR, DAY, *_CUT_FROM})
"""What there are rows of; the others are sums of these."""


class MadeMarket:
    """The market whose candles are synthetic.

    Parameters
    ----------
    days_kept
        How many days of one symbol's hours are kept in memory once they were made: a year of a symbol is about 3 MB.
    """

    def __init__(self, days_kept: int = DAYS_KEPT) -> None:
        self._hours = lru_cache(maxsize=days_kept)(_hours)
        self._whole = lru_cache(maxsize=16_384)(self._add_up)  # 4 years of 11 symbols, about 6 MB
        self._parts = lru_cache(maxsize=1024)(self._cut)  # of minutes about 30 MB
        self._series = {symbol: _series(line) for symbol, line in symbols().items()}
        self.listings: Mapping[str, Listing] = {symbol: item.listing for symbol, item in self._series.items()}

    def intervals(self, symbol: str) -> tuple[Interval, ...]:  # noqa: ARG002 - what a market offers
        """Return the intervals of which there are rows: every symbol has the same."""
        return _INTERVALS

    def ascending(self, symbol: str, interval: Interval, start_ms: int) -> Iterator[Row]:
        """Yield rows that open at or after `start_ms`, oldest first, on and on unless the symbol has ended."""
        series = self._series[symbol]
        if interval.length_ms < HOUR_MS:
            for open_ms, _ in self.ascending(symbol, HOUR, start_ms // HOUR_MS * HOUR_MS):
                for part in self._parts(series, interval, open_ms):
                    if part.open_ms >= start_ms:
                        yield part.open_ms, part.text()
            return
        for day in count(max(start_ms // DAY_MS, series.listed // 24)):
            if day * 24 >= series.ended:
                return
            for row in self._rows(series, interval, day):
                if row[0] >= start_ms:
                    yield row

    def descending(self, symbol: str, interval: Interval, end_ms: int) -> Iterator[Row]:
        """Yield rows that open at or before `end_ms`, newest first, back to the listing."""
        series = self._series[symbol]
        if interval.length_ms < HOUR_MS:
            for open_ms, _ in self.descending(symbol, HOUR, end_ms):
                for part in reversed(self._parts(series, interval, open_ms)):
                    if part.open_ms <= end_ms:
                        yield part.open_ms, part.text()
            return
        last_ms = end_ms if series.ended == math.inf else min(end_ms, int(series.ended - 1) * HOUR_MS)
        for day in range(last_ms // DAY_MS, series.listed // 24 - 1, -1):
            for row in reversed(self._rows(series, interval, day)):
                if row[0] <= last_ms:
                    yield row

    def _rows(self, series: _Series, interval: Interval, day: int) -> tuple[Row, ...]:
        """Return the candles of a UTC day (days since 1970): its hours, or itself."""
        return self._hours(series, day) if interval is HOUR else self._whole(series, day)

    def _add_up(self, series: _Series, day: int) -> tuple[Row, ...]:
        """Return the candle of a day that its hours make up, or nothing where it has no hours."""
        hours = [Candle.parse(text) for _, text in self._hours(series, day)]
        open_ms = day * DAY_MS
        return ((open_ms, Candle.merged(hours, open_ms, open_ms + DAY_MS - 1).text()),) if hours else ()

    def _cut(self, series: _Series, interval: Interval, hour_ms: int) -> tuple[Candle, ...]:
        """Return the candles of an interval within the hour that opens at `hour_ms` and was printed."""
        if interval is HOUR:
            return (Candle.parse(next(text for at, text in self._hours(series, hour_ms // DAY_MS) if at == hour_ms)),)
        if interval is _THREE:
            minutes = self._parts(series, _MINUTE, hour_ms)
            threes = (minutes[index : index + 3] for index in range(0, len(minutes), 3))
            return tuple(Candle.merged(three, three[0].open_ms, three[-1].close_ms) for three in threes)
        whole = _CUT_FROM[interval]
        listing = series.listing
        tick, step = (10 ** (DECIMALS - decimals) for decimals in (listing.price_decimals, listing.volume_decimals))
        return tuple(
            part
            for candle in self._parts(series, whole, hour_ms)
            for part in split(
                candle,
                whole.length_ms // interval.length_ms,
                b"%s %s %d" % (listing.symbol.encode(), interval.name.encode(), candle.open_ms),
                tick=tick,
                step=step,
            )
        )


def _prices(series: _Series, hours: range) -> list[float]:
    """Return the price at the beginning of each hour."""
    phase = int.from_bytes(shake_256(series.listing.symbol.encode()).digest(2), "big")
    waves = [[height * math.sin(hour / period + phase * (1 + period)) for hour in hours] for period, height in _WAVES]
    return [series.price * math.exp(series.calm * math.fsum(heights)) for heights in zip(*waves, strict=True)]


def _hours(series: _Series, day: int) -> tuple[Row, ...]:
    """Return the hours of a UTC day (days since 1970), as many as were printed."""
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
