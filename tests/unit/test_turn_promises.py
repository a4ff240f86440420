"""What a symbol's turn and the end of a run promise where something comes between."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from candle_collector.collecting.budget import WeightBudget
from candle_collector.collecting.control_run import cancel_run, retry_run
from candle_collector.collecting.end_run import end_run
from candle_collector.collecting.exchange_time import ExchangeTime
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.collecting.start_run import start_run
from candle_collector.collecting.symbol_requests import FINISH_SECONDS
from candle_collector.domain import windows
from candle_collector.domain.candle import Candle
from candle_collector.domain.failed_window import FailedWindow
from candle_collector.domain.run import MAX_RESENDS, Failure, Outcome, Run, RunSeriesRecord, RunState
from candle_collector.domain.series import Series
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.weight_limit import WeightLimit
from candle_collector.domain.windows import Window
from candle_collector.errors import (
    CollectionInProgressError,
    CollectorError,
    CreationTooSlowError,
    ExchangeBlockedError,
    ExchangeUnavailableError,
    InvalidRequestError,
    OutOfTimeError,
)
from candle_collector.ports import Revised, StoredBlocks

from tests.fakes.clock import NOON
from tests.fakes.exchange import Asked, listing, synthetic_candle
from tests.fakes.world import CLAIM_SECONDS, VISIBILITY, Crash, World
from tests.hourly import first_hour_of, hourly, ms_of_hour

SYMBOL = "BTCUSDT"
START = first_hour_of("2025-05-01")
END = START + 48
NOW = first_hour_of("2025-06-01") + 12


def world(*, last: int = NOW, holes: Iterable[int] = (), batch_size: int = 1000) -> World:
    """Return a world whose exchange has all hours but the holes."""
    system = World({SYMBOL: frozenset(range(START - 100, last + 1)) - frozenset(holes)})
    system.defaults = replace(system.defaults, batch_size=batch_size, collection_start=ms_of_hour(START))
    return system


def collected(system: World, end: int) -> World:
    """Return the world with its first hours stored."""
    system.collect(start=START, end=end)
    system.exchange.requested.clear()
    return system


def unavailable(_: Asked) -> None:
    raise ExchangeUnavailableError(Failure("unavailable", "503", 503, attempts=4))


def other(symbol: str, hour: int) -> Candle:
    """Return the candle of another symbol."""
    return synthetic_candle(symbol, hour)._replace(close="101", trade_count=8)


# claims


def test_a_symbol_is_sent_again_five_times_at_most() -> None:
    assert MAX_RESENDS == 5


def test_a_claim_is_over_at_its_end() -> None:
    record = RunSeriesRecord("run", hourly(SYMBOL), claimed_until=NOON)
    assert record.is_claimed(NOON - timedelta(seconds=1))
    assert not record.is_claimed(NOON)


@pytest.mark.parametrize("step", ["before candles are stored", "before the record is written", "before a revision"])
def test_a_worker_that_was_held_up_for_longer_than_its_claim_writes_nothing(step: str) -> None:
    system = collected(world(), NOW - 2)
    before = system.series.get(hourly(SYMBOL))
    candles, exchange = system.candles, system.exchange
    port, name = {
        "before candles are stored": (candles, "store"),
        "before the record is written": (candles, "store"),
        "before a revision": (candles, "revise"),
    }[step]
    if step == "before a revision":
        exchange.candle = lambda symbol, hour: (other if hour == NOW - 3 else synthetic_candle)(symbol, hour)
    work = getattr(port, name)

    def hold_up(*args: Any, **options: Any) -> None:
        if step == "before the record is written":
            work(*args, **options)
        system.clock.advance(CLAIM_SECONDS)
        if step != "before the record is written":
            work(*args, **options)

    setattr(port, name, hold_up)
    run = system.start("forward")
    system.worker_seconds = 10 * CLAIM_SECONDS
    system.deliver()
    assert system.series.get(hourly(SYMBOL)).revision == before.revision
    stored = (Window(START, NOW),) if step == "before the record is written" else (Window(START, NOW - 2),)
    assert candles.slots(hourly(SYMBOL)) == stored
    assert candles.revised(hourly(SYMBOL)) == []
    setattr(port, name, work)
    exchange.candle = synthetic_candle
    system.settle()
    assert (system.record(run).outcome, system.record(run).records) == (Outcome.COMPLETE, 2)


def test_a_worker_does_not_write_a_series_over_what_another_process_has_written() -> None:
    system = world()
    run = system.start(start=START, end=END)
    store = system.candles.store

    def meanwhile(*args: Any, **options: Any) -> None:
        store(*args, **options)
        system.series.overwrite(replace(system.series.get(hourly(SYMBOL)), absent=Window(START - 500, START - 100)))

    system.candles.store = meanwhile  # type: ignore[method-assign] # another process writes in between
    system.deliver()
    assert system.series.get(hourly(SYMBOL)).absent == Window(START - 500, START - 100)
    assert system.record(run).outcome is Outcome.RUNNING


def test_a_symbol_of_which_nothing_was_heard_has_a_record_all_the_same() -> None:
    system = world()
    system.exchange.before = unavailable
    system.collect(start=START, end=END)
    assert system.series.get(hourly(SYMBOL)).revision is not None
    system.exchange.printed["NEWUSDT"] = frozenset()
    system.exchange.listings += (listing("NEWUSDT"),)
    system.clock.advance(61)
    system.collect("gap_fill", symbols=("NEWUSDT",))
    assert [series.symbol for series in system.series.all()] == [SYMBOL, "NEWUSDT"]


@pytest.mark.parametrize("first", [["stored"], ["revised", "stored"]], ids=" and ".join)
def test_the_record_is_written_once_for_each_answer_and_speaks_of_what_is_stored(first: list[str]) -> None:
    system = collected(world(batch_size=24), NOW - 60)
    if "revised" in first:
        system.exchange.candle = lambda symbol, hour: (other if hour == NOW - 61 else synthetic_candle)(symbol, hour)
    run = system.start("forward")
    put, store, revise = system.runs.put_symbol, system.candles.store, system.candles.revise
    steps: list[str] = []
    before = windows.count(system.candles.slots(hourly(SYMBOL)))

    def saved(record: RunSeriesRecord, **options: Any) -> RunSeriesRecord:
        stored = windows.count(system.candles.slots(hourly(SYMBOL)))
        assert record.records == stored - before
        assert record.requests == len(system.exchange.requested)
        steps.append("ended" if not record.outcome.open else "saved")
        return put(record, **options)

    def noting(name: str, work: Any) -> Any:
        def done(*args: Any, **options: Any) -> None:
            steps.append(name)
            work(*args, **options)

        return done

    system.runs.put_symbol = saved  # type: ignore[method-assign] # the same, and looks
    system.candles.store = noting("stored", store)  # type: ignore[method-assign] # the same
    system.candles.revise = noting("revised", revise)  # type: ignore[method-assign] # the same
    system.deliver()
    assert system.record(run).outcome is Outcome.COMPLETE
    assert steps == ["saved", "saved", *first, "saved", "stored", "saved", "stored", "ended"]


def test_coverage_is_written_where_a_turn_ends_and_by_whoever_holds_the_symbol_alone() -> None:
    system = world(batch_size=24)
    system.exchange.seconds, system.worker_seconds = 4, 5  # a window a turn
    run = system.start(start=START, end=END)
    turns = 0
    while system.deliver():
        turns += 1
        assert system.candles.unfinished == set()
    assert (turns, system.record(run).outcome) == (2, Outcome.COMPLETE)
    store = system.candles.store

    def hold_up(*args: Any, **options: Any) -> None:
        store(*args, **options)
        system.clock.advance(CLAIM_SECONDS)

    system.candles.store = hold_up  # type: ignore[method-assign] # the same, and takes its time
    system.start(start=END, end=END + 24)
    system.deliver()
    assert system.candles.unfinished == {hourly(SYMBOL)}


# stopped runs


def test_a_worker_that_is_asked_to_stop_asks_for_nothing_more() -> None:
    system = world(batch_size=24)
    run = system.start(start=START, end=END)
    system.exchange.before = lambda _: system.runs.stop_symbol(run.run_id, hourly(SYMBOL))
    system.deliver()
    record = system.record(run)
    assert (len(system.exchange.requested), record.outcome, record.records) == (1, Outcome.PARTIAL, 24)
    assert record.failure is not None
    assert record.failure.kind == "cancelled"


def test_a_worker_whose_run_comes_to_its_deadline_asks_for_nothing_more() -> None:
    system = world(batch_size=24)
    run = system.start(start=START, end=END)
    system.clock.advance(5 * 3600 - 1)
    system.exchange.seconds = 2
    system.deliver()
    record = system.record(run)
    assert (len(system.exchange.requested), record.outcome, record.records) == (1, Outcome.PARTIAL, 24)
    assert record.failure is not None
    assert record.failure.kind == "deadline"


def test_a_held_symbol_keeps_its_run_active_until_its_worker_has_ended_it() -> None:
    system = world(batch_size=24)
    run = system.start(start=START, end=END)
    states: list[RunState] = []
    system.exchange.before = lambda _: states.append(cancel_run(run.run_id, system.closing_ports()).state)
    system.deliver()
    assert states == [RunState.ACTIVE]
    assert system.record(run).closed_by is None
    assert system.ended(run.run_id).counts == {"complete": 0, "partial": 1, "failed": 0, "skipped": 0, "records": 24}


def test_an_outcome_that_a_worker_wrote_is_not_written_over_by_a_cancel() -> None:
    system = world()
    run = system.start(start=START, end=END)
    coverage = system.candles.coverage

    def finish(series: Series, within: Window) -> StoredBlocks:
        system.candles.coverage = coverage  # type: ignore[method-assign] # once
        found = coverage(series, within)
        assert system.deliver()
        return found

    system.candles.coverage = finish  # type: ignore[method-assign] # between the cancel's read and write
    assert cancel_run(run.run_id, system.closing_ports()).state is RunState.ENDED
    assert system.record(run).closed_by is None
    assert len(system.events.ended) == 1


def test_a_symbol_that_is_listed_again_and_closed_before_it_is_asked_for_lacks_its_new_hours() -> None:
    system = collected(world(), END)
    system.series.overwrite(replace(system.series.get(hourly(SYMBOL)), delisted=Window(END, NOW)))
    run = system.start("backward", start=START, end=NOW)
    cancel_run(run.run_id, system.closing_ports())
    record = system.record(run)
    assert (record.outcome, record.missing) == (Outcome.FAILED, (Window(END, NOW),))


def test_a_symbol_that_is_listed_again_is_asked_for_behind_its_delisting() -> None:
    system = collected(world(), END)
    system.series.overwrite(replace(system.series.get(hourly(SYMBOL)), delisted=Window(END, NOW)))
    assert system.record(system.collect(start=START, end=NOW)).outcome is Outcome.COMPLETE
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, NOW),)


def died_before_it_noted_what_it_stored(system: World) -> Run:
    """Return a run whose worker has stored the first 24 hours, and died before its record said so."""
    run = system.start(start=START, end=END)
    store = system.candles.store

    def die(*args: Any, **options: Any) -> None:
        store(*args, **options)
        raise Crash

    system.candles.store = die  # type: ignore[method-assign] # dies
    with pytest.raises(Crash):
        system.deliver()
    system.candles.store = store  # type: ignore[method-assign] # the others live
    assert (system.record(run).records, system.candles.slots(hourly(SYMBOL))) == (0, (Window(START, START + 24),))
    return run


def test_a_symbol_is_closed_by_what_is_stored_and_not_by_what_its_dead_worker_had_noted() -> None:
    system = world(batch_size=24)
    run = died_before_it_noted_what_it_stored(system)
    system.clock.advance(CLAIM_SECONDS)
    cancel_run(run.run_id, system.closing_ports())
    record = system.record(run)
    assert (record.outcome, record.records, record.missing) == (Outcome.PARTIAL, 24, (Window(START + 24, END),))


def test_a_worker_that_ends_a_stopped_symbol_counts_what_a_dead_one_had_stored() -> None:
    system = world(batch_size=24)
    run = died_before_it_noted_what_it_stored(system)
    assert cancel_run(run.run_id, system.closing_ports()).state is RunState.ACTIVE  # the dead one may hold it
    system.clock.advance(VISIBILITY.total_seconds())
    system.deliver()
    record = system.record(run)
    assert (record.closed_by, len(system.exchange.requested)) == (None, 1)
    assert (record.outcome, record.records, record.missing) == (Outcome.PARTIAL, 24, (Window(START + 24, END),))
    assert system.ended(run.run_id).counts == {"complete": 0, "partial": 1, "failed": 0, "skipped": 0, "records": 24}


def test_a_symbol_that_is_given_up_says_why_the_exchange_failed() -> None:
    system = world()
    run = system.start(start=START, end=END)
    system.queue.entries.clear()
    failure = Failure("unavailable", "503", 503)
    wrong = (Window(START + 3, START + 4),)
    system.runs.put_symbol(replace(system.record(run), failure=failure, resends=MAX_RESENDS, rejected=wrong))
    system.series.overwrite(SeriesRecord(hourly(SYMBOL)).rejecting({START + 3: "a price is zero"}, ()))
    system.clock.advance(2 * VISIBILITY.total_seconds())
    assert system.tend().closed == 1
    record = system.record(run)
    assert (record.failure, record.missing) == (failure, (Window(START, END),))


# ends


def test_an_end_whose_last_step_was_lost_is_done_by_the_message() -> None:
    system = world()
    run = system.start(start=START, end=END)
    ((message, _),) = system.queue.sent
    leave = system.runs.leave

    def die(*_: object) -> Run:
        raise Crash

    system.runs.leave = die  # type: ignore[method-assign,assignment] # dies before the run is left
    with pytest.raises(Crash):
        system.work(message)
    system.runs.leave = leave  # type: ignore[method-assign] # lives again
    system.work(message)
    assert system.ended(run.run_id)


def test_an_end_that_another_process_has_written_is_reported_once() -> None:
    system = world()
    run = system.start(start=START, end=END)
    older = system.runs.get(run.run_id)
    assert older is not None
    system.settle()
    end_run(older, system.closing_ports())
    assert len(system.events.ended) == 1


def test_a_run_that_is_reported_in_vain_is_reported_again() -> None:
    system = world()
    run = system.start(start=START, end=END)
    reported = system.events.collection_ended

    def fail(*_: object) -> None:
        raise CollectorError("nobody hears it")

    system.events.collection_ended = fail  # type: ignore[method-assign,assignment] # once
    system.deliver()
    assert system.runs.open_runs() == [run.run_id]
    assert system.runs.runs(limit=1) == [run.run_id]
    system.events.collection_ended = reported  # type: ignore[method-assign] # heard again
    system.tend()
    assert (len(system.events.ended), system.runs.open_runs()) == (1, [])


def test_a_run_whose_cancel_died_is_closed_as_cancelled() -> None:
    system = world()
    run = system.start(start=START, end=END)
    system.runs.stop(run.run_id, "cancelled")
    system.queue.entries.clear()
    assert system.tend().closed == 1
    record = system.record(run)
    assert record.failure is not None
    assert (system.ended(run.run_id).end_reason, record.failure.kind) == ("cancelled", "cancelled")


def test_an_open_run_whose_record_is_gone_leaves_no_lease() -> None:
    system = world()
    run = system.start(start=START, end=END)
    del system.runs._runs[run.run_id]
    system.tend()
    assert system.leases.holder(system.clock.now()) is None


# answers that are not believed


def test_an_answer_of_another_series_is_asked_for_twice_and_stored_never() -> None:
    system = collected(world(), END)
    system.exchange.candle = other
    run = system.collect(start=START, end=END + 24)
    record = system.record(run)
    assert (len(system.exchange.requested), record.requests) == (2, 2)
    assert (record.outcome, record.missing) == (Outcome.FAILED, (Window(END, END + 24),))
    assert record.failure is not None
    assert record.failure.kind == "differs"
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, END),)
    (failed,) = system.series.get(hourly(SYMBOL)).failed_windows
    assert (failed.window, failed.attempts) == (Window(END, END + 24), 2)
    system.exchange.candle = synthetic_candle
    assert system.record(system.collect(start=START, end=END + 24)).outcome is Outcome.COMPLETE


def test_the_newest_candle_is_replaced_where_the_exchange_has_revised_it_by_a_forward_run_alone() -> None:
    system = collected(world(), NOW - 2)
    system.exchange.candle = lambda symbol, hour: (other if hour == NOW - 3 else synthetic_candle)(symbol, hour)
    system.collect(start=START, end=NOW - 1)
    assert system.candles.revised(hourly(SYMBOL)) == []
    run = system.collect("forward")
    assert system.record(run).outcome is Outcome.COMPLETE
    ((pair, run_id, _),) = [
        (item.revision, item.run_id, item.at)
        for item in system.candles.revised(hourly(SYMBOL))
        if isinstance(item, Revised)
    ]
    assert (pair.stored, pair.offered) == (synthetic_candle(SYMBOL, NOW - 3), other(SYMBOL, NOW - 3))
    assert run_id == run.run_id
    (replaced,) = system.candles.candles(hourly(SYMBOL), Window(NOW - 3, NOW - 2), limit=1)
    assert replaced == other(SYMBOL, NOW - 3)


def test_a_wrong_row_is_named_by_the_run_that_met_it_and_not_asked_for_by_the_next() -> None:
    system = world()
    system.exchange.wrong_rows = {SYMBOL: {START + 3: "a price is zero"}}
    first = system.record(system.collect(start=START, end=END))
    assert (first.outcome, first.missing) == (Outcome.PARTIAL, (Window(START + 3, START + 4),))
    assert first.failure is not None
    assert first.failure.kind == "rejected_row"
    assert "a price is zero" in first.failure.message
    before = len(system.exchange.requested)
    assert system.record(system.collect(start=START, end=END)).outcome is Outcome.SKIPPED
    assert len(system.exchange.requested) == before
    system.exchange.wrong_rows = {}
    again = system.record(system.collect(start=START, end=END, recheck=True))
    assert (again.outcome, again.records, again.missing) == (Outcome.COMPLETE, 1, ())
    assert system.series.get(hourly(SYMBOL)).rejected == ()


def test_an_hour_whose_row_comes_right_with_the_next_answer_is_not_missing() -> None:
    system = world(batch_size=24)
    system.exchange.wrong_rows = {SYMBOL: {START + 23: "a price is zero"}}

    def mend(request: Asked) -> None:
        if request.start > START:
            system.exchange.wrong_rows = {}

    system.exchange.before = mend
    record = system.record(system.collect(start=START, end=END))
    assert (record.outcome, record.records, record.missing) == (Outcome.COMPLETE, 48, ())
    assert record.rejected == (Window(START + 23, START + 24),)


# turns


def test_a_turn_that_waits_says_when_its_message_arrives() -> None:
    system = world()
    errors = [OutOfTimeError(Failure("unavailable", "503", 503, attempts=1), wait=300)]

    def fail(_: Asked) -> None:
        if errors:
            raise errors.pop()

    system.exchange.before = fail
    run = system.start(start=START, end=END)
    system.deliver()
    record = system.record(run)
    assert record.due_at is not None
    assert 300 <= (record.due_at - system.clock.now()).total_seconds() <= 310
    system.settle()
    assert (system.record(run).outcome, system.record(run).failure) == (Outcome.COMPLETE, None)


def test_hours_that_the_exchange_leaves_out_are_asked_for_by_no_later_turn_of_the_run() -> None:
    system = world(holes=[NOW - 23], batch_size=10)
    system.exchange.seconds = 2
    system.worker_seconds = 4.4  # a turn has time for one answer
    run = system.start(start=NOW - 40, end=NOW)
    for _ in range(8):  # and not until it ends, which it would never do
        system.deliver()
    record = system.record(run)
    assert (record.outcome, record.missing) == (Outcome.PARTIAL, (Window(NOW - 23, NOW - 22),))
    assert record.turn == len(system.exchange.requested) > 1


def test_a_window_that_was_given_up_is_left_to_another_run() -> None:
    system = world(batch_size=24)
    system.exchange.seconds = 2
    system.worker_seconds = 4.4  # a turn has time for one answer

    def fail(request: Asked) -> None:
        if request.start == START:
            system.clock.advance(2)
            unavailable(request)

    system.exchange.before = fail
    run = system.start(start=START, end=END)
    for _ in range(3):  # and not until it ends, which it would never do
        system.deliver()
    assert [item.start for item in system.exchange.requested] == [START, START + 24]
    assert system.record(run).missing == (Window(START, START + 24),)


def test_a_recheck_goes_on_where_the_turn_before_it_ended() -> None:
    holes = range(START, START + 120, 40)
    system = collected(world(holes=holes, batch_size=10), START + 120)
    system.exchange.seconds = 2
    system.worker_seconds = 4.4  # a turn has time for one answer
    run = system.start(start=START, end=START + 120, recheck=True)
    for _ in range(4):
        system.deliver()
    starts = [item.start for item in system.exchange.requested]
    assert len(starts) == len(set(starts)) == len(holes)
    assert system.record(run).outcome is Outcome.COMPLETE


def test_an_answer_is_waited_for_until_two_seconds_before_the_end_of_the_turn() -> None:
    system = world()
    ends: list[float] = []
    fetch = system.exchange.fetch_candles

    def note(*args: Any, until: float, **options: Any) -> Any:
        ends.append(until)
        return fetch(*args, until=until, **options)

    system.exchange.fetch_candles = note  # type: ignore[method-assign] # notes how long it may take
    system.start(start=START, end=END)
    system.worker_seconds = 30
    system.deliver()
    assert ends == [system.clock.monotonic() + 30 - FINISH_SECONDS]
    assert FINISH_SECONDS == 2


def test_a_block_that_another_process_has_written_is_not_lengthened_by_one_that_meets_it() -> None:
    system = world()
    budget = WeightBudget(
        WeightLimit(100, 60),
        80,
        2,
        rate_limiter=system.rate_limiter,
        time=ExchangeTime(system.clock, system.exchange, 0),
    )
    until = system.rate_limiter.block(60, Failure("blocked", "banned", 418), now=NOON, seen=None)
    system.clock.advance(58)
    with pytest.raises(ExchangeBlockedError) as caught:
        budget.grant()
    assert budget.block(caught.value) == 2
    assert system.rate_limiter.state().blocked_until == until


def test_weight_that_is_not_enough_for_a_request_is_left_to_others() -> None:
    system = world()
    budget = WeightBudget(
        WeightLimit(100, 60),
        5,
        2,
        rate_limiter=system.rate_limiter,
        time=ExchangeTime(system.clock, system.exchange, 0),
    )
    for _ in range(2):
        budget.reserve(1)
        budget.grant()
    assert not budget.reserve(1)
    assert system.rate_limiter.state().reserved == 4


def test_attempts_take_no_weight_but_what_was_granted() -> None:
    system = world()
    system.exchange.retries = 3
    system.collect(start=START, end=END)
    assert system.rate_limiter.state().reserved == 4 * (20 + 80 + 2)


# triggers


def test_the_second_delivery_of_an_occurrence_that_has_ended_asks_the_exchange_nothing() -> None:
    system = world()
    request = RunRequest("backward", ms_of_hour(START), ms_of_hour(END), occurrence="daily#1")
    take = system.leases.take

    def meanwhile(*args: Any, **options: Any) -> str | None:
        system.leases.take = take  # type: ignore[method-assign] # once
        assert start_run(request, system.defaults, system.run_ports()) is not None
        system.settle()
        system.clock.advance(61)
        return take(*args, now=system.clock.now(), expires=options["expires"] + timedelta(seconds=400))

    system.leases.take = meanwhile  # type: ignore[method-assign] # the other delivery is quicker
    assert start_run(request, system.defaults, system.run_ports()) is None
    assert system.exchange.market_asked == 1
    assert system.leases.holder(system.clock.now()) is None


def test_the_lease_of_a_trigger_that_dies_ends_within_a_minute() -> None:
    system = world()
    with pytest.raises(Crash):
        start_run(RunRequest("backward", ms_of_hour(START), ms_of_hour(END)), system.defaults, system.run_ports([2, 1]))
    with pytest.raises(CollectionInProgressError):
        system.start(start=START, end=END)
    system.clock.advance(60)
    assert system.collect(start=START, end=END).state is RunState.ENDED


@pytest.mark.parametrize("seconds", [39, 40])
def test_no_symbol_is_begun_to_be_written_in_the_last_twenty_seconds_of_the_lease(seconds: int) -> None:
    system = world()
    create = system.runs.create

    def slowly(*args: Any) -> None:
        system.clock.advance(seconds)
        create(*args)

    system.runs.create = slowly  # type: ignore[method-assign,assignment] # slower than usual
    if seconds < 40:
        assert system.start(start=START, end=END).open == {str(hourly(SYMBOL))}
    else:
        with pytest.raises(CreationTooSlowError):
            system.start(start=START, end=END)


def test_a_start_that_is_refused_leaves_no_lease() -> None:
    system = world()
    with pytest.raises(InvalidRequestError):
        system.start(start=START, end=END, symbols=("NOPEUSDT",))
    assert system.leases.holder(system.clock.now()) is None
    with pytest.raises(InvalidRequestError):
        system.start(start=START, end=START)


def test_a_retry_is_of_what_was_partial_too_and_rechecks_as_the_run_did() -> None:
    system = world(batch_size=24)
    system.exchange.before = lambda request: unavailable(request) if request.start == START else None
    run = system.collect(start=START, end=END, recheck=True)
    assert system.record(run).outcome is Outcome.PARTIAL
    system.exchange.before = None
    again = retry_run(run.run_id, system.defaults, system.run_ports())
    system.settle()
    assert (again.recheck, system.record(again).outcome) == (True, Outcome.COMPLETE)
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, END),)


def test_a_retry_of_a_forward_run_fetches_what_it_left_out_before_its_last_candle() -> None:
    system = collected(world(batch_size=24), START + 24)
    system.exchange.before = lambda request: unavailable(request) if request.start == START else None
    run = system.collect("forward", end=START + 72)
    assert system.record(run).outcome is Outcome.PARTIAL
    missing = system.record(run).missing
    assert system.candles.last_slot(hourly(SYMBOL)) == START + 71
    system.exchange.before = None
    again = retry_run(run.run_id, system.defaults, system.run_ports())
    system.settle()
    assert system.record(again).records == windows.count(missing) > 0
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, START + 72),)


def test_forward_leaves_alone_what_is_stored_outside_the_universe_where_a_setting_says_so() -> None:
    system = World({name: range(START, NOW + 1) for name in ("AUSDT", "BUSDT")})
    system.defaults = replace(system.defaults, collection_start=ms_of_hour(START))
    system.collect(start=START, end=END)
    system.defaults = replace(system.defaults, top_n=1)
    assert system.collect("forward").symbols == ("AUSDT", "BUSDT")
    system.defaults = replace(system.defaults, keep_stored=False)
    assert system.collect("forward").symbols == ("AUSDT",)


def test_a_failed_window_names_each_wrong_hour_with_its_reason() -> None:
    system = world()
    system.exchange.wrong_rows = {SYMBOL: {START + 3: "a price is zero"}}
    system.collect(start=START, end=END)
    assert system.series.get(hourly(SYMBOL)).rejected == (
        FailedWindow(Window(START + 3, START + 4), 1, "a price is zero"),
    )


def test_what_an_answer_counts_is_written_only_where_it_is_more_than_was_reserved() -> None:
    system = world()
    observed: list[int] = []
    observe = system.rate_limiter.observe

    def note(used: int, *, period: int) -> None:
        observed.append(used)
        observe(used, period=period)

    system.rate_limiter.observe = note  # type: ignore[method-assign] # counts the writes
    system.exchange.used_weight = 100
    system.collect(start=START, end=END)
    assert observed == []
    system.exchange.used_weight = 4000
    system.collect(start=START, end=END + 48)
    assert observed == [4000]


def test_the_hints_of_a_series_are_written_at_its_first_batch_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    system = world(batch_size=24)
    written: list[int | None] = []
    put = system.series.put

    def noted(record: SeriesRecord) -> SeriesRecord:
        written.append(record.last)
        return put(record)

    monkeypatch.setattr(system.series, "put", noted)
    system.collect(start=START, end=START + 5 * 24)
    assert written == [None, START + 23, START + 5 * 24 - 1]
    assert system.series.get(hourly(SYMBOL)).years == {2025: 5 * 24}


def test_what_a_window_failed_before_it_was_answered_is_not_that_of_the_next() -> None:
    """A worker that dies in the request for the next one leaves what was saved before the answer was stored."""
    system = world(batch_size=24)
    made: list[int] = []
    fetch = system.exchange.fetch_candles

    def candles(*wanted: Any, attempts_made: int, **options: Any) -> Any:
        made.append(attempts_made)
        if len(made) == 1:
            raise OutOfTimeError(Failure("unavailable", "503", 503, attempts=3), wait=4)
        if len(made) == 3:
            raise Crash
        return fetch(*wanted, attempts_made=attempts_made, **options)

    system.exchange.fetch_candles = candles  # type: ignore[method-assign] # fails, and dies
    run = system.start(start=START, end=START + 24 * 4)
    system.deliver()
    system.clock.advance(60)
    with pytest.raises(Crash):
        system.deliver()
    system.settle()
    assert system.record(run).outcome is Outcome.COMPLETE
    assert made[:4] == [0, 3, 0, 0]


def test_a_refused_answer_of_a_window_that_was_stored_counts_for_no_other() -> None:
    system = collected(world(batch_size=24), START + 24)
    run = system.start(start=START, end=START + 24 * 8)
    requests = 0

    def another(symbol: str, hour: int) -> Candle:
        return synthetic_candle(symbol, hour)._replace(open="7", high="7", low="7", close="7")

    def before(_: Asked) -> None:
        nonlocal requests
        requests += 1
        if requests == 3:
            raise Crash
        system.exchange.candle = another if requests in {1, 4} else synthetic_candle

    system.exchange.before = before
    with pytest.raises(Crash):
        system.deliver()
    system.settle()
    assert system.record(run).outcome is Outcome.COMPLETE
