"""Which symbols and hours a run is about: those of a delisting, and those of a retry."""

from __future__ import annotations

from dataclasses import replace

import pytest
from candle_collector.collecting.control_run import retry_run
from candle_collector.collecting.plan_run import plan_run
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.domain import dates
from candle_collector.domain.interval import Interval
from candle_collector.domain.run import SERIES_MOST, Failure, Outcome, RunSeries
from candle_collector.domain.universe import Listing
from candle_collector.domain.windows import Window
from candle_collector.errors import ExchangeUnavailableError, InvalidRequestError

from tests.fakes.exchange import Asked, listing
from tests.fakes.world import World
from tests.hourly import first_hour_of, hourly, ms_of_hour

START = first_hour_of("2025-05-01")
NOW = first_hour_of("2025-06-01") + 12
SIX_HOURS = 6 * 3600
NAMES = ("AUSDT", "BUSDT")


def unavailable(_: Asked) -> None:
    raise ExchangeUnavailableError(Failure("unavailable", "503", 503, attempts=1))


def test_the_last_hours_before_a_delisting_are_collected_by_the_next_scheduled_run() -> None:
    system = World({"AUSDT": range(START, NOW + 1000), "BUSDT": range(START, NOW + 4)})
    system.defaults = replace(system.defaults, collection_start=ms_of_hour(START))
    system.collect("forward")
    system.clock.advance(SIX_HOURS)  # in between BUSDT traded for four hours more
    system.exchange.listings = (listing("AUSDT"), listing("BUSDT", "BREAK"))
    run = system.collect("forward")
    assert system.record(run, "BUSDT").records == 4
    assert system.candles.slots(hourly("BUSDT")) == (Window(START, NOW + 4),)


def test_a_delisted_symbol_is_left_alone_when_two_runs_have_heard_nothing_of_it() -> None:
    system = World({"AUSDT": range(START, NOW + 1000), "BUSDT": range(START, NOW)})
    system.defaults = replace(system.defaults, collection_start=ms_of_hour(START))
    system.collect("forward")
    system.exchange.listings = (listing("AUSDT"), listing("BUSDT", "BREAK"))
    requests_a_run = []
    for _ in range(12):
        system.clock.advance(SIX_HOURS)
        system.exchange.requested.clear()
        system.collect("forward")
        requests_a_run.append(sum(requested.symbol == "BUSDT" for requested in system.exchange.requested))
    delisted = system.series.get(hourly("BUSDT")).delisted
    assert delisted is not None
    assert delisted.start == NOW
    assert requests_a_run[-1] == 0
    assert sum(requests_a_run) <= 6, requests_a_run  # an hour younger than a day proves nothing: five runs of six hours
    system.clock.advance(SIX_HOURS)
    system.exchange.listings = (listing("AUSDT"), listing("BUSDT"))
    system.exchange.print_also("BUSDT", range(NOW + 74, NOW + 1000))
    system.collect("forward")
    assert system.candles.slots(hourly("BUSDT")) == (Window(START, NOW), Window(NOW + 74, NOW + 78))


def test_a_symbol_that_is_listed_no_more_is_not_asked_for_by_schedules() -> None:
    system = World({"AUSDT": range(START, NOW + 1000), "BUSDT": range(START, NOW)})
    system.defaults = replace(system.defaults, collection_start=ms_of_hour(START))
    system.collect("forward")
    system.exchange.listings = (listing("AUSDT"),)
    system.clock.advance(SIX_HOURS)
    assert system.collect("forward").symbols == ("AUSDT",)


def test_a_retry_goes_on_though_one_of_its_symbols_is_listed_no_more() -> None:
    system = World(dict.fromkeys(NAMES, range(START, NOW + 1)))
    system.exchange.before = unavailable
    run = system.collect(start=START, end=START + 24)
    assert run.counts is not None
    assert run.counts["failed"] == 2
    system.exchange.before = None
    system.clock.advance(61)  # the listings are kept for a minute
    system.exchange.listings = (listing("AUSDT"),)
    again = retry_run(run.run_id, system.defaults, system.run_ports())
    system.settle()
    assert system.record(again, "AUSDT").outcome is Outcome.COMPLETE
    assert again.series == (RunSeries(hourly("AUSDT"), trading=True), RunSeries(hourly("BUSDT"), trading=False))


def test_a_retry_of_a_forward_run_before_the_collection_start_date_keeps_its_symbols_ranges() -> None:
    system = World({"AUSDT": range(START, NOW + 1)})
    system.collect(start=START, end=NOW - 20)
    system.defaults = replace(system.defaults, collection_start=dates.start_of("2025-06-02"))
    system.exchange.before = unavailable
    run = system.collect("forward")
    assert run.counts is not None
    assert run.counts["failed"] == 1
    system.exchange.before = None
    again = retry_run(run.run_id, system.defaults, system.run_ports())
    system.settle()
    counts = system.ended(again.run_id).counts
    assert counts is not None
    assert counts["complete"] == 1


def test_a_run_of_more_series_than_its_record_holds_is_refused_before_anything_is_written() -> None:
    quotes = ("USDT", "BTC", "EUR")
    listed = tuple(Listing(f"A{n}{quote}", f"A{n}", quote, "TRADING") for quote in quotes for n in range(500))
    system = World({}, listings=listed)
    system.defaults = replace(system.defaults, intervals=tuple(Interval), quote_assets=quotes)
    said = "top_n: the run would have 10,500 series, and takes 10,000 at most; take fewer symbols, intervals or quote"
    for act in (
        lambda: system.start(top_n=500),
        lambda: plan_run(RunRequest("backward", top_n=500), system.defaults, system.run_ports(), system.candles),
    ):
        with pytest.raises(InvalidRequestError, match=said):
            act()
    assert (system.runs.runs(limit=1), system.leases.holder(system.clock.now())) == ([], None)
    assert len(system.start(top_n=476).series) == 476 * 3 * len(Interval) < SERIES_MOST
