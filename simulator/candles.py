"""Candles as whole numbers, so that sums are exact to the last digit, and their JSON texts."""

from collections.abc import Sequence
from typing import NamedTuple, Self

DECIMALS = 8


class Candle(NamedTuple):
    """A candle in the order of Binance's columns: times in ms, prices and volumes in units of 0.00000001."""

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    close_ms: int
    quote_volume: int
    trades: int
    taker_base: int
    taker_quote: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a row's JSON text, in which every price and volume has eight decimals."""
        columns = text[1:-1].replace('"', "").replace(".", "").split(",")
        return cls._make(map(int, columns[:-1]))

    @classmethod
    def merged(cls, parts: Sequence[Self], open_ms: int, close_ms: int) -> Self:
        """Return the candle that `parts`, at least one, oldest first, make up."""
        columns = list(zip(*parts, strict=True))
        return cls(
            open_ms,
            columns[1][0],
            max(columns[2]),
            min(columns[3]),
            columns[4][-1],
            sum(columns[5]),
            close_ms,
            *map(sum, columns[7:]),
        )

    def text(self) -> str:
        """Return the JSON text of the twelve columns, as Binance sends them."""
        open_ms, opened, high, low, closed, volume, close_ms, quote_volume, trades, taker_base, taker_quote = self
        return (
            f'[{open_ms},"{decimal(opened)}","{decimal(high)}","{decimal(low)}","{decimal(closed)}","{decimal(volume)}"'
            f',{close_ms},"{decimal(quote_volume)}",{trades},"{decimal(taker_base)}","{decimal(taker_quote)}","0"]'
        )


def decimal(units: int) -> str:
    """Return so many units of 0.00000001 as a text of eight decimals."""
    digits = str(units).zfill(DECIMALS + 1)
    return f"{digits[:-DECIMALS]}.{digits[-DECIMALS:]}"
