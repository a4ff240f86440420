"""A candle, and the line of text that it is stored as."""

from __future__ import annotations

import re
from typing import NamedTuple

from candle_collector.domain.interval import Interval

DECIMAL = r"\d++(?:\.\d++)?+"
"""The pattern of a decimal as it is stored."""

_LINE = re.compile(rf"{DECIMAL}(?:,{DECIMAL}){{8}}(?:,\d+)?", re.ASCII)


class Candle(NamedTuple):
    """A closed candle.

    Prices and volumes are the exchange's decimals as text, without trailing zeros, so that no digit is lost.
    `offset_ms` is how long after its slot began it opened: 0, but for the candles of 2018-02-09 to 02-11, which
    Binance opened at 28 minutes past (measured on the recorded candles of BTCUSDT).
    """

    slot: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    quote_volume: str
    trade_count: int
    taker_base: str
    taker_quote: str
    offset_ms: int = 0

    def open_time_ms(self, interval: Interval) -> int:
        """Return the exchange's open time, in ms since 1970 UTC."""
        return interval.open_ms(self.slot) + self.offset_ms

    def line(self) -> str:
        """Return the text that is stored: nine fields, and a tenth where it opened off the grid."""
        text = ",".join((*self[1:7], str(self.trade_count), *self[8:10]))
        return f"{text},{self.offset_ms}" if self.offset_ms else text


def candle_from_line(slot: int, line: str) -> Candle:
    """Read a stored line back.

    Raises
    ------
    ValueError
        The line is not one that `Candle.line` wrote.
    """
    if not _LINE.fullmatch(line):
        raise ValueError(f"slot {slot} is stored as {line!r}, which is not a candle")
    open_, high, low, close, volume, quote_volume, trades, taker_base, taker_quote, *offset = line.split(",")
    return Candle(
        slot,
        open_,
        high,
        low,
        close,
        volume,
        quote_volume,
        int(trades),
        taker_base,
        taker_quote,
        int(offset[0]) if offset else 0,
    )


def trim(decimal: str) -> str:
    """Cut the trailing zeros of a decimal's text: ``13715.65000000`` becomes ``13715.65``."""
    return decimal.rstrip("0").rstrip(".") if "." in decimal else decimal
