"""Candles of the simulated exchange as rows, and sums of them by a way of their own."""

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from simulator.intervals import INTERVALS, Grid
from simulator.klines import KlinesQuery, klines
from simulator.market import Market
from simulator.shown import Shown, Windows

Columns = list[Any]

NAMES = list(INTERVALS)

MINUTES = {
    "1m": 1,
    "3m": 3,
    "5m": 5,
    "15m": 15,
    "30m": 30,
    "1h": 60,
    "2h": 120,
    "4h": 240,
    "6h": 360,
    "8h": 480,
    "12h": 720,
    "1d": 1440,
    "3d": 3 * 1440,
    "1w": 7 * 1440,
}
"""How long each interval is, said again for the tests; months differ."""


class Answers:
    """What the exchange answers of a symbol at a moment.

    Parameters
    ----------
    hidden
        Windows without candles, whatever the market has.
    """

    def __init__(self, market: Market, symbol: str, now_ms: int, hidden: Windows = (), shift_ms: int = 0) -> None:
        self._shown = Shown(market, symbol, now_ms, hidden)
        self._now_ms, self._shift_ms = now_ms, shift_ms
        self._listed_ms = market.listings[symbol].listed_ms

    def rows(
        self, name: str, start_ms: int | None = None, end_ms: int | None = None, limit: int = 1000
    ) -> list[Columns]:
        """Return an answer's rows."""
        grid = Grid(INTERVALS[name], self._shift_ms, self._listed_ms)
        query = KlinesQuery(grid, start_ms, end_ms, limit)
        return [json.loads(text) for text in klines(self._shown, query, self._now_ms)]

    def within(self, name: str, start_ms: int, end_ms: int) -> list[Columns]:
        """Return every row that opens in a half-open window, page by page."""
        rows: list[Columns] = []
        while page := self.rows(name, start_ms, end_ms - 1):
            rows += page
            start_ms = page[-1][0] + 1
        return rows


def total(rows: Iterable[Columns]) -> Columns:
    """Return what rows, oldest first, add up to: without times, all numbers as decimals."""
    parts = list(rows)
    prices = [[Decimal(part[index]) for part in parts] for index in range(1, 5)]
    sums = [sum((Decimal(part[index]) for part in parts), Decimal(0)) for index in (5, 7, 8, 9, 10)]
    return [prices[0][0], max(prices[1]), min(prices[2]), prices[3][-1], *sums]
