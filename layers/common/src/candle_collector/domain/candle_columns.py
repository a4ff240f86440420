"""Many candles as columns: what a table of them is made of, without an object for each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain, repeat
from typing import NamedTuple

from candle_collector.domain.candle import DECIMAL, Candle
from candle_collector.domain.interval import Interval

_DECIMALS = re.compile(rf"{DECIMAL}(?:,{DECIMAL})*+", re.ASCII)


class CandleColumns(NamedTuple):
    """Candles, ascending by slot: a column for each field of `Candle`, in the same order, and all of one length."""

    slot: Sequence[int]
    open: Sequence[str]
    high: Sequence[str]
    low: Sequence[str]
    close: Sequence[str]
    volume: Sequence[str]
    quote_volume: Sequence[str]
    trade_count: Sequence[int]
    taker_base: Sequence[str]
    taker_quote: Sequence[str]
    offset_ms: Sequence[int]

    @property
    def rows(self) -> int:
        """How many candles there are."""
        return len(self.slot)

    def candles(self) -> list[Candle]:
        """Return the candles."""
        # `Candle._make` would count the fields of each once more: a third of the time
        return list(map(tuple.__new__, repeat(Candle), zip(*self, strict=True)))

    def open_times_ms(self, interval: Interval) -> list[int]:
        """Return the exchange's open times, in ms since 1970 UTC."""
        return [interval.open_ms(slot) + offset_ms for slot, offset_ms in zip(self.slot, self.offset_ms, strict=True)]

    def part(self, start: int, end: int) -> CandleColumns:
        """Return the candles from the position `start` up to `end`, which is left out."""
        return CandleColumns._make(column[start:end] for column in self)

    def are_as_stored(self) -> bool:
        """Return whether each is what `candle_from_line` might return: a tenth of the time of asking it for each."""
        if not self.rows:
            return True
        counts = (self.trade_count, self.offset_ms)
        if not all(set(map(type, column)) == {int} and min(column) >= 0 for column in counts):
            return False
        decimals = (*self[1:7], *self[8:10])
        try:
            text = ",".join(chain.from_iterable(decimals))
        except TypeError:  # what is not text
            return False
        # a comma within a field would be one more
        return text.count(",") == len(decimals) * self.rows - 1 and _DECIMALS.fullmatch(text) is not None


def columns_of(candles: Sequence[Candle]) -> CandleColumns:
    """Return the columns of candles."""
    return CandleColumns._make(zip(*candles, strict=True) if candles else [()] * len(CandleColumns._fields))
