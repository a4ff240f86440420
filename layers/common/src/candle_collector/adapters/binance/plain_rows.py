"""Reads the rows of an answer all at once, where each is right at first sight: a third of the time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from typing import Any

from candle_collector.domain.candle import Candle
from candle_collector.domain.interval import Interval

COLUMNS = 12
TRADES_MOST = 10**9
"""Trades of one candle; BTCUSDT's busiest recorded hour has fewer than 10 million."""

_DECIMALS = re.compile(r"(?:\d{1,20}+\.\d{8},)++", re.ASCII)
"""As Binance writes them: always with eight digits, so that without the point they are whole numbers of one unit."""


def read_plain(rows: Sequence[list[Any]], interval: Interval) -> tuple[Candle, ...] | None:
    """Return the candles of rows that open on the grid of their interval; None where one must be looked at by itself.

    What this returns is what reading each row by itself returns: it accepts nothing else.
    """
    try:
        opened, open_, high, low, close, volume, closed, quote_volume, trades, *takers, _ = zip(*rows, strict=True)
        taker_base, taker_quote = takers
        decimals = (open_, high, low, close, volume, quote_volume, taker_base, taker_quote)
        text = ",".join(chain(*decimals, ("",)))
    except (TypeError, ValueError):  # a decimal that is not text; no row, or not of so many columns
        return None
    if {*map(type, closed), *map(type, trades)} != {int} or not 0 <= min(trades) <= max(trades) <= TRADES_MOST:
        return None
    # a comma within a field would be one more
    if text.count(",") != len(decimals) * len(rows) or not _DECIMALS.fullmatch(text):
        return None
    rows_in_units = zip(*_columns(list(map(int, text[:-1].replace(".", "").split(","))), len(rows)), strict=True)
    if not all(
        0 < bottom <= first <= top and bottom <= last <= top and bought <= traded and quote_bought <= quote_traded
        for first, top, bottom, last, traded, quote_traded, bought, quote_bought in rows_in_units
    ):
        return None
    slots, offsets = zip(*(divmod(time, interval.length_ms) for time in opened), strict=True)
    if any(offsets):
        return None
    *before, base, quote = map(_trimmed, decimals)
    return tuple(map(Candle._make, zip(slots, *before, trades, base, quote, offsets, strict=True)))


def _columns(values: Sequence[Any], length: int) -> list[Any]:
    return [values[at : at + length] for at in range(0, len(values), length)]


def _trimmed(decimals: Sequence[str]) -> Iterable[str]:
    """Cut the trailing zeros of decimals that all have a point, as `trim` does for one."""
    return map(str.rstrip, map(str.rstrip, decimals, repeat("0")), repeat("."))
