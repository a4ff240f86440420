"""What a market has to offer to be served: its listings and their hourly rows in either direction."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, Self

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

Row = tuple[int, str]
"""A candle's open time in ms and its JSON text, the twelve columns as Binance sends them."""


@dataclass(frozen=True)
class Listing:
    """A symbol as exchangeInfo lists it.

    Parameters
    ----------
    status
        ``TRADING`` or ``BREAK``; the settings can say otherwise.
    price_decimals, volume_decimals
        How many decimals prices and volumes have before the zeros.
    leveraged
        A leveraged token in the permission's sense (BTCUP): not to be traded as spot.
    """

    symbol: str
    base: str
    quote: str
    status: str
    price_decimals: int = 8
    volume_decimals: int = 8
    leveraged: bool = False


class Market(Protocol):
    """A source of hourly candles."""

    @property
    def listings(self) -> Mapping[str, Listing]:
        """Every symbol, in the order that exchangeInfo lists them."""

    def ascending(self, symbol: str, start_ms: int) -> Iterator[Row]:
        """Yield rows that open at or after `start_ms`, oldest first; the made ones never end."""

    def descending(self, symbol: str, end_ms: int) -> Iterator[Row]:
        """Yield rows that open at or before `end_ms`, newest first."""


class Clock:
    """The exchange's clock: the machine's, moved by a fixed offset and by a skew that can be changed.

    Parameters
    ----------
    offset_ms
        How far the exchange's clock lies ahead of the machine's.
    """

    def __init__(self, offset_ms: int = 0) -> None:
        self._offset_ms = offset_ms
        self.skew_ms = 0

    @classmethod
    def starting_at(cls, start_ms: int) -> Self:
        """Return a clock that shows `start_ms` now and runs on."""
        return cls(start_ms - _machine_ms())

    def now_ms(self) -> int:
        """Return the exchange's time in ms since 1970."""
        return _machine_ms() + self._offset_ms + self.skew_ms


def _machine_ms() -> int:
    return time.time_ns() // 1_000_000
