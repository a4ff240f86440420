"""An exchange a third of whose answers are wrong: cut, older than they seem, or about another symbol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from candle_collector.domain.candle import Candle
from candle_collector.domain.series import Series
from candle_collector.ports import FetchedCandles

from tests.fakes.exchange import FakeExchange


def symbols_own_candle(symbol: str, hour: int) -> Candle:
    """Return a candle that no other symbol has at any hour."""
    price = 1000 * (1 + sum(map(ord, symbol)) % 97) + hour % 97
    return Candle(hour, str(price), str(price + 5), str(price - 5), str(price + 1), "10", "15", 7, "5", "7")


class LyingExchange(FakeExchange):
    """An exchange in memory that lies while `random` is set."""

    random: Random | None = None
    lies: int = 0

    def fetch_candles(
        self, series: Series, start: int, limit: int, *, attempts_made: int, until: float, grant: Callable[[], None]
    ) -> FetchedCandles:
        """Answer, or lie."""
        options: dict[str, Any] = {"attempts_made": attempts_made, "until": until, "grant": grant}
        if self.random is None or self.random.random() >= 1 / 3:
            return super().fetch_candles(series, start, limit, **options)
        self.lies += 1
        match self.random.choice(("head", "tail", "stale", "other")):
            case "other":
                others = [name for name in sorted(self.printed) if name != series.symbol]
                return super().fetch_candles(
                    series._replace(symbol=self.random.choice(others)), start, limit, **options
                )
            case "stale":
                answer = super().fetch_candles(series, start, limit, **options)
                known_to = answer.closed_end - self.random.randint(0, 100)
                return _kept(answer, [hour for hour in answer.slots if hour < known_to], aged=known_to - 1)
            case kind:
                answer = super().fetch_candles(series, start, limit, **options)
                cut = self.random.randint(1, max(1, len(answer.slots)))
                return _kept(answer, answer.slots[cut:] if kind == "head" else answer.slots[:-cut])


def _kept(answer: FetchedCandles, hours: Any, aged: int | None = None) -> FetchedCandles:
    """Return an answer with some of its rows; the candle of the hour `aged` as it was while it ran."""
    kept = frozenset(hours)
    candles = tuple(candle for candle in answer.candles if candle.slot in kept)
    if aged is not None:
        candles = tuple(
            candle._replace(trade_count=3, volume="2") if candle.slot == aged else candle for candle in candles
        )
    return replace(answer, slots=tuple(hour for hour in answer.slots if hour in kept), candles=candles)
