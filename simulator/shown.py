"""A symbol's rows as the exchange shows them at a moment: without what is hidden, and a running candle so far."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile

from simulator.candles import Candle
from simulator.intervals import Interval
from simulator.market import Market, Row

Windows = Sequence[tuple[float, float]]
"""Half-open windows in ms; infinity leaves a side open."""


class Shown:
    """What is shown of a symbol's rows.

    A row that runs, or that a hidden window cuts, is made of the shorter ones that are shown of it, so that a longer
    candle is the sum of its shorter ones at every moment. One that no shorter ones make up is hidden by its open time.

    Parameters
    ----------
    now_ms
        The moment: what opens later is not shown.
    hidden
        Where there are no candles, whatever the market has.
    """

    def __init__(self, market: Market, symbol: str, now_ms: int, hidden: Windows = ()) -> None:
        self._market = market
        self._symbol = symbol
        self._now_ms = now_ms
        self._hidden = hidden

    def source(self, interval: Interval, shift_ms: int = 0) -> Interval | None:
        """Return the longest interval of the market's rows that makes up `interval`, itself if it has it."""
        return next((held for held in self._longest_first() if held.divides(interval, shift_ms)), None)

    def ascending(self, interval: Interval, start_ms: int) -> Iterator[Row]:
        """Yield rows of an interval that the market has, those that open at or after `start_ms`, oldest first."""

        def after(open_ms: int, window: tuple[float, float]) -> Iterator[Row]:
            reached_ms = window[1] - interval.length_ms + 1  # what opens earlier ends inside
            return iter(()) if reached_ms == math.inf else self._opened(interval, max(open_ms + 1, int(reached_ms)))

        return self._shown(interval, self._opened(interval, start_ms), after)

    def descending(self, interval: Interval, end_ms: int) -> Iterator[Row]:
        """Yield rows of an interval that the market has, those that open at or before `end_ms`, newest first."""

        def before(open_ms: int, window: tuple[float, float]) -> Iterator[Row]:
            if window[0] == -math.inf:
                return iter(())
            return self._market.descending(self._symbol, interval, min(open_ms, int(window[0])) - 1)

        return self._shown(interval, self._market.descending(self._symbol, interval, end_ms), before)

    def _opened(self, interval: Interval, start_ms: int) -> Iterator[Row]:
        """Yield what the market has and has opened by now."""
        return takewhile(lambda row: row[0] <= self._now_ms, self._market.ascending(self._symbol, interval, start_ms))

    def _shown(
        self, interval: Interval, rows: Iterator[Row], beyond: Callable[[int, tuple[float, float]], Iterator[Row]]
    ) -> Iterator[Row]:
        """Yield what is shown of the rows; years that are hidden are passed over at once."""
        while (row := next(rows, None)) is not None:
            end_ms = interval.after(row[0])
            if end_ms <= self._now_ms and not self._hidden:  # as nearly always
                yield row
                continue
            inside = next((item for item in self._hidden if item[0] <= row[0] and end_ms <= item[1]), None)
            if inside:
                rows = beyond(row[0], inside)
            elif (shown := self._as_shown(interval, row, end_ms)) is not None:
                yield shown

    def _as_shown(self, interval: Interval, row: Row, end_ms: int) -> Row | None:
        open_ms, text = row
        if end_ms <= self._now_ms and not any(start < end_ms and open_ms < end for start, end in self._hidden):
            return row
        finer = next((held for held in self._longest_first() if held is not interval and held.divides(interval)), None)
        parts: list[Row] = []
        if finer is not None:
            parts = list(takewhile(lambda part: part[0] < end_ms, self._opened(finer, open_ms)))
        if finer is not None and parts:
            shown = [self._as_shown(finer, part, finer.after(part[0])) for part in parts]
            candles = [Candle.parse(part[1]) for part in shown if part is not None]
            close_ms = Candle.parse(text).close_ms
            return (open_ms, Candle.merged(candles, open_ms, close_ms).text()) if candles else None
        if any(start <= open_ms < end for start, end in self._hidden):
            return None
        return row if end_ms <= self._now_ms else (open_ms, _so_far(text, self._now_ms, end_ms))

    def _longest_first(self) -> Iterator[Interval]:
        return reversed(self._market.intervals(self._symbol))


def _so_far(text: str, now_ms: int, end_ms: int) -> str:
    """Return a running candle: with part of its volume, and another close than it will have."""
    whole = Candle.parse(text)
    passed, all_of_it = now_ms - whole.open_ms + 1, end_ms - whole.open_ms + 1
    close = whole.open + (whole.close - whole.open) * passed // all_of_it
    return whole._replace(
        close=close if close != whole.close else (whole.close + whole.high) // 2,
        volume=whole.volume * passed // all_of_it,
        quote_volume=whole.quote_volume * passed // all_of_it,
        trades=whole.trades * passed // all_of_it,
        taker_base=whole.taker_base * passed // all_of_it,
        taker_quote=whole.taker_quote * passed // all_of_it,
    ).text()
