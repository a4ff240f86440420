"""Chooses the rows of a klines answer: bounds, limit, and sums of shorter candles."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice, takewhile

from simulator.candles import Candle
from simulator.intervals import Grid
from simulator.market import Row
from simulator.shown import Shown


@dataclass(frozen=True)
class KlinesQuery:
    """What is asked for; bounds in ms, inclusive on the open time.

    Parameters
    ----------
    grid
        Where the candles open.
    """

    grid: Grid
    start_ms: int | None
    end_ms: int | None
    limit: int


class UnservedIntervalError(Exception):
    """The symbol has no rows that make up this interval."""


def klines(shown: Shown, query: KlinesQuery, now_ms: int) -> list[str]:
    """Return the JSON texts of the rows that Binance would answer with, ascending.

    With a start the oldest rows from there on, without one the newest up to the end. The candle still running is among
    them as if it were done; what has not opened yet is not.

    Raises
    ------
    UnservedIntervalError
        If the symbol has no rows that make up the interval.
    """
    grid = query.grid
    source = shown.source(grid.interval, grid.shift_ms)
    if source is None:
        raise UnservedIntervalError(grid.interval.name)
    summed = source is not grid.interval
    last_ms = now_ms if query.end_ms is None else min(query.end_ms, now_ms)
    if summed:
        last_ms = min(grid.after(grid.floor(last_ms)) - 1, now_ms)
    if query.start_ms is None:
        rows: Iterator[Row] = shown.descending(source, last_ms)
    else:
        start_ms = grid.ceil(query.start_ms) if summed else query.start_ms
        rows = takewhile(lambda row: row[0] <= last_ms, shown.ascending(source, start_ms))
    served = _summed(rows, grid) if summed else rows
    texts = [text for _, text in islice(served, query.limit)]
    return texts if query.start_ms is not None else texts[::-1]


def _summed(rows: Iterable[Row], grid: Grid) -> Iterator[Row]:
    """Add rows, in either order, up to the candles of a grid."""
    for open_ms, group in groupby(rows, key=lambda row: grid.floor(row[0])):
        parts = [Candle.parse(text) for _, text in sorted(group)]
        yield open_ms, Candle.merged(parts, open_ms, grid.after(open_ms) - 1).text()
