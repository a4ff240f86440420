"""A worker's turn: what it asks, what it stores, and what it says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.domain import windows
from candle_collector.domain.candle import Candle
from candle_collector.domain.coverage import Silence
from candle_collector.domain.failed_window import FailedWindow
from candle_collector.domain.progress import Revision
from candle_collector.domain.run import Failure, Mode, Outcome, RunSeriesRecord
from candle_collector.domain.series import Series
from candle_collector.domain.series_message import SeriesMessage
from candle_collector.domain.windows import Window
from candle_collector.errors import (
    ExchangeBlockedError,
    ExchangeError,
    ExchangeRefusedError,
    ExchangeUnavailableError,
    OutOfTimeError,
    SymbolRefusedError,
)
from candle_collector.ports import FetchedCandles
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.exchange import Asked, listing, synthetic_candle
from tests.fakes.stores import FakeCandleStore
from tests.fakes.world import AtOnce, World
from tests.hourly import HOUR, first_hour_of, format_hour, hourly, ms_of_hour, year_window

START, END = first_hour_of("2025-01-01"), first_hour_of("2025-04-01")
NOW = first_hour_of("2025-06-01") + 12
LISTED = START - 24 * 400
SYMBOL = "BTCUSDT"


def world(holes: Iterable[int] = (), *, first: int = LISTED, last: int = NOW) -> World:
    """Return a world whose exchange has all hours but the holes."""
    return World({SYMBOL: frozenset(range(first, last + 1)) - frozenset(holes)})


def collected(system: World, start: int = START, end: int = END) -> World:
    """Return a world in which all is stored."""
    system.collect(start=start, end=end)
    system.exchange.requested.clear()
    system.candles.writes.clear()
    return system


def test_a_backward_run_stores_every_hour_of_its_range_and_no_other() -> None:
    system = world()
    run = system.collect(start=START, end=END)
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, END),)
    system.assert_exact()
    record = system.record(run)
    assert (record.outcome, record.records, record.requests, record.retries) == (Outcome.COMPLETE, END - START, 3, 0)
    assert (record.missing, record.failure) == ((), None)
    assert (record.first, record.last) == (START, END - 1)
    assert run.counts == {"complete": 1, "partial": 0, "failed": 0, "skipped": 0, "records": END - START}


def test_what_is_covered_costs_no_request_and_no_write() -> None:
    system = collected(world())
    run = system.collect(start=START, end=END)
    assert system.record(run).outcome is Outcome.SKIPPED
    assert (system.exchange.requested, system.candles.writes) == ([], [])


def test_one_missing_hour_costs_one_request_and_one_write() -> None:
    system = collected(world())
    hour = START + 500
    system.candles.remove(hourly(SYMBOL), (Window(hour, hour + 1),))
    run = system.collect("gap_fill", start=START, end=END)
    assert system.exchange.requested == [Asked(SYMBOL, hour - 2, 3)]  # with the two candles before it
    assert system.candles.writes == [(hourly(SYMBOL), hour // HOUR.block_slots)]
    assert (system.record(run).outcome, system.record(run).records) == (Outcome.COMPLETE, 1)
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, END),)


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(START, START + 400), min_size=1, max_size=12))
def test_a_gap_fill_writes_no_item_but_those_that_lack_hours_and_asks_the_fewest_times(gone: set[int]) -> None:
    system = collected(world(), end=START + 401)
    system.candles.remove(hourly(SYMBOL), windows.from_slots(gone))
    run = system.collect("gap_fill")
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, START + 401),)
    # without its first candle, one row is asked for first, that which is then at its head
    assert len(system.exchange.requested) == (2 if START in gone and len(gone) > 1 else 1)
    assert set(system.candles.writes) == {(hourly(SYMBOL), hour // HOUR.block_slots) for hour in gone}
    assert len(system.candles.writes) - len(set(system.candles.writes)) <= (START in gone)
    assert system.record(run).records == len(gone)


def test_blocks_are_written_once() -> None:
    system = world()
    system.collect(start=START, end=END)
    assert len(system.candles.writes) == len(set(system.candles.writes)) == 46


def test_hours_that_the_exchange_leaves_out_are_never_printed_and_not_asked_for_again() -> None:
    holes = [START + 30, START + 31, START + 700]
    system = world(holes)
    run = system.collect(start=START, end=END)
    assert system.record(run).outcome is Outcome.COMPLETE
    assert system.candles.never_printed(hourly(SYMBOL)) == windows.from_slots(holes)
    system.exchange.requested.clear()
    for mode in ("backward", "gap_fill"):
        again = system.collect(mode, start=START, end=END)
        assert system.record(again).outcome is Outcome.SKIPPED
    assert system.exchange.requested == []


def test_a_recheck_asks_for_never_printed_candles_once_more_and_stores_what_came() -> None:
    holes = [START + 30, START + 31]
    system = collected(world(holes))
    system.exchange.print_also(SYMBOL, [START + 30])
    run = system.collect(start=START, end=END, recheck=True)
    assert system.exchange.requested == [Asked(SYMBOL, START + 28, 4)]
    assert (system.record(run).outcome, system.record(run).records) == (Outcome.COMPLETE, 1)
    assert system.candles.slots(hourly(SYMBOL)) == windows.subtract(
        (Window(START, END),), (Window(START + 31, START + 32),)
    )
    system.exchange.requested.clear()
    system.collect(start=START, end=END)
    assert system.exchange.requested == []


def test_a_recheck_that_is_requeued_ends() -> None:
    holes = list(range(START, END, 50))
    system = collected(world(holes))
    system.defaults = replace(system.defaults, batch_size=10)
    system.exchange.seconds = 1
    system.worker_seconds = 10
    run = system.collect(start=START, end=END, recheck=True)
    assert system.record(run).outcome is Outcome.COMPLETE
    assert len(system.exchange.requested) == len(holes)


def test_a_listing_inside_the_range_costs_one_request_more_and_an_earlier_start_one() -> None:
    listed = START + 1500
    system = world(first=listed)
    run = system.collect(start=START, end=END)
    assert system.record(run).outcome is Outcome.COMPLETE
    assert system.record(run).records == END - listed
    assert system.exchange.requested == [Asked(SYMBOL, START, 984), Asked(SYMBOL, START, 1)]
    assert system.series.get(hourly(SYMBOL)).absent == Window(START, listed)
    assert system.series.get(hourly(SYMBOL)).first == listed
    system.exchange.requested.clear()
    system.collect(start=START, end=END)
    assert system.exchange.requested == []
    system.collect(start=START - 100, end=END)
    assert system.exchange.requested == [Asked(SYMBOL, START - 100, 1)]
    assert system.series.get(hourly(SYMBOL)).absent == Window(START - 100, listed)


def test_an_outage_at_an_early_start_is_not_taken_for_the_listing_for_good() -> None:
    system = world([START, START + 1])
    system.collect(start=START, end=END)
    run = system.collect(start=START - 48, end=END)
    assert system.record(run).outcome is Outcome.COMPLETE
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START - 48, START), Window(START + 2, END))
    assert system.candles.never_printed(hourly(SYMBOL)) == (Window(START, START + 2),)
    assert system.series.get(hourly(SYMBOL)).absent is None


def test_an_answer_that_reaches_over_such_an_outage_calls_it_never_printed() -> None:
    system = world([START, START + 1], first=START - 10)
    system.collect(start=START, end=END)
    system.exchange.requested.clear()
    run = system.collect(start=START - 48, end=END)
    assert system.record(run).outcome is Outcome.COMPLETE
    assert system.exchange.requested == [
        Asked(SYMBOL, START - 48, 1),  # it brings the first candle
        Asked(SYMBOL, START - 48, 1),  # which is then the one behind the window
        Asked(SYMBOL, START - 10, 12),
    ]
    assert system.candles.never_printed(hourly(SYMBOL)) == (Window(START, START + 2),)
    assert system.series.get(hourly(SYMBOL)).absent == Window(START - 48, START - 10)


def test_a_young_hour_stays_missing_though_later_ones_came() -> None:
    system = world([NOW - 5])
    run = system.collect(start=START, end=NOW)
    record = system.record(run)
    assert record.outcome is Outcome.PARTIAL
    assert record.missing == (Window(NOW - 5, NOW - 4),)
    assert record.failure is not None
    assert record.failure.kind == "short_answer"
    system.clock.advance(86_400)
    later = system.collect(start=START, end=NOW)
    assert system.record(later).outcome is Outcome.COMPLETE
    assert system.candles.never_printed(hourly(SYMBOL)) == (Window(NOW - 5, NOW - 4),)


def test_the_running_hour_is_never_stored() -> None:
    system = world()
    run = system.collect(start=NOW - 10, end=NOW + 48)
    assert run.window(HOUR) == Window(NOW - 10, NOW)
    assert system.candles.slots(hourly(SYMBOL)) == (Window(NOW - 10, NOW),)


def test_the_hours_after_a_delisting_are_covered_and_asked_for_when_it_trades_again() -> None:
    last = START + 100
    system = world(last=last)
    system.exchange.listings = (listing(SYMBOL, "BREAK"),)
    run = system.collect(start=START, end=END, symbols=(SYMBOL,))
    assert system.record(run).outcome is Outcome.PARTIAL
    assert system.series.get(hourly(SYMBOL)).delisted is None
    run = system.collect(start=START, end=END, symbols=(SYMBOL,))
    assert system.record(run).outcome is Outcome.COMPLETE
    assert system.series.get(hourly(SYMBOL)).delisted == Window(last + 1, NOW - 24)
    system.exchange.requested.clear()
    assert system.record(system.collect(start=START, end=END, symbols=(SYMBOL,))).outcome is Outcome.SKIPPED
    assert system.exchange.requested == []
    system.exchange.listings = (listing(SYMBOL),)
    system.clock.advance(60)  # by then nobody takes the listings of before for new
    system.exchange.print_also(SYMBOL, range(START + 200, NOW + 1))
    run = system.collect(start=START, end=END, symbols=(SYMBOL,))
    assert system.record(run).outcome is Outcome.COMPLETE
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, last + 1), Window(START + 200, END))
    assert system.candles.never_printed(hourly(SYMBOL)) == (Window(last + 1, START + 200),)
    assert system.series.get(hourly(SYMBOL)).delisted is None


@pytest.mark.parametrize("rows", [0, 1, 500], ids=["empty", "of one row", "half"])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_one_answer_that_is_short_by_fault_does_not_delist_a_symbol_in_break(at: int, rows: int) -> None:
    """One that ends with a stored candle, or that has no row though none is stored, ends the asking for this run."""
    system = world(last=END + 100)
    system.exchange.listings = (listing(SYMBOL, "BREAK"),)

    def shorten(_: Asked) -> None:
        system.exchange.rows_most = rows if len(system.exchange.requested) == at else None

    system.exchange.before = shorten
    run = system.collect(start=START, end=END, symbols=(SYMBOL,))
    is_silent = (rows == 0 and at == 1) or (rows == 1 and at > 1)
    stored = (0, 984, 984 + 960)[at - 1] if is_silent else END - START
    expected = Outcome.COMPLETE if not is_silent else Outcome.PARTIAL if stored else Outcome.FAILED
    assert (system.record(run).outcome, system.record(run).records) == (expected, stored)
    assert system.series.get(hourly(SYMBOL)).delisted is None
    system.exchange.before, system.exchange.rows_most = None, None
    again = system.collect(start=START, end=END, symbols=(SYMBOL,))
    assert system.record(again).outcome is (Outcome.COMPLETE if is_silent else Outcome.SKIPPED)
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, END),)
    assert system.series.get(hourly(SYMBOL)).delisted is None
    assert system.series.get(hourly(SYMBOL)).silence is None


def test_the_end_of_a_delisted_series_is_proven_by_two_runs_that_hear_the_same() -> None:
    system = world(last=START + 100)
    system.exchange.listings = (listing(SYMBOL, "BREAK"),)
    run = system.collect(start=START, end=END, symbols=(SYMBOL,))
    assert (system.record(run).outcome, system.record(run).missing) == (
        Outcome.PARTIAL,
        (Window(START + 101, END),),
    )
    assert system.series.get(hourly(SYMBOL)).silence == Silence(Window(START + 101, NOW), run.run_id)
    run = system.collect(start=START, end=END, symbols=(SYMBOL,))
    assert (system.record(run).outcome, system.record(run).missing) == (Outcome.COMPLETE, ())
    assert system.exchange.requested == [
        Asked(SYMBOL, START, 984),
        Asked(SYMBOL, START + 99, 981),
        Asked(SYMBOL, START + 99, 981),
    ]
    run = system.collect(start=START, end=END, symbols=(SYMBOL,))
    assert (system.record(run).outcome, len(system.exchange.requested)) == (Outcome.SKIPPED, 3)


def test_what_follows_a_proven_delisting_is_settled_at_once() -> None:
    system = world(last=START + 100)
    system.exchange.listings = (listing(SYMBOL, "BREAK"),)
    for _ in range(2):
        system.collect(start=START, end=END, symbols=(SYMBOL,))
    assert system.series.get(hourly(SYMBOL)).delisted == Window(START + 101, NOW - 24)
    system.exchange.requested.clear()
    system.clock.advance(7 * 86_400)
    run = system.collect(start=START, end=NOW + 100, symbols=(SYMBOL,))
    assert system.record(run).outcome is Outcome.COMPLETE
    assert system.series.get(hourly(SYMBOL)).delisted == Window(START + 101, NOW + 6 * 24)
    assert len(system.exchange.requested) == 1


@pytest.mark.parametrize("batch_size", [1, 100, 1000])
@pytest.mark.parametrize("status", ["TRADING", "BREAK"])
def test_a_symbol_without_any_candle_is_asked_for_once_a_run_and_not_after_two(batch_size: int, status: str) -> None:
    system = world(last=START - 100)
    system.exchange.listings = (listing(SYMBOL, status),)
    system.defaults = replace(system.defaults, batch_size=batch_size)
    outcomes = []
    for _ in range(3):
        run = system.collect(start=START, end=END, symbols=(SYMBOL,))
        outcomes.append((system.record(run).outcome, len(system.exchange.requested)))
    assert outcomes == [(Outcome.FAILED, 1), (Outcome.COMPLETE, 2), (Outcome.SKIPPED, 2)]
    assert system.series.get(hourly(SYMBOL)).absent == Window(START, NOW - 24)
    assert system.candles.never_printed(hourly(SYMBOL)) == ()


def test_a_symbol_that_is_listed_after_all_is_collected_from_its_first_candle() -> None:
    system = world(first=NOW, last=NOW)
    system.exchange.printed[SYMBOL] = frozenset()
    for _ in range(2):
        system.collect(start=START, end=NOW, symbols=(SYMBOL,))
    system.exchange.print_also(SYMBOL, range(NOW + 5, NOW + 49))
    system.clock.advance(48 * 3600)
    run = system.collect(start=START, end=NOW + 48, symbols=(SYMBOL,))
    # nobody has proven yet that nothing came in the day before the second run
    assert system.candles.slots(hourly(SYMBOL)) == (Window(NOW + 5, NOW + 48),)
    assert system.record(run).outcome is Outcome.COMPLETE
    assert system.series.get(hourly(SYMBOL)).absent == Window(START, NOW + 5)
    assert system.series.get(hourly(SYMBOL)).silence is None


def test_answers_that_lack_the_last_hours_of_all_symbols_in_break_delist_none() -> None:
    """All symbols are in BREAK for an upgrade of the exchange, while its answers lack the last 30 hours."""
    system = world()
    system.exchange.listings = (listing(SYMBOL, "BREAK"),)
    served = system.exchange.printed[SYMBOL]
    system.exchange.printed[SYMBOL] = frozenset(hour for hour in served if hour < NOW - 30)
    run = system.collect(start=START, end=NOW, symbols=(SYMBOL,))
    assert system.record(run).missing == (Window(NOW - 30, NOW),)
    system.exchange.printed[SYMBOL] = served
    run = system.collect(start=START, end=NOW, symbols=(SYMBOL,))
    assert system.record(run).outcome is Outcome.COMPLETE
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, NOW),)
    assert system.series.get(hourly(SYMBOL)).delisted is None


def test_an_hour_of_a_delisted_symbol_younger_than_a_day_stays_missing() -> None:
    system = world(last=NOW - 31)
    system.exchange.listings = (listing(SYMBOL, "BREAK"),)
    for _ in range(3):
        run = system.collect(start=START, end=NOW, symbols=(SYMBOL,))
    assert system.series.get(hourly(SYMBOL)).delisted == Window(NOW - 30, NOW - 24)
    assert system.record(run).missing == (Window(NOW - 24, NOW),)


def test_an_empty_answer_for_a_symbol_that_trades_proves_nothing() -> None:
    system = world(last=START + 100)
    run = system.collect(start=START, end=END)
    record = system.record(run)
    assert record.outcome is Outcome.PARTIAL
    assert record.missing == (Window(START + 101, END),)
    assert system.candles.never_printed(hourly(SYMBOL)) == ()
    system.exchange.printed[SYMBOL] = frozenset()
    system.candles.remove(hourly(SYMBOL), (Window(START, END),))
    assert system.record(system.collect(start=START, end=END)).outcome is Outcome.FAILED


def test_short_answers_are_asked_on_until_all_is_there() -> None:
    system = world()
    system.exchange.rows_most = 400
    run = system.collect(start=START, end=END)
    assert system.record(run).outcome is Outcome.COMPLETE
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, END),)
    assert system.candles.never_printed(hourly(SYMBOL)) == ()


def test_what_an_answer_has_settled_beyond_its_window_is_not_asked_for() -> None:
    listed = END - 10
    system = world(first=listed)
    system.collect(start=START, end=END)
    assert system.exchange.requested == [Asked(SYMBOL, START, 984), Asked(SYMBOL, START, 1)]


def test_a_window_that_fails_does_not_stop_the_others() -> None:
    system = world()
    failure = Failure("unavailable", "the exchange answered 503", 503, attempts=4)

    def fail(requested: Asked) -> None:
        if requested.start == START:
            raise ExchangeUnavailableError(failure)

    system.exchange.before = fail
    run = system.collect(start=START, end=END)
    record = system.record(run)
    assert record.outcome is Outcome.PARTIAL
    assert record.missing[0].start == START
    assert record.missing_slots == END - START - record.records
    assert record.failure == failure
    assert (record.requests, record.retries) == (6, 3)
    assert record.attempts == 0  # each window has attempts of its own
    system.exchange.before = None
    assert system.record(system.collect(start=START, end=END)).outcome is Outcome.COMPLETE


def test_each_window_has_attempts_of_its_own() -> None:
    system = world()
    made: list[int] = []
    fetch = system.exchange.fetch_candles

    def fail_first(series: Series, start: int, limit: int, *, attempts_made: int, **options: Any) -> object:
        made.append(attempts_made)
        if len(made) == 1:
            raise OutOfTimeError(Failure("unavailable", "503", 503, attempts=attempts_made + 3), wait=4)
        if len(made) == 2:
            raise ExchangeUnavailableError(Failure("unavailable", "503", 503, attempts=attempts_made + 1))
        return fetch(series, start, limit, attempts_made=attempts_made, **options)

    system.exchange.fetch_candles = fail_first  # type: ignore[method-assign,assignment] # stands in for one method
    system.collect(start=START, end=END)
    assert made[:3] == [0, 3, 0]


def test_a_window_whose_attempts_are_used_up_is_not_asked_for_again_by_the_next_turn() -> None:
    system = world()
    system.worker_seconds = 5
    system.exchange.seconds = 3  # a turn has time for one answer

    def fail(requested: Asked) -> None:
        if requested.start == START:
            raise ExchangeUnavailableError(Failure("unavailable", "the exchange answered 503", 503, attempts=4))

    system.exchange.before = fail
    record = system.record(system.collect(start=START, end=END))
    assert record.turn > 1
    assert [requested.start for requested in system.exchange.requested].count(START) == 1
    assert record.outcome is Outcome.PARTIAL
    assert record.missing[0].start == START


def test_a_symbol_of_which_nothing_came_has_failed() -> None:
    system = world()

    def fail(_: Asked) -> None:
        raise ExchangeUnavailableError(Failure("unavailable", "no answer", attempts=4))

    system.exchange.before = fail
    run = system.collect(start=START, end=END)
    record = system.record(run)
    assert record.outcome is Outcome.FAILED
    assert record.missing == (Window(START, END),)
    assert len(system.exchange.requested) == 3
    assert (record.requests, record.retries, record.records) == (12, 9, 0)


def test_a_symbol_that_the_exchange_refuses_is_asked_once() -> None:
    system = world()
    failure = Failure("invalid_symbol", "Invalid symbol.", 400, -1121, 1)

    def refuse(_: Asked) -> None:
        raise SymbolRefusedError(failure)

    system.exchange.before = refuse
    run = system.collect(start=START, end=END)
    assert (system.record(run).outcome, system.record(run).failure) == (Outcome.FAILED, failure)
    assert len(system.exchange.requested) == 1


def test_an_exchange_that_refuses_us_is_asked_no_more_by_any_symbol() -> None:
    system = World({f"S{number:02}USDT": range(LISTED, NOW + 1) for number in range(20)})
    failure = Failure("refused", "another region", 451, 0, 1)

    def refuse(_: Asked) -> None:
        raise ExchangeRefusedError(failure)

    system.exchange.before = refuse
    run = system.collect(start=START, end=END)
    assert run.counts is not None
    assert run.counts["failed"] == 20
    assert len(system.exchange.requested) == 1
    messages = {record.failure.message for record in system.runs.symbols(run.run_id) if record.failure}
    assert messages == {"another region"}
    system.exchange.before = None
    again = system.collect(start=START, end=END)
    assert again.counts is not None
    assert again.counts["complete"] == 20


def test_a_ban_stops_all_asking_until_it_ends_and_uses_up_no_receive() -> None:
    system = World({f"S{number:02}USDT": range(LISTED, NOW + 1) for number in range(8)})
    until = system.clock.now() + timedelta(seconds=2000)
    bans: list[int] = []

    def ban(_: Asked) -> None:
        if system.clock.now() < until:
            bans.append(1)
            seconds = (until - system.clock.now()).total_seconds()
            raise ExchangeBlockedError(Failure("blocked", "banned", 418, -1003, attempts=1), seconds)

    system.exchange.before = ban
    run = system.collect(start=START, end=END)
    assert run.counts is not None
    assert run.counts["complete"] == 8
    assert len(bans) == 1
    assert system.queue.dead == []
    assert max(delay for _, delay in system.queue.sent) <= 900
    system.assert_exact()


def test_a_ban_past_the_deadline_ends_the_run_at_once_naming_the_time() -> None:
    system = world()
    message = f"until {system.clock.now() + timedelta(days=3)}"

    def ban(_: Asked) -> None:
        raise ExchangeBlockedError(Failure("blocked", message, 418, attempts=1), 3 * 86_400)

    system.exchange.before = ban
    run = system.start(start=START, end=END)
    assert system.deliver()
    assert system.ended(run.run_id)
    failure = system.record(run).failure
    assert failure is not None
    assert failure.message == message


def test_a_turn_without_time_for_another_request_requeues_the_rest() -> None:
    system = world()
    system.worker_seconds = 5
    system.exchange.seconds = 2
    run = system.collect(start=START, end=END)
    assert system.record(run).outcome is Outcome.COMPLETE
    assert len(system.exchange.requested) == 3
    assert [message.turn for message, _ in system.queue.sent] == [1, 2]
    assert system.record(run).resends == 0


def test_attempts_that_were_made_count_on_in_the_next_turn() -> None:
    system = world()
    made: list[int] = []
    exchange_candles = system.exchange.fetch_candles

    def candles(series: Series, start: int, limit: int, *, attempts_made: int, **options: Any) -> object:
        made.append(attempts_made)
        if len(made) < 3:
            raise OutOfTimeError(Failure("unavailable", "503", 503, attempts=attempts_made + 1), wait=4)
        return exchange_candles(series, start, limit, attempts_made=attempts_made, **options)

    system.exchange.fetch_candles = candles  # type: ignore[method-assign,assignment] # stands in for one method
    run = system.collect(start=START, end=END)
    record = system.record(run)
    assert made == [0, 1, 2, 0, 0]
    assert record.outcome is Outcome.COMPLETE
    assert (record.requests, record.retries) == (5, 2)
    assert [delay > 4 for _, delay in system.queue.sent] == [False, True, True]


def test_a_request_that_the_turns_end_cut_is_a_request_and_no_attempt_of_its_window() -> None:
    system = world()
    cut = OutOfTimeError(Failure("unavailable", "our own time ended"), wait=1, cut=True)
    errors = [cut]

    def end_of_the_turn(_: Asked) -> None:
        if errors:
            raise errors.pop()

    system.exchange.before = end_of_the_turn
    run = system.collect(start=START, end=END)
    record = system.record(run)
    assert record.outcome is Outcome.COMPLETE
    assert record.requests == len(system.exchange.requested)
    assert record.retries == 1


def test_an_hour_whose_row_is_wrong_each_time_is_missing_and_its_neighbours_are_stored() -> None:
    system = world()
    system.exchange.wrong_rows = {SYMBOL: {START + 3: "a price is zero"}}
    run = system.collect(start=START, end=END)
    record = system.record(run)
    assert record.outcome is Outcome.PARTIAL
    assert record.missing == (Window(START + 3, START + 4),)
    assert record.failure is not None
    assert record.failure.kind == "rejected_row"
    assert f"{format_hour(START + 3)}: a price is zero" in record.failure.message
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, START + 3), Window(START + 4, END))
    assert len(system.exchange.requested) == 3
    later = system.collect(start=START, end=END)
    assert (system.record(later).outcome, system.record(later).missing) == (Outcome.SKIPPED, ())
    assert len(system.exchange.requested) == 3


def test_a_recheck_asks_again_for_an_hour_whose_row_was_wrong() -> None:
    system = world()
    system.exchange.wrong_rows = {SYMBOL: {START + 3: "a price is zero"}}
    collected(system)
    run = system.collect(start=START, end=END, recheck=True)
    assert system.exchange.requested == [Asked(SYMBOL, START + 1, 3)]
    assert system.record(run).missing == (Window(START + 3, START + 4),)
    assert system.series.get(hourly(SYMBOL)).rejected == (
        FailedWindow(Window(START + 3, START + 4), 1, "a price is zero"),
    )
    system.exchange.wrong_rows = {}
    run = system.collect(start=START, end=END, recheck=True)
    assert (system.record(run).outcome, system.record(run).records) == (Outcome.COMPLETE, 1)
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, END),)
    assert system.series.get(hourly(SYMBOL)).rejected == ()


def test_a_wrong_row_is_named_whatever_befalls_the_requests_after_it() -> None:
    system = world()
    system.exchange.wrong_rows = {SYMBOL: {START + 3: "a price is zero"}}
    errors: list[ExchangeError] = [
        OutOfTimeError(Failure("unavailable", "our own time ended"), wait=1),
        ExchangeBlockedError(Failure("blocked", "429", 429, attempts=1), 5),
    ]

    def fail(_: Asked) -> None:
        if len(system.exchange.requested) > 1 and errors:
            raise errors.pop()

    system.exchange.before = fail
    record = system.record(system.collect(start=START, end=END))
    assert errors == []
    assert (record.outcome, record.missing) == (Outcome.PARTIAL, (Window(START + 3, START + 4),))
    assert record.failure is not None
    assert record.failure.kind == "rejected_row"


def test_hours_behind_a_wrong_row_are_asked_for_past_it() -> None:
    """A remembered wrong row takes one of the rows that are asked for, between the stored candles and the window."""
    system = world()
    system.exchange.wrong_rows = {SYMBOL: {START + 3: "a price is zero", START + 4: "a price is zero"}}
    system.collect(start=START, end=START + 5)
    system.exchange.requested.clear()
    system.defaults = replace(system.defaults, batch_size=1)
    run = system.collect(start=START, end=START + 7)
    assert system.record(run).outcome is Outcome.COMPLETE
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, START + 3), Window(START + 5, START + 7))
    assert system.exchange.requested == [Asked(SYMBOL, START + 1, 5), Asked(SYMBOL, START + 5, 2)]


@pytest.mark.parametrize("batch_size", [1, 1000])
def test_a_listing_whose_first_rows_are_wrong_is_proven_all_the_same(batch_size: int) -> None:
    system = world(first=START + 30)
    system.exchange.wrong_rows = {SYMBOL: {START + 30: "a price is zero", START + 31: "a price is zero"}}
    system.defaults = replace(system.defaults, batch_size=batch_size)
    run = system.collect(start=START, end=START + 40)
    if batch_size == 1:  # no stored candle vouches for the first answer, which has but a wrong row
        assert system.record(run).missing == (Window(START, START + 32),)
        assert [requested.start for requested in system.exchange.requested].count(START) == 1
        assert len(system.exchange.requested) == 10
        run = system.collect(start=START, end=START + 40)
        assert system.exchange.requested[-1] == Asked(SYMBOL, START, 3)
        assert (system.record(run).outcome, system.record(run).missing) == (Outcome.COMPLETE, ())
    else:
        assert system.record(run).missing == (Window(START + 30, START + 32),)
    assert system.series.get(hourly(SYMBOL)).absent == Window(START, START + 30)
    assert system.record(system.collect(start=START, end=START + 40)).outcome is Outcome.SKIPPED
    system.exchange.requested.clear()
    run = system.collect(start=START - 10, end=START + 40)
    assert system.record(run).outcome is Outcome.COMPLETE
    assert system.exchange.requested == [Asked(SYMBOL, START - 10, 3)]  # past both, to the first stored candle


def test_a_forward_run_that_passes_a_known_wrong_row_again_does_not_report_it_again() -> None:
    system = collected(world(), end=NOW - 2)
    system.exchange.wrong_rows = {SYMBOL: {NOW - 2: "a price is zero"}}
    run = system.collect("forward", end=NOW - 1)
    assert system.record(run).missing == (Window(NOW - 2, NOW - 1),)
    system.exchange.requested.clear()
    run = system.collect("forward")
    assert system.exchange.requested == [Asked(SYMBOL, NOW - 26, 26)]  # the wrong row takes one of them
    assert (system.record(run).outcome, system.record(run).missing) == (Outcome.COMPLETE, ())
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, NOW - 2), Window(NOW - 1, NOW))


def another(symbol: str, hour: int) -> Candle:
    """Return a candle of another symbol."""
    return synthetic_candle(f"{symbol}X", hour)


def differs(record: RunSeriesRecord) -> bool:
    return record.failure is not None and record.failure.kind == "differs"


def test_an_answer_about_another_symbol_is_refused_where_a_stored_candle_vouches_for_it() -> None:
    system = collected(world())
    system.exchange.candle = another
    run = system.collect(start=START, end=NOW)
    record = system.record(run)
    assert differs(record)
    assert (record.outcome, record.records) == (Outcome.FAILED, 0)
    assert record.missing == (Window(END, NOW),)
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, END),)
    # the windows after it would be asked for without a stored candle before them
    assert system.exchange.requested == [Asked(SYMBOL, END - 2, 986)] * 2
    system.exchange.candle = synthetic_candle
    assert system.record(system.collect(start=START, end=NOW)).outcome is Outcome.COMPLETE
    system.assert_exact()


def test_without_weight_a_turn_waits_for_the_next_minute_and_asks_nothing() -> None:
    system = world()
    system.exchange.weight_limit = 125  # listings take 100 of the 100 that are the share
    run = system.start(start=START, end=END)
    assert system.deliver()
    assert system.exchange.requested == []
    (_, delay) = system.queue.sent[-1]
    assert 0 < delay <= 75
    system.settle()
    assert system.record(run).outcome is Outcome.COMPLETE


def test_weight_that_the_exchange_counts_beyond_ours_is_reported_to_all() -> None:
    system = world()
    system.exchange.used_weight = 4799
    system.start(start=START, end=END)
    system.deliver()
    assert system.rate_limiter.state().reserved == 4799


@pytest.mark.parametrize("deliveries", [1, 2, 3])
def test_a_message_that_is_delivered_again_does_nothing(deliveries: int) -> None:
    system = world()
    run = system.start(start=START, end=END)
    ((message, _),) = system.queue.sent
    system.work(message)
    requested, series, record = len(system.exchange.requested), system.series.get(hourly(SYMBOL)), system.record(run)
    for _ in range(deliveries):
        system.work(message)
    assert len(system.exchange.requested) == requested
    assert system.series.get(hourly(SYMBOL)) == series
    assert system.record(run) == record
    assert len(system.events.ended) == 1


def test_a_message_of_another_turn_or_of_nothing_known_does_nothing() -> None:
    system = world()
    run = system.start(start=START, end=END)
    for message in (
        SeriesMessage(run.run_id, hourly(SYMBOL), 0),
        SeriesMessage(run.run_id, hourly(SYMBOL), 2),
        SeriesMessage(run.run_id, hourly("ETHUSDT"), 1),
        SeriesMessage("01ARZ3NDEKTSV4RRFFQ69G5FAV", hourly(SYMBOL), 1),
    ):
        system.work(message)
    assert system.record(run).outcome is Outcome.PENDING
    assert system.exchange.requested == []


def test_two_deliveries_at_once_ask_once() -> None:
    system = world()
    run = system.start(start=START, end=END)
    ((message, _),) = system.queue.sent
    inside: list[int] = []

    def overlap(_: Asked) -> None:
        if not inside:
            inside.append(1)
            system.work(message)  # the other delivery, while the first is asking

    system.exchange.before = overlap
    system.work(message)
    assert len(system.exchange.requested) == 3
    assert system.record(run).outcome is Outcome.COMPLETE


def test_forward_asks_from_the_last_stored_candle_to_the_last_closed_hour() -> None:
    system = collected(world())
    system.candles.remove(hourly(SYMBOL), (Window(END - 100, END),))
    system.series.put(replace(system.series.get(hourly(SYMBOL)), last=END - 101))
    run = system.collect("forward")
    assert system.exchange.requested[0] == Asked(SYMBOL, END - 124, 964)  # with the candles of a day before
    assert system.record(run).outcome is Outcome.COMPLETE
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, NOW),)


def test_forward_writes_one_item_for_an_hour() -> None:
    system = collected(world(), end=NOW - 1)
    run = system.collect("forward")
    assert system.exchange.requested == [Asked(SYMBOL, NOW - 25, 25)]
    assert system.candles.writes == [(hourly(SYMBOL), (NOW - 1) // HOUR.block_slots)]
    assert system.series.get(hourly(SYMBOL)).last == NOW - 1
    assert system.record(run).records == 1


def test_forward_of_a_symbol_without_candles_starts_at_the_collection_start_date() -> None:
    system = world()
    system.defaults = replace(system.defaults, collection_start=ms_of_hour(START))
    system.collect("forward")
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, NOW),)


def test_gap_fill_stays_between_the_first_and_the_last_stored_candle() -> None:
    system = collected(world())
    run = system.collect("gap_fill")
    assert system.exchange.requested == []
    assert system.record(run).range == Window(START, END)


def test_gap_fill_skips_a_symbol_with_nothing_stored() -> None:
    system = world()
    run = system.collect("gap_fill")
    assert system.record(run).outcome is Outcome.SKIPPED
    assert system.exchange.requested == []


def test_years_are_counted_from_what_is_stored_in_every_mode() -> None:
    system = world(first=first_hour_of("2023-01-01"))
    system.collect(start=first_hour_of("2023-12-30"), end=first_hour_of("2024-01-03"))
    assert system.series.get(hourly(SYMBOL)).years == {2023: 48, 2024: 48}
    system.clock.advance(-400 * 86_400)
    system.collect("forward")
    system.clock.advance(2 * 3600)
    system.collect("forward")
    assert system.series.get(hourly(SYMBOL)).years == {
        year: windows.count(windows.clip(system.candles.slots(hourly(SYMBOL)), year_window(year)))
        for year in (2023, 2024)
    }


def test_a_year_is_counted_again_after_candles_were_lost() -> None:
    system = collected(world())
    system.candles.remove(hourly(SYMBOL), (Window(START + 5, START + 10),))
    system.collect("gap_fill")
    assert system.series.get(hourly(SYMBOL)).years == {2025: END - START}


def test_missing_windows_are_named_up_to_a_hundred_and_counted_whole() -> None:
    system = world(range(NOW - 23, NOW - 1, 2))
    record = system.record(system.collect(start=START, end=NOW))
    assert record.missing == tuple(Window(hour, hour + 1) for hour in range(NOW - 23, NOW - 1, 2))
    assert record.missing_slots == 11


EVERY_ROW = 1_000_000


def shortened(system: World, cut: Callable[[tuple[int, ...], int], Sequence[int]], *, from_request: int = 1) -> None:
    """Let the exchange answer fewer rows, chosen by `cut` of all hours from the start on and the limit."""
    fetch = system.exchange.fetch_candles

    def fetch_candles(series: Series, start: int, limit: int, **options: Any) -> FetchedCandles:
        if len(system.exchange.requested) + 1 < from_request:
            return fetch(series, start, limit, **options)
        market, system.exchange.market = system.exchange.market, replace(BINANCE, rows_most=EVERY_ROW)
        answer = fetch(series, start, EVERY_ROW, **options)
        system.exchange.market = market
        system.exchange.requested[-1] = Asked(series.symbol, start, limit)
        kept = frozenset(cut(answer.slots, limit))
        candles = tuple(candle for candle in answer.candles if candle.slot in kept)
        return replace(answer, slots=tuple(slot for slot in answer.slots if slot in kept), candles=candles)

    system.exchange.fetch_candles = fetch_candles  # type: ignore[method-assign] # stands in for one method


def honest(system: World) -> None:
    del system.exchange.fetch_candles  # the class's own is there again


def test_an_exchange_that_ignores_where_to_start_proves_nothing_and_every_hour_comes_later() -> None:
    """It answers the newest rows, whatever is asked for."""
    system = world()
    shortened(system, lambda hours, limit: hours[-limit:])
    run = system.collect(start=START, end=NOW)
    record = system.record(run)
    assert record.outcome is Outcome.PARTIAL
    assert differs(record)
    newest = Window(NOW - 983, NOW)
    assert system.candles.slots(hourly(SYMBOL)) == (newest,)
    assert record.missing == (Window(START, NOW - 983),)
    assert (system.candles.never_printed(hourly(SYMBOL)), system.series.get(hourly(SYMBOL)).absent) == ((), None)
    assert system.exchange.requested == [Asked(SYMBOL, START, 984)] + [Asked(SYMBOL, START, 1)] * 2
    honest(system)
    assert system.record(system.collect(start=START, end=NOW)).outcome is Outcome.COMPLETE
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, NOW),)


def test_an_exchange_that_ignores_where_to_start_is_refused_where_candles_are_stored() -> None:
    system = collected(world())
    shortened(system, lambda hours, limit: hours[-limit:])
    run = system.collect(start=START, end=NOW)
    assert differs(system.record(run))
    assert (system.record(run).outcome, system.record(run).records) == (Outcome.FAILED, 0)
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, END),)
    assert system.exchange.requested == [Asked(SYMBOL, END - 2, 986)] * 2
    honest(system)
    assert system.record(system.collect(start=START, end=NOW)).outcome is Outcome.COMPLETE


def test_an_answer_that_is_cut_at_its_head_is_refused_and_asked_for_once_more() -> None:
    system = world()
    cuts = [500]

    def cut(hours: tuple[int, ...], limit: int) -> Sequence[int]:
        return hours[:limit][cuts.pop() if cuts else 0 :]

    shortened(system, cut, from_request=2)
    run = system.collect(start=START, end=END)
    record = system.record(run)
    assert (record.outcome, record.requests) == (Outcome.COMPLETE, 4)
    assert system.exchange.requested[1] == system.exchange.requested[2] == Asked(SYMBOL, START + 982, 962)
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, END),)
    assert system.candles.never_printed(hourly(SYMBOL)) == ()


def test_a_first_answer_that_is_cut_at_its_head_proves_nothing() -> None:
    system = world()
    cuts = [500]
    shortened(system, lambda hours, limit: hours[:limit][cuts.pop() if cuts else 0 :])
    run = system.collect(start=START, end=END)
    assert system.record(run).outcome is Outcome.COMPLETE
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, END),)
    assert (system.candles.never_printed(hourly(SYMBOL)), system.series.get(hourly(SYMBOL)).absent) == ((), None)


@pytest.mark.parametrize("prefetch", [None, AtOnce()])
def test_a_refused_answer_is_asked_for_once_more_over_turns_too(prefetch: Executor | None) -> None:
    """Turns have time for one request each: the second refusal is counted with that of the turn before."""
    system = collected(world())
    system.exchange.candle = another
    system.exchange.seconds, system.worker_seconds, system.prefetch = 2, 3.6, prefetch
    run = system.collect(start=START, end=NOW)
    assert differs(system.record(run))
    assert system.record(run).turn == 2
    assert system.exchange.requested == [Asked(SYMBOL, END - 2, 986)] * 2
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, END),)


def test_young_hours_that_are_left_out_are_asked_for_once_a_run_over_turns_too() -> None:
    """Turns have time for one request of one hour each: the same hour must not take all of them."""
    system = world([NOW - 5, NOW - 3])
    system.defaults = replace(system.defaults, batch_size=1)
    system.exchange.seconds, system.worker_seconds = 2, 3.6
    run = system.collect(start=NOW - 8, end=NOW)
    assert system.record(run).missing == (Window(NOW - 5, NOW - 4), Window(NOW - 3, NOW - 2))
    assert len(system.exchange.requested) == 6
    assert system.candles.slots(hourly(SYMBOL)) == (
        Window(NOW - 8, NOW - 5),
        Window(NOW - 4, NOW - 3),
        Window(NOW - 2, NOW),
    )


class Unreadable(FakeCandleStore):
    """A store that says which hours are stored, and reads none of their candles."""

    def candles(self, *_: Any, **__: Any) -> list[Candle]:
        """Return none."""
        return []


@pytest.mark.parametrize("batch_size", [1, 1000])
def test_stored_candles_that_cannot_be_read_vouch_for_nothing_and_the_run_ends(batch_size: int) -> None:
    system = collected(world([START + 30, START + 31]), end=START + 100)
    lines = system.candles.lines
    system.candles = Unreadable()
    system.candles.lines = lines
    system.defaults = replace(system.defaults, batch_size=batch_size)
    run = system.collect(start=START, end=START + 100)
    assert system.record(run).missing == (Window(START + 30, START + 32),)
    assert len(system.exchange.requested) == 1
    assert system.candles.never_printed(hourly(SYMBOL)) == ()


def revising(system: World, changed: Mapping[int, Mapping[str, Any]]) -> None:
    """Let the exchange have another value for some hours from now on."""
    system.exchange.candle = lambda symbol, hour: synthetic_candle(symbol, hour)._replace(**changed.get(hour, {}))


def test_a_last_candle_that_the_exchange_has_revised_is_replaced_by_the_next_forward_run_and_both_are_kept() -> None:
    system = world()
    revising(system, {NOW - 2: {"volume": "16", "trade_count": 4}})
    collected(system, end=NOW - 1)
    stored = system.exchange.candle(SYMBOL, NOW - 2)
    revising(system, {NOW - 2: {"volume": "36", "trade_count": 9}})
    offered = system.exchange.candle(SYMBOL, NOW - 2)
    run = system.collect("forward")
    assert system.record(run).outcome is Outcome.COMPLETE
    assert system.candles.candles(hourly(SYMBOL), Window(NOW - 2, NOW - 1), limit=1) == [offered]
    (revised,) = system.candles.revised(hourly(SYMBOL))
    assert (revised.revision, revised.run_id) == (Revision(stored, offered), run.run_id)
    system.assert_exact()
    system.collect("forward")
    assert len(system.candles.revised(hourly(SYMBOL))) == 1


@pytest.mark.parametrize("hours_ago", [3, 25])
def test_a_forward_run_looks_at_the_last_day_of_candles(hours_ago: int) -> None:
    system = collected(world(), end=NOW - 1)
    revising(system, {NOW - hours_ago: {"volume": "36", "trade_count": 9}})
    system.collect("forward")
    assert [item.revision.stored.slot for item in system.candles.revised(hourly(SYMBOL))] == [NOW - hours_ago]
    system = collected(world(), end=NOW - 1)
    revising(system, {NOW - 26: {"volume": "36", "trade_count": 9}})
    system.collect("forward")
    assert system.candles.revised(hourly(SYMBOL)) == []


def test_a_staler_candle_replaces_nothing() -> None:
    system = collected(world(), end=NOW - 1)
    revising(system, {NOW - 2: {"volume": "3", "trade_count": 6}})
    run = system.collect("forward")
    assert system.record(run).outcome is Outcome.COMPLETE
    assert system.candles.revised(hourly(SYMBOL)) == []
    assert system.candles.candles(hourly(SYMBOL), Window(NOW - 2, NOW - 1), limit=1) == [
        synthetic_candle(SYMBOL, NOW - 2)
    ]


def test_no_candle_is_replaced_where_none_that_was_asked_for_with_it_is_equal() -> None:
    system = collected(world(), end=NOW - 1)
    revising(system, {hour: {"trade_count": 9} for hour in range(NOW - 30, NOW)})
    for _ in range(2):  # of a series with older candles, two runs that hear the same prove nothing either
        run = system.collect("forward")
        assert differs(system.record(run))
        assert (system.candles.revised(hourly(SYMBOL)), system.record(run).records) == ([], 0)
    assert system.candles.last_slot(hourly(SYMBOL)) == NOW - 2


@pytest.mark.parametrize("hours", [1, 2, 3, 20])
def test_candles_of_a_new_symbol_that_were_all_revised_are_replaced_when_two_runs_hear_it(
    hours: int,
) -> None:
    """The first candles of a listing are corrected after their close (python-binance#1246)."""
    system = World({SYMBOL: range(NOW - hours, NOW + 200)})
    system.defaults = replace(system.defaults, collection_start=ms_of_hour(NOW - 200))
    system.collect("forward")
    revising(system, {hour: {"trade_count": 9} for hour in range(NOW - hours, NOW)})
    system.clock.advance(6 * 3600)
    first = system.collect("forward")
    assert differs(system.record(first))
    assert system.candles.revised(hourly(SYMBOL)) == []
    system.clock.advance(6 * 3600)
    second = system.collect("forward")
    assert (system.record(second).outcome, system.record(second).records) == (Outcome.COMPLETE, 12)
    assert len(system.candles.revised(hourly(SYMBOL))) == hours
    assert system.series.get(hourly(SYMBOL)).disputed is None
    system.assert_exact()


def test_an_answer_that_lacks_a_stored_candle_of_a_new_symbol_revises_none_of_the_others() -> None:
    system = World({SYMBOL: range(NOW - 3, NOW + 200)})
    system.defaults = replace(system.defaults, collection_start=ms_of_hour(NOW - 200))
    system.collect("forward")
    system.exchange.printed[SYMBOL] = frozenset(range(NOW - 2, NOW + 200))
    revising(system, {hour: {"trade_count": 9} for hour in range(NOW - 2, NOW)})
    for _ in range(2):
        system.clock.advance(6 * 3600)
        assert differs(system.record(system.collect("forward")))
    assert system.candles.revised(hourly(SYMBOL)) == []


def test_other_values_that_a_second_run_does_not_hear_again_replace_nothing() -> None:
    system = World({SYMBOL: range(NOW - 2, NOW + 200)})
    system.defaults = replace(system.defaults, collection_start=ms_of_hour(NOW - 200))
    system.collect("forward")
    for trades in (9, 10):
        revising(system, {hour: {"trade_count": trades} for hour in range(NOW - 2, NOW)})
        system.clock.advance(6 * 3600)
        assert differs(system.record(system.collect("forward")))
    assert system.candles.revised(hourly(SYMBOL)) == []
    system.exchange.candle = synthetic_candle
    system.clock.advance(6 * 3600)
    assert system.record(system.collect("forward")).outcome is Outcome.COMPLETE


@pytest.mark.parametrize("mode", ["backward", "gap_fill"])
def test_other_modes_replace_nothing(mode: Mode) -> None:
    system = collected(world(), end=NOW - 1)
    system.candles.remove(hourly(SYMBOL), (Window(NOW - 5, NOW - 4),))
    revising(system, {NOW - 7: {"trade_count": 9}})
    run = system.collect(mode, start=START, end=NOW - 1)
    assert system.exchange.requested == [Asked(SYMBOL, NOW - 7, 3)]
    assert system.record(run).outcome is Outcome.COMPLETE
    assert system.candles.revised(hourly(SYMBOL)) == []
    assert system.candles.candles(hourly(SYMBOL), Window(NOW - 7, NOW - 6), limit=1) == [
        synthetic_candle(SYMBOL, NOW - 7)
    ]
