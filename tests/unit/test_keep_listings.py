"""What the exchange said of the symbols of runs is kept for readers, and brought up to date by every run."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import pytest
from candle_collector.collecting.keep_listings import copy_listings, keep_listings
from candle_collector.collecting.plan_run import plan_run
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.domain.universe import Listing
from candle_collector.domain.windows import Window
from candle_collector.errors import CollectorError
from candle_collector.ports import MarketAnswers

from tests.fakes.rate_limiter import FakeListingStore
from tests.fakes.world import World
from tests.hourly import first_hour_of, times_of

START = first_hour_of("2025-05-30")
BITCOIN = Listing("BTCUSDT", "BTC", "USDT", "TRADING", "{}")
ETHER = Listing("ETHUSDT", "ETH", "USDT", "TRADING", '{"a":1}')
TETHER = Listing("USDTTRY", "USDT", "TRY", "TRADING", '{"b":2}')


class Broken(FakeListingStore):
    """Cannot be written."""

    def put(self, _listings: Mapping[str, Listing]) -> None:
        """Fail."""
        raise CollectorError("the table is away")


def rules(store: FakeListingStore) -> dict[str, str]:
    return {symbol: listing.rules for symbol, listing in store.get().items()}


def test_the_symbols_of_a_run_are_kept_and_no_others() -> None:
    store = FakeListingStore()
    keep_listings([BITCOIN, ETHER, TETHER], ["ETHUSDT", "NOSUCH"], store)
    assert rules(store) == {"ETHUSDT": '{"a":1}'}


def test_what_is_kept_of_earlier_runs_is_brought_up_to_date() -> None:
    store = FakeListingStore()
    keep_listings([BITCOIN, ETHER], ["BTCUSDT", "ETHUSDT"], store)
    in_break = Listing("ETHUSDT", "ETH", "USDT", "BREAK", '{"a":2}')
    keep_listings([in_break, TETHER], ["USDTTRY"], store)
    assert rules(store) == {"BTCUSDT": "{}", "ETHUSDT": '{"a":2}', "USDTTRY": '{"b":2}'}
    assert store.get()["ETHUSDT"].status == "BREAK"


def test_rules_that_an_answer_leaves_out_stay_as_they_were() -> None:
    store = FakeListingStore()
    keep_listings([ETHER], ["ETHUSDT"], store)
    keep_listings([Listing("ETHUSDT", "ETH", "USDT", "HALT")], ["ETHUSDT"], store)
    assert (rules(store), store.get()["ETHUSDT"].status) == ({"ETHUSDT": '{"a":1}'}, "HALT")


def test_what_has_not_changed_is_not_written_again() -> None:
    store = FakeListingStore()
    for changed in (ETHER, ETHER, Listing("ETHUSDT", "ETH", "USDT", "TRADING", '{"a":2}')):
        keep_listings([changed], ["ETHUSDT"], store)
    assert store.writes == 2


def test_a_run_does_not_fail_because_listings_cannot_be_kept(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        keep_listings([ETHER], ["ETHUSDT"], Broken())
    assert "the next run keeps them" in caplog.text


def test_a_run_keeps_its_listings_and_a_dry_run_keeps_nothing() -> None:
    system = World({"BTCUSDT": range(START, START + 48)}, listings=(BITCOIN, ETHER))
    request = RunRequest("backward", *times_of(Window(START, START + 2)))
    plan_run(request, system.defaults, system.run_ports(), system.candles)
    assert system.listings.get() == {}
    system.clock.advance(120)  # until the shared answers are too old
    system.start(start=START, end=START + 2)
    assert rules(system.listings) == {"BTCUSDT": "{}", "ETHUSDT": '{"a":1}'}


def test_the_answers_that_processes_share_are_without_rules() -> None:
    system = World({"BTCUSDT": range(START, START + 48)}, listings=(BITCOIN, ETHER))
    system.start(start=START, end=START + 2)
    shared = system.market_cache.get()
    assert isinstance(shared, MarketAnswers)
    assert [listing.rules for listing in shared.market.listings] == ["", ""]


def test_a_copy_takes_the_listings_that_it_has_none_of() -> None:
    source, target = FakeListingStore(), FakeListingStore()
    source.put({"BTCUSDT": BITCOIN, "ETHUSDT": ETHER})
    target.put({"ETHUSDT": Listing("ETHUSDT", "ETH", "USDT", "BREAK", '{"a":9}')})
    for _ in range(2):
        copy_listings(source, target)
    assert rules(target) == {"BTCUSDT": "{}", "ETHUSDT": '{"a":9}'}
    assert target.writes == 2
