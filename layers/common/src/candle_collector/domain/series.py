"""What a series of candles is: a symbol of a market, and an interval."""

from __future__ import annotations

from typing import NamedTuple

from candle_collector.domain.interval import Interval, interval_named


class Series(NamedTuple):
    """The candles of one symbol and interval.

    Attributes
    ----------
    symbol
        As the exchange names it: ``BTCUSDT``.
    market
        The name of the market on which it trades.
    """

    symbol: str
    interval: Interval
    market: str

    def __str__(self) -> str:
        """Return the name that it is stored under, ``binance:BTCUSDT#1h``."""
        return f"{prefix_of(self.market, self.symbol)}{self.interval}"


def prefix_of(market: str, symbol: str) -> str:
    """Return what the names of a symbol's series begin with, ``binance:BTCUSDT#``, and no other's do."""
    return f"{market}:{symbol}#"


def series_named(name: str) -> Series:
    """Return the series that is stored under a name, ``binance:BTCUSDT#1h``.

    Raises
    ------
    ValueError
        It is not such a name.
    """
    market, colon, rest = name.partition(":")
    symbol, mark, interval = rest.rpartition("#")
    if not (market and colon and symbol and mark):
        raise ValueError(f"{name!r:.60} is not the name of a series")
    return Series(symbol, interval_named(interval), market)
