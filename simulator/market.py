"""What a market has to offer to be served: its listings and their rows in either direction."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from simulator.intervals import Interval

Row = tuple[int, str]
"""A candle's open time in ms and its JSON text, the twelve columns as Binance sends them."""


@dataclass(frozen=True)
class Listing:
    """A symbol as exchangeInfo lists it.

    Parameters
    ----------
    status
        ``TRADING`` or ``BREAK``; the settings can say otherwise.
    listed_ms
        When it was listed: candles of 3d are counted from that day.
    price_decimals, volume_decimals
        How many decimals prices and volumes have before the zeros.
    leveraged
        A leveraged token in the permission's sense (BTCUP): not to be traded as spot.
    """

    symbol: str
    base: str
    quote: str
    status: str
    listed_ms: int
    price_decimals: int = 8
    volume_decimals: int = 8
    leveraged: bool = False


class Market(Protocol):
    """A source of candles."""

    @property
    def listings(self) -> Mapping[str, Listing]:
        """Every symbol, in the order that exchangeInfo lists them."""

    def intervals(self, symbol: str) -> Sequence[Interval]:
        """Return the intervals of which the symbol has rows of its own, the shortest first."""

    def ascending(self, symbol: str, interval: Interval, start_ms: int) -> Iterator[Row]:
        """Yield rows of one of `intervals` that open at or after `start_ms`, oldest first; made ones never end."""

    def descending(self, symbol: str, interval: Interval, end_ms: int) -> Iterator[Row]:
        """Yield rows of one of `intervals` that open at or before `end_ms`, newest first."""


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
