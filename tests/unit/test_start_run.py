"""The start of a run: one at a time, written whole before anything is sent, and nothing at all where it is refused."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from candle_collector.collecting.control_run import cancel_run
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.collecting.start_run import start_run
from candle_collector.domain import dates
from candle_collector.domain.closing import CLOSE_MARGIN_MS
from candle_collector.domain.ids import new_run_id
from candle_collector.domain.run import Failure, Outcome, Run, RunSeries, RunSeriesRecord, RunState
from candle_collector.domain.universe import Listing
from candle_collector.domain.windows import Window
from candle_collector.errors import (
    CollectionInProgressError,
    CollectorError,
    CreationTooSlowError,
    ExchangeBlockedError,
    ExchangeRefusedError,
    ExchangeUnavailableError,
    InvalidRequestError,
    MarketUnavailableError,
    RefusedError,
    RunEndedError,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.clock import NOON
from tests.fakes.exchange import listing
from tests.fakes.world import Crash, World
from tests.hourly import HOUR, first_hour_of, hourly, ms_of_hour

NOW = first_hour_of("2025-06-01") + 12
CLOSED_MS = ms_of_hour(NOW) + 5 * 60_000 - CLOSE_MARGIN_MS
"""It is five past."""
TODAY = first_hour_of("2025-06-01")
START = first_hour_of("2025-05-01")
HOURS = range(START - 1000, NOW + 1)


def world(*symbols: str) -> World:
    system = World(dict.fromkeys(symbols or ("BTCUSDT", "ETHUSDT", "SOLUSDT"), HOURS))
    system.defaults = replace(system.defaults, collection_start=ms_of_hour(START))
    return system


def assert_nothing_started(system: World) -> None:
    assert system.runs.runs(limit=10) == []
    assert system.runs.open_runs() == []
    assert system.queue.sent == []
    assert system.leases.holder(system.clock.now()) is None


def refused(system: World, **request: Any) -> RefusedError:
    mode = request.pop("mode", "backward")
    with pytest.raises(RefusedError) as caught:
        start_run(RunRequest(mode, **request), system.defaults, system.run_ports())
    assert_nothing_started(system)
    return caught.value


def test_only_the_mode_is_mandatory() -> None:
    system = world()
    run = system.start()
    assert (run.start_ms, run.end_ms) == (ms_of_hour(START), ms_of_hour(TODAY))
    assert run.symbols == ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    assert [message.series.symbol for message, _ in system.queue.sent] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]


def test_every_symbol_is_pending_before_the_first_message_is_sent() -> None:
    system = world()
    written: list[tuple[int, RunState]] = []
    send = system.queue.enqueue

    def look_and_send(*args: Any, **options: Any) -> None:
        (run_id,) = system.runs.runs(limit=1)
        run = system.runs.get(run_id)
        assert run is not None
        written.append((len(system.runs.symbols(run_id)), run.state))
        send(*args, **options)

    system.queue.enqueue = look_and_send  # type: ignore[method-assign] # looks before it sends
    run = system.start()
    assert written == [(3, RunState.ACTIVE)]
    assert {record.outcome for record in system.runs.symbols(run.run_id)} == {Outcome.PENDING}


def test_an_end_that_has_not_closed_is_cut_and_the_cut_is_reported() -> None:
    run = world().start(end=NOW + 500)
    assert (run.end_ms, run.closed_ms, run.window(HOUR).end) == (HOUR.open_ms(NOW - 1) + 1, CLOSED_MS, NOW)
    assert run.note == "end_date was cut at 2025-06-01T11:00:00Z, the last closed candle"


def test_the_last_closed_hour_is_that_of_the_slower_clock() -> None:
    system = world()
    system.exchange.clock_offset_ms = -3_600_000 * 2
    assert system.start("forward").window(HOUR).end == NOW - 2
    system = world()
    system.exchange.clock_offset_ms = 3_600_000 * 2
    assert system.start("forward").window(HOUR).end == NOW


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"start": dates.start_of("2016-12-31")}, "start_date"),
        ({"end": dates.start_of("2016-12-31")}, "end_date"),
        ({"start": ms_of_hour(NOW + 1)}, "start_date"),
        ({"start": ms_of_hour(NOW)}, "start_date"),
        ({"start": ms_of_hour(NOW) - 1, "end": ms_of_hour(NOW + 5)}, "start_date"),
        ({"start": ms_of_hour(START + 5), "end": ms_of_hour(START + 5)}, "end_date"),
        ({"start": ms_of_hour(START + 5), "end": ms_of_hour(START)}, "end_date"),
        ({"end": ms_of_hour(START - 10)}, "end_date"),
        ({"symbols": ("BTCUSDT", "NOPEUSDT")}, "symbols"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_the_name_of_its_field(request_: dict[str, Any], field: str) -> None:
    error = refused(world(), **request_)
    assert isinstance(error, InvalidRequestError)
    assert error.field == field
    assert str(error).startswith(f"{field}: ")


def test_a_range_in_which_no_candle_opens_is_another_mistake_than_an_end_before_the_start() -> None:
    between = dates.start_of("2025-05-01T23:30:00Z"), dates.end_of("2025-05-01T23:45:00Z")
    assert "no candle opens from start_date to it" in str(refused(world(), start=between[0], end=between[1]))
    assert "is before start_date" in str(refused(world(), start=ms_of_hour(START + 5), end=ms_of_hour(START)))


@pytest.mark.parametrize(
    "failure",
    [
        ExchangeUnavailableError(Failure("unavailable", "down")),
        ExchangeRefusedError(Failure("refused", "another region", 451)),
        ExchangeBlockedError(Failure("blocked", "wait", 429), seconds=300),
    ],
)
def test_an_exchange_that_does_not_answer_starts_nothing(failure: Exception) -> None:
    system = world()
    system.exchange.market_error = failure
    error = refused(system)
    assert isinstance(error, MarketUnavailableError)
    system.exchange.market_error = None
    system.clock.advance(301)
    assert system.collect().counts


def test_while_the_rate_limiter_is_closed_the_exchange_is_not_asked() -> None:
    system = world()
    system.rate_limiter.block(300, Failure("blocked", "banned", 418), now=NOON, seen=None)
    assert isinstance(refused(system), MarketUnavailableError)
    assert system.exchange.market_asked == 0
    system.clock.advance(301)
    system.start()


def test_a_rate_limiter_that_a_person_had_to_open_is_tried_by_the_next_start() -> None:
    system = world()
    system.rate_limiter.refuse(NOON + timedelta(hours=5), Failure("refused", "another region", 451))
    system.start()
    assert system.rate_limiter.state().refused_until is None


def test_an_exchange_without_a_symbol_to_collect_starts_nothing() -> None:
    system = world()
    system.exchange.listings = (listing("BTCUSDT", "BREAK"),)
    assert isinstance(refused(system), MarketUnavailableError)


def test_a_second_start_is_refused_with_the_id_of_the_active_run() -> None:
    system = world()
    run = system.start()
    with pytest.raises(CollectionInProgressError) as caught:
        system.start()
    assert caught.value.run_id == run.run_id
    system.settle()
    assert system.start().run_id != run.run_id


def test_fifty_starts_at_once_make_one_run() -> None:
    system = world()

    def trigger(_: int) -> str:
        try:
            return system.start().run_id
        except CollectionInProgressError as busy:
            return f"busy {busy.run_id}"

    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(trigger, range(50)))
    (run_id,) = system.runs.runs(limit=10)
    assert sorted(answers) == sorted([run_id, *[f"busy {run_id}"] * 49])
    assert len(system.queue.sent) == 3


def test_an_occurrence_of_a_schedule_that_is_delivered_twice_starts_one_run() -> None:
    system = world()
    system.collect("forward", occurrence="forward#2025-06-01T12:05:00Z")
    request = RunRequest("forward", occurrence="forward#2025-06-01T12:05:00Z")
    assert start_run(request, system.defaults, system.run_ports()) is None
    assert len(system.runs.runs(limit=10)) == 1
    system.collect("forward", occurrence="forward#2025-06-01T18:05:00Z")


def test_two_deliveries_of_an_occurrence_that_both_saw_none_start_one_run() -> None:
    system = world()
    system.collect("forward", occurrence="twice")
    seen = iter([False, True])  # the other delivery looked a moment earlier
    system.runs.occurred = lambda _: next(seen)  # type: ignore[method-assign,assignment] # as said
    assert start_run(RunRequest("forward", occurrence="twice"), system.defaults, system.run_ports()) is None
    assert system.leases.holder(system.clock.now()) is None
    assert len(system.runs.runs(limit=10)) == 1


def test_an_occurrence_whose_run_never_started_may_start_again() -> None:
    system = world()
    activate = system.runs.activate

    def throttle(*_: object, **__: object) -> None:
        raise CollectorError("the runs table refused: throttled")

    system.runs.activate = throttle  # type: ignore[method-assign] # for one call
    with pytest.raises(CollectorError):
        system.start("forward", occurrence="forward#1")
    system.runs.activate = activate  # type: ignore[method-assign] # back again
    system.collect("forward", occurrence="forward#1")
    assert start_run(RunRequest("forward", occurrence="forward#1"), system.defaults, system.run_ports()) is None


def test_a_trigger_that_dies_before_its_run_is_active_is_in_nobodys_way_for_long() -> None:
    for step in range(1, 60):
        system = world()
        with contextlib.suppress(Crash):
            start_run(RunRequest("backward", ms_of_hour(START)), system.defaults, system.run_ports([step, 1]))
        active = [run for run in map(system.runs.get, system.runs.open_runs()) if run and run.state is RunState.ACTIVE]
        if active:
            assert system.leases.holder(system.clock.now()) == active[0].run_id
            return
        system.clock.advance(61)
        system.tend()
        assert system.start().run_id
    raise AssertionError("no step made the run active")


def test_a_run_over_its_time_keeps_others_from_starting_until_the_reconciler_has_closed_it() -> None:
    system = world()
    first = system.start()
    system.clock.advance(5 * 3600 + 3600)
    with pytest.raises(CollectionInProgressError):
        system.start()
    system.deliver()
    assert system.exchange.requested == []
    system.tend()
    assert system.ended(first.run_id).end_reason
    system.start()


def test_a_run_that_is_cancelled_while_it_is_written_leaves_nothing_pending() -> None:
    names = tuple(f"S{number}USDT" for number in range(60))
    system = world(*names)
    create = system.runs.create

    def creating(run: Run, records: Iterable[RunSeriesRecord]) -> None:
        def slowly() -> Iterator[RunSeriesRecord]:
            for number, record in enumerate(records):
                if number == 30:
                    cancel_run(run.run_id, system.closing_ports())
                yield record

        create(run, slowly())

    system.runs.create = creating  # type: ignore[method-assign] # for this run
    with pytest.raises(RunEndedError):
        system.start()
    (run_id,) = system.runs.runs(limit=5)
    system.tend()
    ended = system.ended(run_id)
    assert (ended.end_reason, len(system.runs.symbols(run_id))) == ("cancelled", 60)
    assert {record.outcome for record in system.runs.symbols(run_id)} == {Outcome.FAILED}


def test_a_slow_trigger_writes_no_symbol_that_the_reconciler_may_be_closing() -> None:
    names = tuple(f"S{number}USDT" for number in range(60))
    system = world(*names)
    create = system.runs.create

    def creating(run: Run, records: Iterable[RunSeriesRecord]) -> None:
        def slowly() -> Iterator[RunSeriesRecord]:
            for record in records:
                yield record
                system.clock.advance(2)

        create(run, slowly())

    system.runs.create = creating  # type: ignore[method-assign] # for this run
    with pytest.raises(CreationTooSlowError):
        system.start()
    system.tend()
    (run_id,) = system.runs.runs(limit=5)
    assert {record.outcome for record in system.runs.symbols(run_id)} == {Outcome.FAILED}


def test_messages_that_cannot_be_sent_are_left_to_the_reconciler() -> None:
    system = world()
    system.queue.refuse = True
    run = system.start()
    system.queue.refuse = False
    system.settle()
    counts = system.ended(run.run_id).counts
    assert counts is not None
    assert counts["complete"] == 3


def test_the_top_n_of_a_request_replaces_that_of_the_deployment() -> None:
    assert world().start(top_n=2).symbols == ("BTCUSDT", "ETHUSDT")


def test_the_ranking_of_a_day_is_kept_once_and_whole_however_small_the_run() -> None:
    system = world()
    system.collect(top_n=2)
    system.exchange.listings = system.exchange.listings[::-1]
    system.collect()
    ranked = system.universes.get("2025-06-01")
    assert [item["symbol"] for item in ranked["USDT"]] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]


def test_named_symbols_replace_the_universe_and_one_that_no_longer_trades_may_be_named() -> None:
    system = world()
    system.exchange.listings = (listing("BTCUSDT"), listing("OLDUSDT", "BREAK"))
    run = system.start(symbols=("OLDUSDT",))
    assert run.series == (RunSeries(hourly("OLDUSDT"), trading=False),)
    assert system.universes.get("2025-06-01") == {}


def test_forward_keeps_symbols_up_to_date_that_left_the_top_n_as_long_as_they_trade() -> None:
    system = world()
    system.collect()
    system.exchange.listings = (listing("SOLUSDT"), listing("ETHUSDT"), listing("BTCUSDT", "BREAK"))
    system.clock.advance(60)  # by then nobody takes the listings of before for new
    system.defaults = replace(system.defaults, top_n=1)
    # BTCUSDT too, until its delisting is proven
    assert system.collect("forward").symbols == ("SOLUSDT", "BTCUSDT", "ETHUSDT")
    assert system.collect("gap_fill").symbols == ("SOLUSDT", "BTCUSDT", "ETHUSDT")
    assert system.collect("backward").symbols == ("SOLUSDT",)
    system.defaults = replace(system.defaults, keep_stored=False)
    assert system.collect("forward").symbols == ("SOLUSDT",)


def test_gap_fill_reaches_back_before_the_collection_start_date() -> None:
    system = world("BTCUSDT")
    system.collect(start=START - 500)
    system.candles.remove(hourly("BTCUSDT"), (Window(START - 400, START - 399),))
    system.exchange.requested.clear()
    system.collect("gap_fill")
    assert len(system.exchange.requested) == 1


@given(st.integers(0, 2**40), st.integers(1, 2**40))
def test_run_ids_sort_by_time(earlier: int, gap: int) -> None:
    older = new_run_id(NOON + timedelta(milliseconds=earlier % 10**11))
    newer = new_run_id(NOON + timedelta(milliseconds=earlier % 10**11 + gap % 10**10 + 1))
    assert len(older) == len(newer) == 26
    assert older < newer


def test_a_run_says_what_it_left_out_and_what_is_suspect_and_the_day_keeps_the_reasons() -> None:
    names = ("USDCUSDT", "BTCUSDT", "NEWUSDT")
    system = World({name: range(START, START + 9) for name in names}, at_par=frozenset({"USDCUSDT", "NEWUSDT"}))
    run = system.start(start=START, end=START + 2)
    assert run.symbols == ("BTCUSDT", "NEWUSDT")
    assert run.note == (
        "left out of the top 2 in USDT: USDCUSDT (stablecoin); NEWUSDT traded within 1% of 1.00 USDT all day, "
        "as stablecoins do: EXCLUDED_BASE_ASSETS leaves out NEW if that is so"
    )
    (day,) = system.universes.days()
    assert [row.get("reason") for row in system.universes.get(day)["USDT"]] == [None, None, "stablecoin"]


def by_quotes(*more: Listing) -> World:
    system = world("BTCUSDT", "ETHUSDT", "ETHBTC", "SOLBTC", "BTCUSDC")
    system.exchange.listings = (
        listing("BTCUSDT"),
        listing("ETHUSDT"),
        Listing("ETHBTC", "ETH", "BTC", "TRADING"),
        Listing("SOLBTC", "SOL", "BTC", "TRADING"),
        Listing("BTCUSDC", "BTC", "USDC", "TRADING"),
        *more,
    )
    return system


def test_the_top_n_is_taken_in_each_quote_asset() -> None:
    system = by_quotes()
    system.defaults = replace(system.defaults, quote_assets=("BTC", "USDT"), top_n=1)
    assert system.collect().symbols == ("ETHBTC", "BTCUSDT")
    rankings = system.universes.get("2025-06-01")
    assert {quote: [row["symbol"] for row in ranking] for quote, ranking in rankings.items()} == {
        "BTC": ["ETHBTC", "SOLBTC"],
        "USDT": ["BTCUSDT", "ETHUSDT"],
    }


def test_the_quote_assets_of_a_request_replace_those_of_the_deployment_and_keep_no_other_from_the_day() -> None:
    system = by_quotes()
    assert system.collect(quote_assets=("USDC",)).symbols == ("BTCUSDC",)
    system.collect()
    assert list(system.universes.get("2025-06-01")) == ["USDC", "USDT"]


def test_what_was_collected_in_a_quote_asset_that_is_ranked_no_more_stays_and_is_kept_up_to_date() -> None:
    system = by_quotes()
    system.collect(quote_assets=("BTC",), start=START, end=START + 10)
    held = dict(system.candles.lines)
    run = system.collect("forward")
    assert run.symbols == ("BTCUSDT", "ETHUSDT", "ETHBTC", "SOLBTC")
    assert held.items() <= system.candles.lines.items()
    system.defaults = replace(system.defaults, keep_stored=False)
    assert system.collect("forward").symbols == ("BTCUSDT", "ETHUSDT")


def test_a_quote_asset_that_the_exchange_does_not_list_is_refused_where_a_request_names_it() -> None:
    error = refused(by_quotes(), quote_assets=("USDT", "USTD", "BTX"))
    assert str(error) == "quote_assets: the exchange lists nothing that trades against USTD, BTX"


def test_a_deployment_of_quote_assets_that_the_exchange_lost_goes_on_with_the_others_and_says_so() -> None:
    system = by_quotes(Listing("BTCBUSD", "BTC", "BUSD", "BREAK"))
    system.defaults = replace(system.defaults, quote_assets=("USDX", "BUSD", "USDT"))
    run = system.start()
    assert run.symbols == ("BTCUSDT", "ETHUSDT")
    assert run.note == (
        "nothing that could be taken trades against USDX; nothing that could be taken trades against BUSD"
    )
    assert list(system.universes.get("2025-06-01")) == ["USDT"]
    system = by_quotes()
    system.defaults = replace(system.defaults, quote_assets=("USDX",))
    assert str(refused(system)) == (
        "quote_assets: the exchange lists nothing that trades against USDX; "
        "QUOTE_ASSETS of this deployment names nothing else"
    )
