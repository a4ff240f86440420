"""The reconciler: what it sends again, what it closes, and that a late success beats its mark."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.collecting.start_run import start_run
from candle_collector.domain import windows
from candle_collector.domain.run import MAX_RESENDS, Outcome, RunState
from candle_collector.domain.windows import Window
from candle_collector.errors import InvalidRequestError

from tests.fakes.exchange import Asked
from tests.fakes.world import VISIBILITY, Crash, World

START = windows.first_hour_of("2025-05-01")
END = START + 48
NOW = windows.first_hour_of("2025-06-01") + 12
SILENCE = 2 * VISIBILITY.total_seconds()


def world(*symbols: str) -> World:
    return World(dict.fromkeys(symbols or ("BTCUSDT",), range(START - 100, NOW + 1)))


def test_a_symbol_whose_message_was_lost_is_sent_again_under_a_higher_turn() -> None:
    here = world("BTCUSDT", "ETHUSDT")
    run = here.start(start=START, end=END)
    here.queue.entries.pop()
    assert here.deliver()
    here.clock.advance(SILENCE - 1)
    assert here.tend().resent == 0
    here.clock.advance(1)
    assert here.tend().resent == 1
    (message, _) = here.queue.sent[-1]
    assert (message.symbol, message.turn) == ("ETHUSDT", 2)
    here.settle()
    assert here.record(run, "ETHUSDT").outcome is Outcome.COMPLETE


def test_nothing_is_sent_again_while_messages_wait_in_the_queue() -> None:
    here = world()
    here.start(start=START, end=END)
    here.clock.advance(SILENCE * 2)
    assert here.tend().resent == 0


def test_a_message_that_turns_up_after_it_was_sent_again_is_dropped() -> None:
    here = world()
    here.start(start=START, end=END)
    (late,) = here.queue.entries
    here.queue.entries.clear()
    here.clock.advance(SILENCE)
    assert here.tend().resent == 1
    here.queue.entries.append(late)
    asked = 0
    here.work(late.message)
    assert len(here.exchange.asked) == asked
    here.settle()
    assert len(here.exchange.asked) == 1


def test_a_symbol_that_waits_for_the_exchange_is_not_sent_again() -> None:
    here = world()
    run = here.start(start=START, end=END)
    here.queue.entries.clear()
    due_at = here.clock.now() + timedelta(seconds=900)
    here.runs.save(replace(here.record(run), due_at=due_at))
    here.clock.advance(SILENCE + 100)
    assert here.tend().resent == 0
    here.clock.advance(900)
    assert here.tend().resent == 1


def test_a_symbol_is_sent_again_five_times_and_then_closed_with_the_reason() -> None:
    here = world()
    run = here.start(start=START, end=END)
    here.queue.entries.clear()
    resent = closed = 0
    for _ in range(100):
        here.clock.advance(300)
        reconciled = here.tend()
        here.queue.entries.clear()
        resent, closed = resent + reconciled.resent, closed + reconciled.closed
    assert (resent, closed) == (MAX_RESENDS, 1)
    record = here.record(run)
    assert (record.outcome, record.closed_by) == (Outcome.FAILED, "reconciler")
    assert record.missing == (Window(START, END),)
    assert record.failure is not None
    assert record.failure.kind == "gave_up"
    assert here.ended(run.run_id).end_reason is None
    assert len(here.events.ended) == 1


def test_a_closed_symbol_of_which_something_was_stored_is_partial() -> None:
    here = world()
    here.defaults = replace(here.defaults, batch_size=24)

    def die(asked: Asked) -> None:
        if asked.start > START:
            raise Crash

    here.exchange.before = die
    run = here.start(start=START, end=END)
    with pytest.raises(Crash):
        here.deliver()
    here.queue.entries.clear()
    here.clock.advance(5 * 3600)
    here.tend()
    record = here.record(run)
    assert (record.outcome, record.records) == (Outcome.PARTIAL, 24)
    assert record.missing == (Window(START + 24, END),)


def test_a_closed_symbol_that_is_all_stored_is_complete() -> None:
    here = world()
    run = here.start(start=START, end=END)
    ((message, _),) = here.queue.sent
    turn = here.turn([10_000, 0])
    end_symbol = here.runs.end_symbol

    def die(_: object) -> object:
        raise Crash

    here.runs.end_symbol = die  # type: ignore[method-assign,assignment] # dies before the outcome is written
    with pytest.raises(Crash):
        here.work(message)
    here.runs.end_symbol = end_symbol  # type: ignore[method-assign] # lives again
    assert turn.runs is not here.runs
    here.queue.entries.clear()
    here.clock.advance(5 * 3600)
    here.tend()
    assert (here.record(run).outcome, here.record(run).failure) == (Outcome.COMPLETE, None)


def test_a_run_past_its_deadline_is_closed_with_the_reason() -> None:
    here = world("BTCUSDT", "ETHUSDT")
    run = here.start(start=START, end=END)
    assert here.deliver()
    here.clock.advance(5 * 3600)
    assert here.tend().closed == 1
    ended = here.ended(run.run_id)
    assert ended.counts == {"complete": 1, "partial": 0, "failed": 1, "skipped": 0, "records": 48}
    assert ended.end_reason is not None
    assert "over its time" in ended.end_reason
    failure = here.record(run, "ETHUSDT").failure
    assert failure is not None
    assert failure.kind == "deadline"
    assert here.leases.holder(here.clock.now()) is None


def test_a_run_that_was_never_written_whole_is_closed_when_its_lease_has_run_out() -> None:
    here = world("BTCUSDT", "ETHUSDT", "SOLUSDT")
    for step in range(1, 50):
        with pytest.raises(Crash):
            start_run(RunRequest("backward", START, END), here.defaults, here.run_ports([step, 1]))
        if here.runs.open_runs():
            break
        here.clock.advance(61)
    (run_id,) = here.runs.open_runs()
    assert len(here.runs.symbols(run_id)) == 1
    assert here.tend().closed == 0
    here.clock.advance(61)
    assert here.tend().closed == 3
    run = here.ended(run_id)
    assert run.end_reason is not None
    assert run.counts == {"complete": 0, "partial": 0, "failed": 3, "skipped": 0, "records": 0}


def test_a_late_success_beats_the_mark_of_the_reconciler() -> None:
    here = world()
    run = here.start(start=START, end=END)

    def meanwhile(_: Asked) -> None:
        here.clock.advance(5 * 3600)
        here.tend()
        assert here.record(run).outcome is Outcome.FAILED

    here.exchange.before = meanwhile
    here.worker_seconds = 6 * 3600
    assert here.deliver()
    record = here.record(run)
    assert (record.outcome, record.records, record.closed_by) == (Outcome.COMPLETE, 48, None)
    counts = {"complete": 1, "partial": 0, "failed": 0, "skipped": 0, "records": 48}
    assert here.ended(run.run_id).counts == counts
    assert here.events.ended[-1] == (run.run_id, counts, END - 1)


def test_a_late_failure_does_not() -> None:
    here = world()
    here.exchange.printed["BTCUSDT"] = frozenset(range(START, START + 24))
    run = here.start(start=START, end=END)

    def meanwhile(_: Asked) -> None:
        if here.record(run).outcome.open:
            here.clock.advance(5 * 3600)
            here.tend()

    here.exchange.before = meanwhile
    here.worker_seconds = 6 * 3600
    assert here.deliver()
    assert here.record(run).closed_by == "reconciler"
    assert here.ended(run.run_id)


def test_the_last_step_of_a_run_that_was_lost_is_made_up_for() -> None:
    here = world()
    run = here.start(start=START, end=END)
    leave = here.runs.leave

    def die(*_: object) -> object:
        raise Crash

    here.runs.leave = die  # type: ignore[method-assign,assignment] # dies before the run is left
    with pytest.raises(Crash):
        here.deliver()
    here.runs.leave = leave  # type: ignore[method-assign] # lives again
    here.queue.entries.clear()
    here.tend()
    assert here.ended(run.run_id).counts == {"complete": 1, "partial": 0, "failed": 0, "skipped": 0, "records": 48}


def test_the_age_of_the_oldest_open_run_is_told() -> None:
    here = world()
    assert here.tend().oldest_seconds == 0
    run = here.start(start=START, end=END)
    here.clock.advance(120)
    assert here.tend().oldest_seconds == 120
    assert here.runs.get(run.run_id) is not None
    here.settle()
    assert here.tend().oldest_seconds == 0


def test_a_run_of_the_past_stays_as_it_is() -> None:
    here = world()
    run = here.collect(start=START, end=END)
    here.clock.advance(30 * 86_400)
    here.tend()
    assert here.runs.get(run.run_id) == run
    assert run.state is RunState.ENDED
    with pytest.raises(InvalidRequestError):
        here.start(start=END, end=START)
