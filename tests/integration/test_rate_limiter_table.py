"""The rate limiter and the market's cache on moto: replies that are lost, items that are large or damaged, runs."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest
from candle_collector.adapters.dynamodb.item_table import ItemTable
from candle_collector.adapters.dynamodb.market_table import MarketTable
from candle_collector.adapters.dynamodb.rate_limiter_table import RateLimiterTable
from candle_collector.collecting.plan_run import plan_run
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.domain.rate_limit import Reservation
from candle_collector.domain.run import Failure
from candle_collector.domain.universe import Listing
from candle_collector.errors import CollectorError, ExchangeBlockedError, MarketUnavailableError
from candle_collector.ports import MarketAnswers, MarketListings

from tests.fakes.clock import NOON
from tests.fakes.world import World
from tests.hourly import hour_of, hours
from tests.integration.lost_replies import LostReplies

MINUTE = timedelta(minutes=1)
BAN = Failure("blocked", "the exchange banned us", 418)
REFUSAL = Failure("refused", "another region", 451)
NOW = hour_of(NOON)
ITEM_MOST_BYTES = 400_000
EVERY_TRY = 8
"""The SDK's first try and its seven retries."""


@pytest.fixture
def table(tables: None) -> ItemTable:
    assert tables is None
    return ItemTable("runs")


@pytest.fixture
def limiter(table: ItemTable) -> RateLimiterTable:
    return RateLimiterTable(table)


@pytest.fixture
def cache(table: ItemTable) -> MarketTable:
    return MarketTable(table)


@pytest.fixture
def replies(table: ItemTable, monkeypatch: pytest.MonkeyPatch) -> LostReplies:
    assert table
    return LostReplies(monkeypatch)


def reserve(limiter: RateLimiterTable, weight: int, period: int = 7) -> Reservation:
    return limiter.reserve(weight, period=period, period_seconds=60, budget=100, now=NOON)


# replies that are lost


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_reservation_whose_reply_is_lost_reserves_once(
    limiter: RateLimiterTable, replies: LostReplies, lost: int
) -> None:
    for number in (1, 2):  # the first begins the period, the second adds to it
        replies.left = lost
        assert reserve(limiter, 30) == Reservation(30, 30 * number)
    assert replies.lost == 2 * lost
    replies.left = lost
    assert reserve(limiter, 60) == Reservation(40, 100)
    assert limiter.state().reserved == 100


def test_a_reservation_whose_replies_are_all_lost_is_found_by_its_id(
    limiter: RateLimiterTable, replies: LostReplies
) -> None:
    reserve(limiter, 10)
    replies.left = EVERY_TRY
    assert reserve(limiter, 30) == Reservation(30, 40)
    assert replies.left == 0
    assert limiter.state().reserved == 40


def test_a_table_that_does_not_answer_is_an_error_of_ours(limiter: RateLimiterTable, replies: LostReplies) -> None:
    replies.left = EVERY_TRY
    with pytest.raises(CollectorError, match="runs table refused"):
        limiter.note_clock(5)


def test_a_reservation_that_was_never_written_is_an_error(table: ItemTable, monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = RateLimiterTable(table)
    reserve(limiter, 30)

    def fail(*_: Any, **__: Any) -> None:
        raise CollectorError("the table is away")

    monkeypatch.setattr(limiter, "_update", fail)
    with pytest.raises(CollectorError, match="away"):
        reserve(limiter, 30)
    assert limiter.state().reserved == 30


@pytest.mark.parametrize("period", [7, 8])
def test_with_another_between_too_much_is_reserved_and_never_too_little(
    limiter: RateLimiterTable, replies: LostReplies, period: int
) -> None:
    reserve(limiter, 10)
    other = RateLimiterTable(ItemTable("runs"))
    granted = []
    replies.between = lambda: granted.append(reserve(other, 20, period).granted)
    replies.left = 1
    granted.append(reserve(limiter, 30, period).granted)
    assert sum(granted) <= limiter.state().reserved <= 100


def test_a_block_whose_reply_is_lost_is_counted_once(limiter: RateLimiterTable, replies: LostReplies) -> None:
    seen, now = None, NOON
    for seconds in (5, 10, 20):
        replies.left = 1
        assert limiter.block(0, BAN, now=now, seen=seen) == now + timedelta(seconds=seconds)
        seen, now = limiter.state().block_id, now + MINUTE
    assert limiter.state().blocks == 3


def test_a_block_that_comes_between_another_ones_read_and_write_stays(
    limiter: RateLimiterTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, read = RateLimiterTable(ItemTable("runs")), limiter._read
    met: list[object] = []

    def meanwhile() -> Any:
        item = read()
        if not met:
            met.append(other.block(120, BAN, now=NOON, seen=None))
            met.append(other.state().block_id)
        return item

    monkeypatch.setattr(limiter, "_read", meanwhile)
    assert limiter.block(0, BAN, now=NOON, seen=None) == NOON + 2 * MINUTE
    assert [limiter.state().blocked_until, limiter.state().block_id] == met


def test_a_refusal_whose_reply_is_lost_stands(limiter: RateLimiterTable, replies: LostReplies) -> None:
    replies.left = 1
    limiter.refuse(NOON + MINUTE, REFUSAL)
    state = limiter.state()
    assert (state.refused_until, state.refusal_reason) == (NOON + MINUTE, REFUSAL.message)
    replies.left = 1
    limiter.reopen(str(state.refusal_id))
    assert limiter.state().refused_until is None


def test_a_claim_whose_reply_is_lost_is_ones_own(cache: MarketTable, replies: LostReplies) -> None:
    replies.left = 1
    claim = cache.claim(now=NOON, until=NOON + MINUTE)
    assert claim is not None
    assert cache.claim(now=NOON, until=NOON + MINUTE) is None
    replies.left = 1
    cache.release(claim)
    assert cache.claim(now=NOON, until=NOON + MINUTE) is not None


# the market's item


def synthetic_market(symbols: int, volume: Callable[[random.Random], str]) -> MarketAnswers:
    """Return a market whose symbols and volumes have little in common, so that they compress badly."""
    chance = random.Random(7)
    quotes = ("USDT", "BTC", "ETH", "FDUSD", "TRY", "币")
    listings = []
    for _ in range(symbols):
        base = "".join(chance.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=chance.randint(3, 10)))
        quote = chance.choice(quotes)
        listings.append(Listing(base + quote, base, quote, chance.choice(("TRADING", "BREAK"))))
    volumes = {listing.symbol: Decimal(volume(chance)) for listing in listings}
    return MarketAnswers(MarketListings(tuple(listings), 6000, 60, -12), volumes, NOON)


def test_four_thousand_symbols_fit_into_an_item(cache: MarketTable) -> None:
    market = synthetic_market(4000, lambda chance: f"{chance.randrange(10**18)}.{chance.randrange(10**8):08}")
    cache.put(market)
    item = boto3.client("dynamodb").get_item(TableName="runs", Key={"pk": {"S": "MARKET"}, "sk": {"S": "MARKET"}})
    assert len(item["Item"]["answers"]["B"]) < ITEM_MOST_BYTES / 2
    assert cache.get() == market


def test_a_market_that_is_too_large_is_an_error_of_ours(cache: MarketTable) -> None:
    market = synthetic_market(4000, lambda chance: str(chance.randrange(10**300)))
    with pytest.raises(CollectorError, match="runs table refused"):
        cache.put(market)
    assert cache.get() is None


@pytest.mark.parametrize("stored", [b"", b"not compressed", b"x\x9c\xabV\x02\x00\x01:\x00\xb7"])
def test_an_item_that_cannot_be_read_is_as_good_as_none(cache: MarketTable, stored: bytes) -> None:
    boto3.client("dynamodb").put_item(
        TableName="runs",
        Item={
            "pk": {"S": "MARKET"},
            "sk": {"S": "MARKET"},
            "taken_at": {"S": "2025-06-01T12:05:00.000000Z"},
            "answers": {"B": stored},
        },
    )
    assert cache.get() is None


# runs on the real tables


@pytest.fixture
def system(limiter: RateLimiterTable, cache: MarketTable) -> World:
    world = World({"BTCUSDT": range(NOW - 100, NOW + 1)})
    world.rate_limiter = limiter  # type: ignore[assignment] # the adapter instead of the fake
    world.market_cache = cache  # type: ignore[assignment] # the same
    return world


def plan(system: World) -> object:
    request = RunRequest("backward", *hours(NOW - 100, NOW - 50))
    return plan_run(request, system.defaults, system.run_ports(), system.candles)


def test_dry_runs_at_once_ask_once(system: World) -> None:
    system.sleep = lambda _: None
    with ThreadPoolExecutor(6) as threads:
        outcomes = list(threads.map(lambda _: _planned(system), range(24)))
    assert outcomes.count("planned") >= 1
    assert set(outcomes) <= {"planned", "waited in vain"}  # no time passes here while they wait
    assert (system.exchange.market_asked, system.exchange.volumes_asked) == (1, 1)
    assert system.rate_limiter.state().reserved == 100


def _planned(system: World) -> str:
    try:
        plan(system)
    except MarketUnavailableError:
        return "waited in vain"
    return "planned"


def test_a_dry_run_does_not_end_a_ban_that_came_while_it_asked(system: World) -> None:
    fetch = system.exchange.fetch_volumes

    def slow(*, grant: Callable[[], None]) -> object:
        volumes = fetch(grant=grant)
        system.rate_limiter.block(120, BAN, now=NOON, seen=None)
        return volumes

    system.exchange.fetch_volumes = slow  # type: ignore[method-assign,assignment] # stands in for one method
    plan(system)
    with pytest.raises(ExchangeBlockedError):
        system.rate_limiter.check(now=NOON)


def test_a_refusal_does_not_hide_a_ban(system: World) -> None:
    system.rate_limiter.block(7200, BAN, now=NOON, seen=None)
    system.rate_limiter.refuse(NOON + timedelta(hours=5), replace(REFUSAL, http_status=403))
    with pytest.raises(MarketUnavailableError, match="asked us to wait"):
        system.start(start=NOW - 100)
    assert system.exchange.market_asked == 0


def test_a_run_on_the_real_rate_limiter_stays_within_the_budget(system: World) -> None:
    system.exchange.retries = 3
    system.exchange.weight_limit = 150
    run = system.collect(start=NOW - 100, end=NOW - 2)
    assert run.counts is not None
    assert run.counts["complete"] == 1
    assert system.rate_limiter.state().reserved <= 120
