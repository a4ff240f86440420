"""A process that dies between any two steps: what is sent again ends as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest
from candle_collector.collecting.control_run import cancel_run
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.collecting.start_run import start_run
from candle_collector.domain import windows
from candle_collector.domain.run import Failure, Outcome, RunState
from candle_collector.domain.windows import Window
from candle_collector.errors import CollectionInProgressError, ExchangeUnavailableError

from tests.fakes.exchange import Asked
from tests.fakes.world import AtOnce, Crash, World

START = windows.first_hour_of("2025-01-01")
END = START + 250
NOW = windows.first_hour_of("2025-06-01") + 12
BEFORE, AFTER = 0, 1
STEPS_MOST = 200


def complete() -> World:
    """Return a range of three windows with an outage in it, of a symbol listed within it."""
    here = World({"BTCUSDT": frozenset(range(START + 20, NOW + 1)) - {START + 120, START + 121}})
    here.defaults = replace(here.defaults, batch_size=100)
    return here


def partial() -> World:
    """Return the same, where one window always fails."""
    here = complete()

    def fail(asked: Asked) -> None:
        if asked.start <= START + 200 < asked.start + asked.limit:
            raise ExchangeUnavailableError(Failure("unavailable", "503", 503, attempts=1))

    here.exchange.before = fail
    return here


def handed_on() -> World:
    """Return the same, by turns that have time for one window each."""
    here = complete()
    here.exchange.seconds = 4
    here.worker_seconds = 5
    return here


def asking_ahead() -> World:
    """Return the same, with an outage of the exchange, by workers that ask ahead."""
    here = partial()
    here.prefetch = AtOnce()
    return here


def stored() -> World:
    """Return a range that is stored already."""
    here = complete()
    here.collect(start=START, end=END)
    return here


def forward() -> World:
    """Return a series that lacks its last hours."""
    here = complete()
    here.collect(start=NOW - 200, end=NOW - 30)
    return here


SCENES: list[tuple[Callable[[], World], RunRequest]] = [
    (complete, RunRequest("backward", START, END)),
    (partial, RunRequest("backward", START, END)),
    (handed_on, RunRequest("backward", START, END)),
    (asking_ahead, RunRequest("backward", START, END)),
    (stored, RunRequest("backward", START, END)),
    (forward, RunRequest("forward")),
    (stored, RunRequest("gap_fill", recheck=True)),
]
scenes = pytest.mark.parametrize(("scene", "request_"), SCENES, ids=lambda part: getattr(part, "__name__", None))
moments = pytest.mark.parametrize("moment", [BEFORE, AFTER], ids=["before its effect", "after its effect"])


def told(here: World, run_id: str) -> tuple[object, ...]:
    """Return what must be the same after any crash: candles, proofs, the series, and the run's counts and outcomes."""
    here.assert_exact()
    run = here.ended(run_id)
    outcomes = [(one.symbol, one.outcome, one.records, one.missing) for one in here.runs.symbols(run_id)]
    symbols = sorted(here.exchange.printed)
    series = [replace(one, failed_windows=()) for one in here.series.all()]
    never = [here.candles.never_printed(symbol) for symbol in symbols]
    return dict(here.candles.lines), never, series, run.counts, outcomes, here.leases.holder(here.clock.now())


def without_faults(scene: Callable[[], World], request: RunRequest) -> tuple[object, ...]:
    here = scene()
    run = start_run(request, here.defaults, here.run_ports())
    assert run is not None
    here.settle()
    return told(here, run.run_id)


@scenes
@moments
def test_a_worker_that_dies_at_any_step_changes_nothing_in_the_end(
    scene: Callable[[], World], request_: RunRequest, moment: int
) -> None:
    expected = without_faults(scene, request_)
    for step in count(1):
        assert step < STEPS_MOST
        here = scene()
        run = start_run(request_, here.defaults, here.run_ports())
        assert run is not None
        countdown = [step, moment]
        try:
            while here.deliver(countdown=countdown):
                pass
        except Crash:
            here.settle()
            assert told(here, run.run_id) == expected, f"step {step}"
        else:
            assert step > 5
            return


@scenes
@moments
def test_a_worker_that_dies_and_whose_message_is_lost_changes_nothing_in_the_end(
    scene: Callable[[], World], request_: RunRequest, moment: int
) -> None:
    expected = without_faults(scene, request_)
    for step in count(1):
        here = scene()
        run = start_run(request_, here.defaults, here.run_ports())
        assert run is not None
        try:
            while here.deliver(countdown=[step, moment]):
                pass
        except Crash:
            here.queue.entries.clear()
            here.settle()
            assert told(here, run.run_id) == expected, f"step {step}"
        else:
            return


@moments
def test_a_trigger_that_dies_at_any_step_leaves_nothing_behind_or_a_run_that_ends(moment: int) -> None:
    symbols = {f"S{number}USDT": range(START, NOW + 1) for number in range(4)}
    for step in count(1):
        assert step < STEPS_MOST
        here = World(symbols)
        try:
            start_run(RunRequest("backward", START, END), here.defaults, here.run_ports([step, moment]))
        except Crash:
            here.settle()
        else:
            assert step > 10
            return
        assert here.runs.open_runs() == []
        for run_id in here.runs.runs(limit=10):
            run = here.ended(run_id)
            assert [record.symbol for record in here.runs.symbols(run_id)] == sorted(symbols)
            assert run.end_reason is not None or run.counts == {
                "complete": 4,
                "partial": 0,
                "failed": 0,
                "skipped": 0,
                "records": 1000,
            }
        here.clock.advance(61)
        again = here.collect(start=START, end=END)
        assert here.candles.hours("S0USDT") == (Window(START, END),)
        assert again.counts is not None
        assert again.counts["failed"] == again.counts["partial"] == 0


@moments
def test_a_reconciler_that_dies_at_any_step_is_made_up_for_by_the_next(moment: int) -> None:
    for step in count(1):
        assert step < STEPS_MOST
        here = complete()
        run = here.start(start=START, end=END)
        here.queue.entries.clear()
        try:
            for _ in range(80):
                here.clock.advance(300)
                here.tend([step, moment])
                here.queue.entries.clear()
                if not here.runs.open_runs():
                    break
        except Crash:
            for _ in range(80):
                here.clock.advance(300)
                here.tend()
                here.queue.entries.clear()
        else:
            assert here.ended(run.run_id)
            assert step > 10
            return
        assert here.ended(run.run_id).counts == {"complete": 0, "partial": 0, "failed": 1, "skipped": 0, "records": 0}
        assert here.leases.holder(here.clock.now()) is None


@moments
def test_a_cancel_that_dies_at_any_step_can_be_asked_again_or_is_made_up_for(moment: int) -> None:
    for step in count(1):
        assert step < STEPS_MOST
        here = complete()
        run = here.start(start=START, end=END)
        try:
            cancel_run(run.run_id, here.closing_ports([step, moment]))
        except Crash:
            here.settle()
            assert here.ended(run.run_id)
            assert here.leases.holder(here.clock.now()) is None
        else:
            assert step > 5
            return


def test_a_worker_that_always_dies_on_one_symbol_ends_the_run_with_the_reason() -> None:
    here = World({symbol: range(START, NOW + 1) for symbol in ("AUSDT", "BUSDT")})

    def die(asked: Asked) -> None:
        if asked.symbol == "BUSDT":
            raise Crash

    here.exchange.before = die
    run = here.start(start=START, end=END)
    for _ in range(500):
        try:
            while here.deliver():
                pass
        except Crash:
            continue
        if not here.runs.open_runs():
            break
        here.clock.advance(300)
        here.tend()
    counts = here.ended(run.run_id).counts
    assert counts is not None
    assert (counts["complete"], counts["failed"]) == (1, 1)
    record = here.record(run, "BUSDT")
    assert record.outcome is Outcome.FAILED
    assert record.missing == (Window(START, END),)
    assert record.failure is not None
    assert record.failure.kind in {"gave_up", "deadline"}


def test_a_lease_that_a_dead_trigger_left_frees_itself() -> None:
    here = complete()
    with pytest.raises(Crash):
        start_run(RunRequest("backward", START, END), here.defaults, here.run_ports([2, AFTER]))
    with pytest.raises(CollectionInProgressError):
        here.start(start=START, end=END)
    here.clock.advance(61)
    assert here.collect(start=START, end=END).state is RunState.ENDED
