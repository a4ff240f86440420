"""What holds for one exchange's market and may differ at another: its adapter describes it, nothing else knows it.

Our own policy does not belong to it: how much of the limit is used, how many candles a request asks for at most, how
many stored ones are asked for with them. Nor is the form of the exchange's answers, open times off the grid among it,
which the adapter alone reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from candle_collector.domain import dates
from candle_collector.domain.interval import Interval, moment_at
from candle_collector.domain.weight_limit import WeightLimit

FIAT, STABLECOIN = "fiat", "stablecoin"
"""What money that trades on a market is."""


class RequestWeights(NamedTuple):
    """What requests cost of the exchange's limit.

    Attributes
    ----------
    candles
        One request for candles, whatever its limit.
    listings
        All listings.
    volumes
        The volumes of all symbols.
    """

    candles: int
    listings: int
    volumes: int


@dataclass(frozen=True)
class Market:
    """The description of a market.

    Attributes
    ----------
    name
        Where the names of its series begin: ``binance``.
    intervals
        Those that it serves and that can be collected, ascending.
    rows_most
        The most rows of an answer; more than a request asks for again of what is stored (`plan.RECENT_CANDLES`).
    weights
        What requests cost.
    limit
        How much weight it allows, until it has said so itself.
    earliest_ms
        No candle opens before, in ms since 1970 UTC.
    young_ms
        How long, in ms, a closed candle may be missing from answers and still come: an exchange that is failing answers
        short. An absence that is younger proves nothing.
    pegged_assets
        What trades on it and is money rather than a crypto, by asset: `FIAT` or `STABLECOIN`.
    leveraged_suffixes
        What it names leveraged tokens by: they are the name of what they follow, and one of these behind it.
    listed_days
        The UTC day, ``2017-08-17``, on which a symbol was listed, of those for which it is known.
    """

    name: str
    intervals: tuple[Interval, ...]
    rows_most: int
    weights: RequestWeights
    limit: WeightLimit
    earliest_ms: int
    young_ms: int
    pegged_assets: Mapping[str, str]
    leveraged_suffixes: tuple[str, ...]
    listed_days: Mapping[str, str]

    @property
    def first_year(self) -> int:
        """The UTC year of its first candle."""
        return moment_at(self.earliest_ms).year

    @property
    def too_early(self) -> str:
        """What is said of a time before its first candle."""
        return f"is before {self.first_year}; the exchange has no candle of that time"

    def young_slots(self, interval: Interval) -> int:
        """Return how many of the newest closed slots of an interval are too young for a proof that they are empty."""
        return -(-self.young_ms // interval.length_ms)

    def listed_ms(self, symbol: str) -> int | None:
        """Return the midnight of the day on which a symbol was listed, in ms since 1970 UTC; None if not known."""
        day = self.listed_days.get(symbol)
        return None if day is None else dates.start_of(day)
