"""What the cache of the market's answers promises."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from candle_collector.domain.universe import Listing
from candle_collector.ports import MarketAnswers, MarketCache, MarketListings

NOW = datetime(2025, 6, 1, 12, 5, 3, 250_000, tzinfo=UTC)
LATER = NOW + timedelta(seconds=10)

LISTINGS = (
    Listing("BTCUSDT", "BTC", "USDT", "TRADING"),
    Listing("币安人生USDT", "币安人生", "USDT", "TRADING"),
    Listing("OLDBTC", "OLD", "BTC", "BREAK"),
    Listing("BTCUSDT", "BTC", "USDT", "TRADING"),  # twice
)
VOLUMES = {
    "BTCUSDT": Decimal("1234567890.12345678"),
    "币安人生USDT": Decimal("0E-8"),
    "OLDBTC": Decimal("0.00000000"),
    "UNLISTED": Decimal("12345678901234567890.123456789012345678901234567890"),
}


def answers(volumes: dict[str, Decimal] | None = VOLUMES) -> MarketAnswers:
    return MarketAnswers(
        MarketListings(LISTINGS, 6000, 60, -1500), volumes, NOW, frozenset({"BTCUSDT", "币安人生USDT"})
    )


class MarketCacheContract:
    """Tests of whatever the fixture `market_cache` gives."""

    def test_answers_come_back_exactly(self, market_cache: MarketCache) -> None:
        assert market_cache.get() is None
        market_cache.put(answers())
        kept = market_cache.get()
        assert kept == answers()
        assert kept is not None
        assert kept.volumes is not None
        assert {name: str(volume) for name, volume in kept.volumes.items()} == {
            name: str(volume) for name, volume in VOLUMES.items()
        }

    def test_volumes_that_nobody_asked_for_are_not_there(self, market_cache: MarketCache) -> None:
        market_cache.put(answers())
        market_cache.put(answers(None))
        assert market_cache.get() == answers(None)
        market_cache.put(answers({}))
        assert market_cache.get() == answers({})

    def test_of_many_at_once_one_gets_the_turn(self, market_cache: MarketCache) -> None:
        with ThreadPoolExecutor(8) as threads:
            claims = list(threads.map(lambda _: market_cache.claim(now=NOW, until=LATER), range(16)))
        assert len([claim for claim in claims if claim]) == 1

    def test_a_turn_ends_when_it_is_released_or_by_itself(self, market_cache: MarketCache) -> None:
        first = market_cache.claim(now=NOW, until=LATER)
        assert first is not None
        assert market_cache.claim(now=NOW, until=LATER) is None
        second = market_cache.claim(now=LATER, until=LATER + timedelta(seconds=10))
        assert second not in {first, None}
        market_cache.release(first)  # of one whose turn was over
        assert market_cache.claim(now=LATER, until=LATER + timedelta(seconds=10)) is None
        market_cache.release(str(second))
        market_cache.release(str(second))
        assert market_cache.claim(now=LATER, until=LATER + timedelta(seconds=10)) is not None

    def test_a_turn_and_the_answers_do_not_touch_each_other(self, market_cache: MarketCache) -> None:
        claim = market_cache.claim(now=NOW, until=LATER)
        market_cache.put(answers())
        assert market_cache.claim(now=NOW, until=LATER) is None
        market_cache.release(str(claim))
        assert market_cache.get() == answers()
