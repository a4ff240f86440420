"""The reconciler: what it sends again, what it closes, and that it closes nothing that a worker holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from candle_collector.collecting.collect_symbol import collect_symbol
from candle_collector.collecting.end_run import end_run
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.collecting.start_run import start_run
from candle_collector.domain.run import MAX_RESENDS, Outcome, RunSeriesRecord, RunState
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window
from candle_collector.errors import InvalidRequestError

from tests.fakes.exchange import Asked
from tests.fakes.world import VISIBILITY, Crash, World
from tests.hourly import first_hour_of, hourly, ms_of_hour

START = first_hour_of("2025-05-01")
END = START + 48
NOW = first_hour_of("2025-06-01") + 12
SILENCE = 2 * VISIBILITY.total_seconds()


def world(*symbols: str) -> World:
    return World(dict.fromkeys(symbols or ("BTCUSDT",), range(START - 100, NOW + 1)))


def test_a_symbol_whose_message_was_lost_is_sent_again_under_a_higher_turn() -> None:
    system = world("BTCUSDT", "ETHUSDT")
    run = system.start(start=START, end=END)
    system.queue.entries.pop()
    assert system.deliver()
    system.clock.advance(SILENCE - 1)
    assert system.tend().resent == 0
    system.clock.advance(1)
    assert system.tend().resent == 1
    (message, _) = system.queue.sent[-1]
    assert (message.series.symbol, message.turn) == ("ETHUSDT", 2)
    system.settle()
    assert system.record(run, "ETHUSDT").outcome is Outcome.COMPLETE


def test_nothing_is_sent_again_while_messages_wait_in_the_queue() -> None:
    system = world()
    system.start(start=START, end=END)
    system.clock.advance(SILENCE * 2)
    assert system.tend().resent == 0


def test_a_message_that_turns_up_after_it_was_sent_again_is_dropped() -> None:
    system = world()
    system.start(start=START, end=END)
    (late,) = system.queue.entries
    system.queue.entries.clear()
    system.clock.advance(SILENCE)
    assert system.tend().resent == 1
    system.queue.entries.append(late)
    requested = 0
    system.work(late.message)
    assert len(system.exchange.requested) == requested
    system.settle()
    assert len(system.exchange.requested) == 1


def test_a_symbol_that_waits_for_the_exchange_is_not_sent_again() -> None:
    system = world()
    run = system.start(start=START, end=END)
    system.queue.entries.clear()
    due_at = system.clock.now() + timedelta(seconds=900)
    system.runs.put_symbol(replace(system.record(run), due_at=due_at))
    system.clock.advance(SILENCE + 100)
    assert system.tend().resent == 0
    system.clock.advance(900)
    assert system.tend().resent == 1


def test_a_symbol_is_sent_again_five_times_and_then_closed_with_the_reason() -> None:
    system = world()
    run = system.start(start=START, end=END)
    system.queue.entries.clear()
    resent = closed = 0
    for _ in range(100):
        system.clock.advance(300)
        reconciled = system.tend()
        system.queue.entries.clear()
        resent, closed = resent + reconciled.resent, closed + reconciled.closed
    assert (resent, closed) == (MAX_RESENDS, 1)
    record = system.record(run)
    assert (record.outcome, record.closed_by) == (Outcome.FAILED, "reconciler")
    assert record.missing == (Window(START, END),)
    assert record.failure is not None
    assert record.failure.kind == "gave_up"
    assert record.failure.message.endswith(". See why in the worker's log."), "the remedy of the first sentence"
    assert system.ended(run.run_id).end_reason is None
    assert len(system.events.ended) == 1


def test_a_closed_symbol_of_which_something_was_stored_is_partial() -> None:
    system = world()
    system.defaults = replace(system.defaults, batch_size=24)

    def die(requested: Asked) -> None:
        if requested.start > START:
            raise Crash

    system.exchange.before = die
    run = system.start(start=START, end=END)
    with pytest.raises(Crash):
        system.deliver()
    system.queue.entries.clear()
    system.clock.advance(5 * 3600)
    system.tend()
    record = system.record(run)
    assert (record.outcome, record.records) == (Outcome.PARTIAL, 24)
    assert record.missing == (Window(START + 24, END),)


def test_a_closed_symbol_that_is_all_stored_is_complete() -> None:
    system = world()
    run = system.start(start=START, end=END)
    ((message, _),) = system.queue.sent
    put_symbol = system.runs.put_symbol

    def die(record: RunSeriesRecord, **options: Any) -> RunSeriesRecord:
        if record.outcome is Outcome.COMPLETE:
            raise Crash
        return put_symbol(record, **options)

    system.runs.put_symbol = die  # type: ignore[method-assign] # dies before the outcome is written
    with pytest.raises(Crash):
        system.work(message)
    system.runs.put_symbol = put_symbol  # type: ignore[method-assign] # lives again
    system.queue.entries.clear()
    system.clock.advance(5 * 3600)
    system.tend()
    assert (system.record(run).outcome, system.record(run).failure) == (Outcome.COMPLETE, None)


def test_a_run_past_its_deadline_is_closed_with_the_reason() -> None:
    system = world("BTCUSDT", "ETHUSDT")
    run = system.start(start=START, end=END)
    assert system.deliver()
    system.clock.advance(5 * 3600)
    assert system.tend().closed == 1
    ended = system.ended(run.run_id)
    assert ended.counts == {"complete": 1, "partial": 0, "failed": 1, "skipped": 0, "records": 48}
    assert ended.end_reason is not None
    assert "over its time" in ended.end_reason
    failure = system.record(run, "ETHUSDT").failure
    assert failure is not None
    assert failure.kind == "deadline"
    assert system.leases.holder(system.clock.now()) is None


def test_a_run_that_was_never_written_whole_is_closed_when_its_lease_has_run_out() -> None:
    system = world("BTCUSDT", "ETHUSDT", "SOLUSDT")
    for step in range(1, 50):
        with pytest.raises(Crash):
            start_run(
                RunRequest("backward", ms_of_hour(START), ms_of_hour(END)), system.defaults, system.run_ports([step, 1])
            )
        if system.runs.open_runs():
            break
        system.clock.advance(61)
    (run_id,) = system.runs.open_runs()
    assert len(system.runs.symbols(run_id)) == 1
    assert system.tend().closed == 0
    system.clock.advance(61)
    assert system.tend().closed == 3
    run = system.ended(run_id)
    assert run.end_reason is not None
    assert run.counts == {"complete": 0, "partial": 0, "failed": 3, "skipped": 0, "records": 0}


def test_a_symbol_that_a_worker_holds_is_not_closed_and_its_worker_counts_all_it_stored() -> None:
    system = world()
    system.defaults = replace(system.defaults, batch_size=24)
    run = system.start(start=START, end=END)
    system.clock.advance(5 * 3600 - 5)

    def meanwhile(_: Asked) -> None:
        system.clock.advance(10)
        assert system.tend().closed == 0
        assert system.record(run).outcome is Outcome.RUNNING

    system.exchange.before = meanwhile
    assert system.deliver()
    record = system.record(run)
    assert (record.outcome, record.records, record.closed_by) == (Outcome.PARTIAL, 24, None)
    assert record.failure is not None
    assert record.failure.kind == "deadline"
    counts = {"complete": 0, "partial": 1, "failed": 0, "skipped": 0, "records": 24}
    ended = system.ended(run.run_id)
    assert (ended.counts, ended.end_reason) == (counts, record.failure.message)
    assert system.events.ended == [(run.run_id, counts, ms_of_hour(START + 23))]


def test_a_worker_that_was_held_up_longer_than_its_claim_writes_nothing_any_more() -> None:
    system = world()
    run = system.start(start=START, end=END)

    def meanwhile(_: Asked) -> None:
        system.clock.advance(5 * 3600)
        assert system.tend().closed == 1

    system.exchange.before = meanwhile
    system.worker_seconds = 6 * 3600
    assert system.deliver()
    record = system.record(run)
    assert (record.outcome, record.records, record.closed_by) == (Outcome.FAILED, 0, "reconciler")
    assert system.candles.slots(hourly("BTCUSDT")) == ()
    noted = system.series.get(hourly("BTCUSDT"))  # by the reconciler
    assert noted == SeriesRecord(hourly("BTCUSDT"), failed_windows=noted.failed_windows)
    assert [(item.window, item.attempts) for item in noted.failed_windows] == [(Window(START, END), 0)]
    assert system.ended(run.run_id).counts == {"complete": 0, "partial": 0, "failed": 1, "skipped": 0, "records": 0}


def test_what_a_worker_noted_after_the_reconciler_read_stays() -> None:
    system = world()
    system.defaults = replace(system.defaults, batch_size=24)
    run = system.start(start=START, end=END)
    system.clock.advance(1000)
    waiting = system.queue.waiting

    def a_worker_takes_the_last_message() -> int:
        entry = system.queue.take()
        assert entry is not None
        with pytest.raises(Crash):
            collect_symbol(entry.message, system.turn([24, 1]))
        assert system.record(run).records == 48
        return waiting()

    system.queue.waiting = a_worker_takes_the_last_message  # type: ignore[method-assign] # between read and write
    assert system.tend().resent == 0
    system.queue.waiting = waiting  # type: ignore[method-assign] # back again
    system.settle()
    assert (system.record(run).outcome, system.record(run).records) == (Outcome.COMPLETE, 48)


def test_an_end_is_reported_though_another_process_met_it_before_its_reporter_died() -> None:
    system = world()
    run = system.start(start=START, end=END)

    def die(*_: object) -> None:
        raise Crash

    reported, system.events.collection_ended = system.events.collection_ended, die  # type: ignore[method-assign,assignment] # dies
    older = system.runs.get(run.run_id)
    assert older is not None
    with pytest.raises(Crash):
        system.deliver()
    system.events.collection_ended = reported  # type: ignore[method-assign] # lives again
    end_run(older, system.closing_ports())
    assert system.events.ended == []
    system.tend()
    assert len(system.events.ended) == 1
    system.tend()
    assert len(system.events.ended) == 1


def test_an_open_run_whose_record_is_gone_is_in_nobodys_way() -> None:
    system = world()
    run = system.start(start=START, end=END)
    del system.runs._runs[run.run_id]
    system.tend()
    assert system.runs.open_runs() == []
    system.collect(start=START, end=END)


def test_the_last_step_of_a_run_that_was_lost_is_synthetic_for() -> None:
    system = world()
    run = system.start(start=START, end=END)
    leave = system.runs.leave

    def die(*_: object) -> object:
        raise Crash

    system.runs.leave = die  # type: ignore[method-assign,assignment] # dies before the run is left
    with pytest.raises(Crash):
        system.deliver()
    system.runs.leave = leave  # type: ignore[method-assign] # lives again
    system.queue.entries.clear()
    system.tend()
    assert system.ended(run.run_id).counts == {"complete": 1, "partial": 0, "failed": 0, "skipped": 0, "records": 48}


def test_a_run_of_the_past_stays_as_it_is() -> None:
    system = world()
    run = system.collect(start=START, end=END)
    system.clock.advance(30 * 86_400)
    system.tend()
    assert system.runs.get(run.run_id) == run
    assert run.state is RunState.ENDED
    with pytest.raises(InvalidRequestError):
        system.start(start=END, end=START)
