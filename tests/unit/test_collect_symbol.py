"""A worker's turn: what it asks, what it stores, and what it says of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from candle_collector.domain import windows
from candle_collector.domain.run import Failure, Outcome
from candle_collector.domain.symbol_message import SymbolMessage
from candle_collector.domain.windows import Window
from candle_collector.errors import (
    ExchangeBlockedError,
    ExchangeRefusedError,
    ExchangeUnavailableError,
    OutOfTimeError,
    SymbolRefusedError,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.exchange import Asked, listing
from tests.fakes.world import World

START, END = windows.first_hour_of("2025-01-01"), windows.first_hour_of("2025-04-01")
NOW = windows.first_hour_of("2025-06-01") + 12
LISTED = START - 24 * 400
SYMBOL = "BTCUSDT"


def world(holes: Iterable[int] = (), *, first: int = LISTED, last: int = NOW) -> World:
    """Return a world whose exchange has all hours but the holes."""
    return World({SYMBOL: frozenset(range(first, last + 1)) - frozenset(holes)})


def collected(here: World, start: int = START, end: int = END) -> World:
    """Return a world in which all is stored."""
    here.collect(start=start, end=end)
    here.exchange.asked.clear()
    here.candles.writes.clear()
    return here


def test_a_backward_run_stores_every_hour_of_its_range_and_no_other() -> None:
    here = world()
    run = here.collect(start=START, end=END)
    assert here.candles.hours(SYMBOL) == (Window(START, END),)
    here.assert_exact()
    record = here.record(run)
    assert (record.outcome, record.records, record.requests, record.retries) == (Outcome.COMPLETE, END - START, 3, 0)
    assert (record.missing, record.failure) == ((), None)
    assert (record.first, record.last) == (START, END - 1)
    assert run.counts == {"complete": 1, "partial": 0, "failed": 0, "skipped": 0, "records": END - START}


def test_what_is_covered_costs_no_request_and_no_write() -> None:
    here = collected(world())
    run = here.collect(start=START, end=END)
    assert here.record(run).outcome is Outcome.SKIPPED
    assert (here.exchange.asked, here.candles.writes) == ([], [])


def test_one_missing_hour_costs_one_request_and_one_write() -> None:
    here = collected(world())
    hour = START + 500
    here.candles.remove(SYMBOL, (Window(hour, hour + 1),))
    run = here.collect("gap_fill", start=START, end=END)
    assert here.exchange.asked == [Asked(SYMBOL, hour, 1)]
    assert here.candles.writes == [(SYMBOL, windows.day_of(hour))]
    assert (here.record(run).outcome, here.record(run).records) == (Outcome.COMPLETE, 1)
    assert here.candles.hours(SYMBOL) == (Window(START, END),)


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(START, START + 400), min_size=1, max_size=12))
def test_a_gap_fill_writes_no_item_but_those_that_lack_hours_and_asks_the_fewest_times(gone: set[int]) -> None:
    here = collected(world(), end=START + 401)
    here.candles.remove(SYMBOL, windows.from_hours(gone))
    run = here.collect("gap_fill")
    assert here.candles.hours(SYMBOL) == (Window(START, START + 401),)
    assert len(here.exchange.asked) == 1
    assert here.candles.writes == sorted((SYMBOL, day) for day in {windows.day_of(hour) for hour in gone})
    assert here.record(run).records == len(gone)


def test_days_are_written_once() -> None:
    here = world()
    here.collect(start=START, end=END)
    assert len(here.candles.writes) == len(set(here.candles.writes)) == 90


def test_hours_that_the_exchange_leaves_out_are_never_printed_and_not_asked_for_again() -> None:
    holes = [START + 30, START + 31, START + 700]
    here = world(holes)
    run = here.collect(start=START, end=END)
    assert here.record(run).outcome is Outcome.COMPLETE
    assert here.candles.never_printed(SYMBOL) == windows.from_hours(holes)
    here.exchange.asked.clear()
    for mode in ("backward", "gap_fill"):
        again = here.collect(mode, start=START, end=END)
        assert here.record(again).outcome is Outcome.SKIPPED
    assert here.exchange.asked == []


def test_a_recheck_asks_for_never_printed_hours_once_more_and_stores_what_came() -> None:
    holes = [START + 30, START + 31]
    here = collected(world(holes))
    here.exchange.print_also(SYMBOL, [START + 30])
    run = here.collect(start=START, end=END, recheck=True)
    assert here.exchange.asked == [Asked(SYMBOL, START + 30, 2)]
    assert (here.record(run).outcome, here.record(run).records) == (Outcome.COMPLETE, 1)
    assert here.candles.hours(SYMBOL) == windows.subtract((Window(START, END),), (Window(START + 31, START + 32),))
    here.exchange.asked.clear()
    here.collect(start=START, end=END)
    assert here.exchange.asked == []


def test_a_recheck_that_is_handed_on_ends() -> None:
    holes = list(range(START, END, 50))
    here = collected(world(holes))
    here.defaults = replace(here.defaults, batch_size=10)
    here.exchange.seconds = 1
    here.worker_seconds = 10
    run = here.collect(start=START, end=END, recheck=True)
    assert here.record(run).outcome is Outcome.COMPLETE
    assert len(here.exchange.asked) == len(holes)


def test_what_lies_before_the_listing_is_covered_by_one_request_and_an_earlier_start_asks_from_there() -> None:
    listed = START + 1500
    here = world(first=listed)
    run = here.collect(start=START, end=END)
    assert here.record(run).outcome is Outcome.COMPLETE
    assert here.record(run).records == END - listed
    assert here.series.get(SYMBOL).absent == Window(START, listed)
    assert here.series.get(SYMBOL).first == listed
    here.exchange.asked.clear()
    here.collect(start=START, end=END)
    assert here.exchange.asked == []
    here.collect(start=START - 100, end=END)
    assert here.exchange.asked == [Asked(SYMBOL, START - 100, 100)]
    assert here.series.get(SYMBOL).absent == Window(START - 100, listed)


def test_an_outage_at_an_early_start_is_not_taken_for_the_listing_for_good() -> None:
    here = world([START, START + 1])
    here.collect(start=START, end=END)
    run = here.collect(start=START - 48, end=END)
    assert here.record(run).outcome is Outcome.COMPLETE
    assert here.candles.hours(SYMBOL) == (Window(START - 48, START), Window(START + 2, END))
    assert here.candles.never_printed(SYMBOL) == (Window(START, START + 2),)
    assert here.series.get(SYMBOL).absent is None


def test_an_answer_that_reaches_over_such_an_outage_calls_it_never_printed() -> None:
    here = world([START, START + 1], first=START - 10)
    here.collect(start=START, end=END)
    here.exchange.asked.clear()
    run = here.collect(start=START - 48, end=END)
    assert here.record(run).outcome is Outcome.COMPLETE
    assert here.exchange.asked == [Asked(SYMBOL, START - 48, 48)]
    assert here.candles.never_printed(SYMBOL) == (Window(START, START + 2),)
    assert here.series.get(SYMBOL).absent == Window(START - 48, START - 10)


def test_a_young_hour_stays_missing_though_later_ones_came() -> None:
    here = world([NOW - 5])
    run = here.collect(start=START, end=NOW)
    record = here.record(run)
    assert record.outcome is Outcome.PARTIAL
    assert record.missing == (Window(NOW - 5, NOW - 4),)
    assert record.failure is not None
    assert record.failure.kind == "short_answer"
    here.clock.advance(86_400)
    later = here.collect(start=START, end=NOW)
    assert here.record(later).outcome is Outcome.COMPLETE
    assert here.candles.never_printed(SYMBOL) == (Window(NOW - 5, NOW - 4),)


def test_the_running_hour_is_never_stored() -> None:
    here = world()
    run = here.collect(start=NOW - 10, end=NOW + 48)
    assert run.end == NOW
    assert here.candles.hours(SYMBOL) == (Window(NOW - 10, NOW),)


def test_the_hours_after_a_delisting_are_covered_and_asked_for_when_it_trades_again() -> None:
    last = START + 100
    here = world(last=last)
    here.exchange.listings = (listing(SYMBOL, "BREAK"),)
    run = here.collect(start=START, end=END, symbols=(SYMBOL,))
    assert here.record(run).outcome is Outcome.COMPLETE
    delisted = here.series.get(SYMBOL).delisted
    assert delisted is not None
    assert delisted.start == last + 1
    here.exchange.asked.clear()
    assert here.record(here.collect(start=START, end=END, symbols=(SYMBOL,))).outcome is Outcome.SKIPPED
    assert here.exchange.asked == []
    here.exchange.listings = (listing(SYMBOL),)
    here.exchange.print_also(SYMBOL, range(START + 200, NOW + 1))
    run = here.collect(start=START, end=END, symbols=(SYMBOL,))
    assert here.record(run).outcome is Outcome.COMPLETE
    assert here.candles.hours(SYMBOL) == (Window(START, last + 1), Window(START + 200, END))
    assert here.candles.never_printed(SYMBOL) == (Window(last + 1, START + 200),)
    assert here.series.get(SYMBOL).delisted is None


@pytest.mark.parametrize("rows", [0, 1, 500], ids=["empty", "of one row", "half"])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_one_answer_that_is_short_by_fault_does_not_delist_a_symbol_in_break(at: int, rows: int) -> None:
    here = world(last=END + 100)
    here.exchange.listings = (listing(SYMBOL, "BREAK"),)

    def shorten(_: Asked) -> None:
        here.exchange.rows_most = rows if len(here.exchange.asked) == at else None

    here.exchange.before = shorten
    run = here.collect(start=START, end=END, symbols=(SYMBOL,))
    assert here.record(run).outcome is Outcome.COMPLETE
    assert here.candles.hours(SYMBOL) == (Window(START, END),)
    assert here.series.get(SYMBOL).delisted is None


def test_the_end_of_a_delisted_series_costs_two_answers_that_agree() -> None:
    here = world(last=START + 100)
    here.exchange.listings = (listing(SYMBOL, "BREAK"),)
    here.collect(start=START, end=END, symbols=(SYMBOL,))
    assert len(here.exchange.asked) == 2
    here = world(last=START - 100)
    here.exchange.listings = (listing(SYMBOL, "BREAK"),)
    run = here.collect(start=START, end=END, symbols=(SYMBOL,))
    assert here.record(run).outcome is Outcome.COMPLETE
    assert len(here.exchange.asked) == 2


def test_an_empty_answer_for_a_symbol_that_trades_proves_nothing() -> None:
    here = world(last=START + 100)
    run = here.collect(start=START, end=END)
    record = here.record(run)
    assert record.outcome is Outcome.PARTIAL
    assert record.missing == (Window(START + 101, END),)
    assert here.candles.never_printed(SYMBOL) == ()
    here.exchange.printed[SYMBOL] = frozenset()
    here.candles.remove(SYMBOL, (Window(START, END),))
    assert here.record(here.collect(start=START, end=END)).outcome is Outcome.FAILED


def test_short_answers_are_asked_on_until_all_is_there() -> None:
    here = world()
    here.exchange.rows_most = 400
    run = here.collect(start=START, end=END)
    assert here.record(run).outcome is Outcome.COMPLETE
    assert here.candles.hours(SYMBOL) == (Window(START, END),)
    assert here.candles.never_printed(SYMBOL) == ()


def test_what_an_answer_has_settled_beyond_its_window_is_not_asked_for() -> None:
    listed = END - 10
    here = world(first=listed)
    here.collect(start=START, end=END)
    assert len(here.exchange.asked) == 1


def test_a_window_that_fails_does_not_stop_the_others() -> None:
    here = world()
    failure = Failure("unavailable", "the exchange answered 503", 503, attempts=4)

    def fail(asked: Asked) -> None:
        if asked.start == START:
            raise ExchangeUnavailableError(failure)

    here.exchange.before = fail
    run = here.collect(start=START, end=END)
    record = here.record(run)
    assert record.outcome is Outcome.PARTIAL
    assert record.missing[0].start == START
    assert record.missing_hours == END - START - record.records
    assert record.failure == failure
    assert (record.requests, record.retries) == (6, 3)
    here.exchange.before = None
    assert here.record(here.collect(start=START, end=END)).outcome is Outcome.COMPLETE


def test_a_window_whose_attempts_are_used_up_is_not_asked_for_again_by_the_next_turn() -> None:
    here = world()
    here.worker_seconds = 5
    here.exchange.seconds = 3  # a turn has time for one answer

    def fail(asked: Asked) -> None:
        if asked.start == START:
            raise ExchangeUnavailableError(Failure("unavailable", "the exchange answered 503", 503, attempts=4))

    here.exchange.before = fail
    record = here.record(here.collect(start=START, end=END))
    assert record.turn > 1
    assert [asked.start for asked in here.exchange.asked].count(START) == 1
    assert record.outcome is Outcome.PARTIAL
    assert record.missing[0].start == START


def test_a_symbol_of_which_nothing_came_has_failed() -> None:
    here = world()

    def fail(_: Asked) -> None:
        raise ExchangeUnavailableError(Failure("unavailable", "no answer", attempts=4))

    here.exchange.before = fail
    run = here.collect(start=START, end=END)
    record = here.record(run)
    assert record.outcome is Outcome.FAILED
    assert record.missing == (Window(START, END),)
    assert len(here.exchange.asked) == 3
    assert (record.requests, record.retries, record.records) == (12, 9, 0)


def test_a_symbol_that_the_exchange_refuses_is_asked_once() -> None:
    here = world()
    failure = Failure("invalid_symbol", "Invalid symbol.", 400, -1121, 1)

    def refuse(_: Asked) -> None:
        raise SymbolRefusedError(failure)

    here.exchange.before = refuse
    run = here.collect(start=START, end=END)
    assert (here.record(run).outcome, here.record(run).failure) == (Outcome.FAILED, failure)
    assert len(here.exchange.asked) == 1


def test_an_exchange_that_refuses_us_is_asked_no_more_by_any_symbol() -> None:
    here = World({f"S{number:02}USDT": range(LISTED, NOW + 1) for number in range(20)})
    failure = Failure("refused", "another region", 451, 0, 1)

    def refuse(_: Asked) -> None:
        raise ExchangeRefusedError(failure)

    here.exchange.before = refuse
    run = here.collect(start=START, end=END)
    assert run.counts is not None
    assert run.counts["failed"] == 20
    assert len(here.exchange.asked) == 1
    messages = {record.failure.message for record in here.runs.symbols(run.run_id) if record.failure}
    assert messages == {"another region"}
    here.exchange.before = None
    again = here.collect(start=START, end=END)
    assert again.counts is not None
    assert again.counts["complete"] == 20


def test_a_ban_stops_all_asking_until_it_ends_and_uses_up_no_receive() -> None:
    here = World({f"S{number:02}USDT": range(LISTED, NOW + 1) for number in range(8)})
    until = here.clock.now() + timedelta(seconds=2000)
    bans: list[int] = []

    def ban(_: Asked) -> None:
        if here.clock.now() < until:
            bans.append(1)
            raise ExchangeBlockedError(Failure("blocked", "banned", 418, -1003, attempts=1), until)

    here.exchange.before = ban
    run = here.collect(start=START, end=END)
    assert run.counts is not None
    assert run.counts["complete"] == 8
    assert len(bans) == 1
    assert here.queue.dead == []
    assert max(delay for _, delay in here.queue.sent) <= 900
    here.assert_exact()


def test_a_ban_past_the_deadline_ends_the_run_at_once_naming_the_time() -> None:
    here = world()
    until = here.clock.now() + timedelta(days=3)

    def ban(_: Asked) -> None:
        raise ExchangeBlockedError(Failure("blocked", f"until {until}", 418, attempts=1), until)

    here.exchange.before = ban
    run = here.start(start=START, end=END)
    assert here.deliver()
    assert here.ended(run.run_id)
    failure = here.record(run).failure
    assert failure is not None
    assert failure.message == f"until {until}"


def test_a_turn_without_time_for_another_request_hands_the_rest_on() -> None:
    here = world()
    here.worker_seconds = 5
    here.exchange.seconds = 2
    run = here.collect(start=START, end=END)
    assert here.record(run).outcome is Outcome.COMPLETE
    assert len(here.exchange.asked) == 3
    assert [message.turn for message, _ in here.queue.sent] == [1, 2]
    assert here.record(run).resends == 0


def test_attempts_that_were_made_count_on_in_the_next_turn() -> None:
    here = world()
    made: list[int] = []
    exchange_candles = here.exchange.fetch_candles

    def candles(symbol: str, start: int, limit: int, *, attempts_made: int, until: float) -> object:
        made.append(attempts_made)
        if len(made) < 3:
            raise OutOfTimeError(Failure("unavailable", "503", 503, attempts=attempts_made + 1), wait=4)
        return exchange_candles(symbol, start, limit, attempts_made=attempts_made, until=until)

    here.exchange.fetch_candles = candles  # type: ignore[method-assign,assignment] # stands in for one method
    run = here.collect(start=START, end=END)
    record = here.record(run)
    assert made == [0, 1, 2, 0, 0]
    assert record.outcome is Outcome.COMPLETE
    assert (record.requests, record.retries) == (5, 2)
    assert [delay > 4 for _, delay in here.queue.sent] == [False, True, True]


def test_without_weight_a_turn_waits_for_the_next_minute_and_asks_nothing() -> None:
    here = world()
    here.exchange.weight_limit = 125  # listings take 100 of the 100 that are the share
    run = here.start(start=START, end=END)
    assert here.deliver()
    assert here.exchange.asked == []
    (_, delay) = here.queue.sent[-1]
    assert 0 < delay <= 75
    here.settle()
    assert here.record(run).outcome is Outcome.COMPLETE


def test_weight_that_the_exchange_counts_beyond_ours_is_told_to_all() -> None:
    here = world()
    here.exchange.used_weight = 4799
    here.start(start=START, end=END)
    here.deliver()
    assert here.rate_limiter.state().reserved == 4799


@pytest.mark.parametrize("deliveries", [1, 2, 3])
def test_a_message_that_is_delivered_again_does_nothing(deliveries: int) -> None:
    here = world()
    run = here.start(start=START, end=END)
    ((message, _),) = here.queue.sent
    here.work(message)
    asked, series, record = len(here.exchange.asked), here.series.get(SYMBOL), here.record(run)
    for _ in range(deliveries):
        here.work(message)
    assert len(here.exchange.asked) == asked
    assert here.series.get(SYMBOL) == series
    assert here.record(run) == record
    assert len(here.events.ended) == 1


def test_a_message_of_another_turn_or_of_nothing_known_does_nothing() -> None:
    here = world()
    run = here.start(start=START, end=END)
    for message in (
        SymbolMessage(run.run_id, SYMBOL, 0),
        SymbolMessage(run.run_id, SYMBOL, 2),
        SymbolMessage(run.run_id, "ETHUSDT", 1),
        SymbolMessage("01ARZ3NDEKTSV4RRFFQ69G5FAV", SYMBOL, 1),
    ):
        here.work(message)
    assert here.record(run).outcome is Outcome.PENDING
    assert here.exchange.asked == []


def test_two_deliveries_at_once_ask_once() -> None:
    here = world()
    run = here.start(start=START, end=END)
    ((message, _),) = here.queue.sent
    inside: list[int] = []

    def overlap(_: Asked) -> None:
        if not inside:
            inside.append(1)
            here.work(message)  # the other delivery, while the first is asking

    here.exchange.before = overlap
    here.work(message)
    assert len(here.exchange.asked) == 3
    assert here.record(run).outcome is Outcome.COMPLETE


def test_forward_asks_from_the_last_stored_candle_to_the_last_closed_hour() -> None:
    here = collected(world())
    here.candles.remove(SYMBOL, (Window(END - 100, END),))
    here.series.put(replace(here.series.get(SYMBOL), last=END - 101))
    run = here.collect("forward")
    assert here.exchange.asked[0] == Asked(SYMBOL, END - 100, 988)
    assert here.record(run).outcome is Outcome.COMPLETE
    assert here.candles.hours(SYMBOL) == (Window(START, NOW),)


def test_forward_writes_one_item_for_an_hour() -> None:
    here = collected(world(), end=NOW - 1)
    run = here.collect("forward")
    assert here.exchange.asked == [Asked(SYMBOL, NOW - 1, 1)]
    assert here.candles.writes == [(SYMBOL, windows.day_of(NOW - 1))]
    assert here.series.get(SYMBOL).last == NOW - 1
    assert here.record(run).records == 1


def test_forward_of_a_symbol_without_candles_starts_at_the_collection_start_date() -> None:
    here = world()
    here.defaults = replace(here.defaults, collection_start=START)
    here.collect("forward")
    assert here.candles.hours(SYMBOL) == (Window(START, NOW),)


def test_gap_fill_stays_between_the_first_and_the_last_stored_candle() -> None:
    here = collected(world())
    run = here.collect("gap_fill")
    assert here.exchange.asked == []
    assert here.record(run).range == Window(START, END)


def test_gap_fill_skips_a_symbol_with_nothing_stored() -> None:
    here = world()
    run = here.collect("gap_fill")
    assert here.record(run).outcome is Outcome.SKIPPED
    assert here.exchange.asked == []


def test_years_are_counted_from_what_is_stored_in_every_mode() -> None:
    here = world(first=windows.first_hour_of("2023-01-01"))
    here.collect(start=windows.first_hour_of("2023-12-30"), end=windows.first_hour_of("2024-01-03"))
    assert here.series.get(SYMBOL).years == {2023: 48, 2024: 48}
    here.clock.advance(-400 * 86_400)
    here.collect("forward")
    here.clock.advance(2 * 3600)
    here.collect("forward")
    assert here.series.get(SYMBOL).years == {
        year: windows.count(windows.clip(here.candles.hours(SYMBOL), windows.year_window(year)))
        for year in (2023, 2024)
    }


def test_a_year_is_counted_anew_after_candles_were_lost() -> None:
    here = collected(world())
    here.candles.remove(SYMBOL, (Window(START + 5, START + 10),))
    here.collect("gap_fill")
    assert here.series.get(SYMBOL).years == {2025: END - START}


def test_missing_windows_are_named_up_to_a_hundred_and_counted_whole() -> None:
    here = world(range(NOW - 23, NOW - 1, 2))
    record = here.record(here.collect(start=START, end=NOW))
    assert record.missing == tuple(Window(hour, hour + 1) for hour in range(NOW - 23, NOW - 1, 2))
    assert record.missing_hours == 11
