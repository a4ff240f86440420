"""An exchange that serves candles by Binance's rules, in the measures of a market, and remembers what it was asked."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from candle_collector.adapters.binance.market import BINANCE
from candle_collector.domain.candle import Candle
from candle_collector.domain.closing import closed_ms_at
from candle_collector.domain.interval import HOUR, Interval
from candle_collector.domain.market import Market
from candle_collector.domain.run import Failure
from candle_collector.domain.series import Series
from candle_collector.domain.universe import Listing
from candle_collector.errors import ExchangeError, OutOfTimeError
from candle_collector.ports import DayTrades, FetchedCandles, MarketListings

from tests.fakes.clock import FakeClock


class Asked(NamedTuple):
    """A request for candles."""

    symbol: str
    start: int
    limit: int


@lru_cache(maxsize=100_000)
def synthetic_candle(symbol: str, hour: int) -> Candle:
    """Return a candle that is a function of symbol and hour alone: those of a test are asked for again and again."""
    price = 100 + hour % 97 + len(symbol)
    low, high, volume = price - 3, price + 5, hour % 1000 + 1
    return Candle(
        hour, f"{price}.5", str(high), str(low), f"{price}.25", str(volume), f"{volume * price}.125", 7, "0.5", "1"
    )


def listing(symbol: str, status: str = "TRADING") -> Listing:
    """Return the listing of a symbol against USDT."""
    return Listing(symbol, symbol.removesuffix("USDT"), "USDT", status)


@dataclass
class FakeExchange:
    """An exchange in memory.

    Attributes
    ----------
    printed
        The slots that have a candle, by symbol.
    interval
        Of what these are slots; others are not served.
    listings, volumes
        What the market answers; None for the volumes makes each symbol's rank that of its listing.
    before
        Called with each request for candles; what it raises is the answer.
    market
        What is so of it; a request that does not keep to it is a mistake.
    rows_most
        The most rows of an answer, where it answers short.
    weight_limit, weight_seconds
        What it says of its limit, where that is not the market's.
    seconds
        How long an answer takes.
    retries
        How many attempts fail before each answer to a request for candles.
    wrong_rows
        The slots whose row is wrong, with the reason, by symbol; they are printed as well.
    market_error
        What asking for listings raises.
    bears_the_late
        Whether a request without any time left is answered with an error and not refused as a mistake of the test.
    """

    clock: FakeClock
    printed: dict[str, frozenset[int]]
    listings: tuple[Listing, ...] = ()
    candle: Callable[[str, int], Candle] = synthetic_candle
    before: Callable[[Asked], None] | None = None
    rows_most: int | None = None
    seconds: float = 0.0
    retries: int = 0
    wrong_rows: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    used_weight: int | None = None
    market_error: Exception | None = None
    weight_limit: int = 0
    weight_seconds: int = 0
    clock_offset_ms: int = 0
    bears_the_late: bool = False
    interval: Interval = HOUR
    at_par: frozenset[str] = frozenset()
    market: Market = BINANCE

    def __post_init__(self) -> None:
        self.requested: list[Asked] = []
        self.market_asked = 0
        self.volumes_asked = 0
        self.attempts = 0
        self.weight_limit = self.weight_limit or self.market.limit.weight
        self.weight_seconds = self.weight_seconds or self.market.limit.seconds
        if not self.listings:
            self.listings = tuple(map(listing, self.printed))
        self._sorted: dict[str, tuple[frozenset[int], list[int]]] = {}

    def fetch_candles(
        self, series: Series, start: int, limit: int, *, attempts_made: int, until: float, grant: Callable[[], None]
    ) -> FetchedCandles:
        """Answer the oldest `limit` rows from `start` on, the running slot's included."""
        assert attempts_made >= 0
        if self.clock.monotonic() >= until:  # a worker looks at its time first, unless it was held up since
            assert self.bears_the_late
            raise OutOfTimeError(Failure("unavailable", "no time was left to ask", attempts=attempts_made), wait=0)
        self._attempt(grant, attempts_made)
        assert series.interval is self.interval
        assert series.market == self.market.name
        assert 0 < limit <= self.market.rows_most
        symbol = series.symbol
        requested = Asked(symbol, start, limit)
        self.requested.append(requested)
        if self.before:
            self.before(requested)
        self.clock.advance(self.seconds)
        now_ms = round(self.clock.now().timestamp() * 1000) + self.clock_offset_ms
        running, closed_end = (self.interval.slot_at(ms) for ms in (now_ms, closed_ms_at(now_ms)))
        printed, most = self._slots(symbol), limit if self.rows_most is None else min(limit, self.rows_most)
        first = bisect_left(printed, start)
        slots = printed[first : min(first + most, bisect_right(printed, running))]
        wrong = self.wrong_rows.get(symbol, {})
        return FetchedCandles(
            candles=tuple(self.candle(symbol, slot) for slot in slots if slot < closed_end and slot not in wrong),
            slots=tuple(slots),
            closed_end=closed_end,
            retries=self.retries,
            used_weight=self.used_weight,
            rejected={slot: reason for slot, reason in wrong.items() if slot in slots and slot < closed_end},
        )

    def fetch_market(self, *, grant: Callable[[], None]) -> MarketListings:
        """Answer the listings."""
        self._attempt(grant)
        self.market_asked += 1
        if self.market_error:
            raise self.market_error
        return MarketListings(self.listings, self.weight_limit, self.weight_seconds, self.clock_offset_ms)

    def fetch_volumes(self, *, grant: Callable[[], None]) -> DayTrades:
        """Answer volumes by which the symbols rank in the order of their listings."""
        self._attempt(grant)
        self.volumes_asked += 1
        volumes = {item.symbol: Decimal(10_000 - rank) for rank, item in enumerate(self.listings)}
        return DayTrades(volumes, self.at_par)

    def print_also(self, symbol: str, slots: Iterable[int]) -> None:
        """Serve more slots from now on."""
        self.printed[symbol] |= frozenset(slots)

    def _attempt(self, grant: Callable[[], None], attempts_made: int = 0) -> None:
        """Have every attempt granted: those that fail, and the one that is answered."""
        for attempt in range(1 + self.retries):
            try:
                grant()
            except ExchangeError as error:
                error.failure = replace(error.failure, attempts=attempts_made + attempt)
                raise
            self.attempts += 1

    def _slots(self, symbol: str) -> list[int]:
        printed = self.printed.get(symbol, frozenset())
        known = self._sorted.get(symbol)
        if known is None or known[0] is not printed:
            known = self._sorted[symbol] = (printed, sorted(printed))
        return known[1]
