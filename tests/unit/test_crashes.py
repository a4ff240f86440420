"""A process that dies between any two steps: what is sent again ends as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from candle_collector.collecting.control_run import cancel_run
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.collecting.start_run import start_run
from candle_collector.domain.candle import Candle
from candle_collector.domain.run import Failure, Outcome, RunState
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window
from candle_collector.errors import CollectionInProgressError, ExchangeUnavailableError
from candle_collector.ports import FetchedCandles

from tests.fakes.exchange import Asked, listing, synthetic_candle
from tests.fakes.world import AtOnce, Crash, World
from tests.hourly import first_hour_of, hourly, times_of

START = first_hour_of("2025-01-01")
END = START + 250
NOW = first_hour_of("2025-06-01") + 12
BACKWARD = RunRequest("backward", *times_of(Window(START, END)))
BEFORE, AFTER = 0, 1
STEPS_MOST = 200


def complete() -> World:
    """Return a range of three windows with an outage in it, of a symbol listed within it."""
    system = World({"BTCUSDT": frozenset(range(START + 20, NOW + 1)) - {START + 120, START + 121}})
    system.defaults = replace(system.defaults, batch_size=100)
    return system


def partial() -> World:
    """Return the same, where one window always fails."""
    system = complete()

    def fail(requested: Asked) -> None:
        if requested.start <= START + 200 < requested.start + requested.limit:
            raise ExchangeUnavailableError(Failure("unavailable", "503", 503, attempts=1))

    system.exchange.before = fail
    return system


def requeued() -> World:
    """Return the same, by turns that have time for one window each."""
    system = complete()
    system.exchange.seconds = 4
    system.worker_seconds = 5
    return system


def prefetching() -> World:
    """Return the same, with an outage of the exchange, by workers that prefetch."""
    system = partial()
    system.prefetch = AtOnce()
    return system


def stored() -> World:
    """Return a range that is stored already."""
    system = complete()
    system.collect(start=START, end=END)
    return system


def forward() -> World:
    """Return a series that lacks its last hours."""
    system = complete()
    system.collect(start=NOW - 200, end=NOW - 30)
    return system


def wrong_row() -> World:
    """Return the first range, with a wrong row in it, by turns that have time for one window each."""
    system = requeued()
    system.exchange.wrong_rows = {"BTCUSDT": {START + 50: "a price is zero"}}
    return system


def revised() -> World:
    """Return a series that lacks its last hours, and whose last candle the exchange has revised since."""
    system = forward()

    def candle(symbol: str, hour: int) -> Candle:
        made = synthetic_candle(symbol, hour)
        return made._replace(volume="36", trade_count=9) if hour == NOW - 31 else made

    system.exchange.candle = candle
    return system


def gone() -> World:
    """Return a symbol that does not trade and has ended within the range."""
    system = complete()
    system.exchange.printed["BTCUSDT"] = frozenset(range(START + 20, START + 150))
    system.exchange.listings = (listing("BTCUSDT", "BREAK"),)
    return system


def gone_for_a_second_run() -> World:
    """Return the same, after a run that has heard nothing after its end."""
    system = gone()
    system.collect(start=START, end=END, symbols=("BTCUSDT",))
    return system


def without_candles() -> World:
    """Return a symbol without any candle, after a run that has heard of none."""
    system = complete()
    system.exchange.printed["BTCUSDT"] = frozenset()
    system.collect(start=START, end=END)
    return system


def headless() -> World:
    """Return the first range, where all answers but the first are cut at their head, by turns for one window each."""
    system = requeued()
    fetch = system.exchange.fetch_candles

    def fetch_candles(series: Series, start: int, limit: int, **options: Any) -> FetchedCandles:
        answer = fetch(series, start, limit, **options)
        cut = 0 if start == START else 2
        return replace(answer, slots=answer.slots[cut:], candles=answer.candles[cut:])

    system.exchange.fetch_candles = fetch_candles  # type: ignore[method-assign] # stands in for one method
    return system


SCENES: list[tuple[Callable[[], World], RunRequest]] = [
    (complete, BACKWARD),
    (partial, BACKWARD),
    (requeued, BACKWARD),
    (prefetching, BACKWARD),
    (stored, BACKWARD),
    (forward, RunRequest("forward")),
    (stored, RunRequest("gap_fill", recheck=True)),
    (wrong_row, BACKWARD),
    (revised, RunRequest("forward")),
    (gone, replace(BACKWARD, symbols=("BTCUSDT",))),
    (gone_for_a_second_run, replace(BACKWARD, symbols=("BTCUSDT",))),
    (without_candles, BACKWARD),
    (headless, BACKWARD),
]
scenes = pytest.mark.parametrize(("scene", "request_"), SCENES, ids=lambda part: getattr(part, "__name__", None))
moments = pytest.mark.parametrize("moment", [BEFORE, AFTER], ids=["before its effect", "after its effect"])


def reported(system: World, run_id: str) -> tuple[object, ...]:
    """Return what must be the same after any crash: candles, proofs, the series, and the run's counts and outcomes.

    A silence is reported as whether it was this run's.
    """
    system.assert_exact()
    run = system.ended(run_id)
    outcomes = [
        (item.symbol, item.outcome, item.records, item.missing, item.failure and item.failure.kind)
        for item in system.runs.symbols(run_id)
    ]
    symbols = sorted(system.exchange.printed)
    series = [replace(item, failed_windows=(), silence=None) for item in system.series.all()]
    silences = [item.silence and (item.silence.window, item.silence.run_id == run_id) for item in system.series.all()]
    revised = [item.revision for symbol in symbols for item in system.candles.revised(hourly(symbol))]
    never = [system.candles.never_printed(hourly(symbol)) for symbol in symbols]
    holder = system.leases.holder(system.clock.now())
    return dict(system.candles.lines), never, revised, series, silences, run.counts, outcomes, holder


def without_faults(scene: Callable[[], World], request: RunRequest) -> tuple[object, ...]:
    system = scene()
    run = start_run(request, system.defaults, system.run_ports())
    assert run is not None
    system.settle()
    return reported(system, run.run_id)


@scenes
@moments
def test_a_worker_that_dies_at_any_step_changes_nothing_in_the_end(
    scene: Callable[[], World], request_: RunRequest, moment: int
) -> None:
    expected = without_faults(scene, request_)
    for step in count(1):
        assert step < STEPS_MOST
        system = scene()
        run = start_run(request_, system.defaults, system.run_ports())
        assert run is not None
        countdown = [step, moment]
        try:
            while system.deliver(countdown=countdown):
                pass
        except Crash:
            system.settle()
            assert reported(system, run.run_id) == expected, f"step {step}"
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
        system = scene()
        run = start_run(request_, system.defaults, system.run_ports())
        assert run is not None
        try:
            while system.deliver(countdown=[step, moment]):
                pass
        except Crash:
            system.queue.entries.clear()
            system.settle()
            assert reported(system, run.run_id) == expected, f"step {step}"
        else:
            return


@moments
def test_a_trigger_that_dies_at_any_step_leaves_nothing_behind_or_a_run_that_ends(moment: int) -> None:
    symbols = {f"S{number}USDT": range(START, NOW + 1) for number in range(4)}
    for step in count(1):
        assert step < STEPS_MOST
        system = World(symbols)
        try:
            start_run(BACKWARD, system.defaults, system.run_ports([step, moment]))
        except Crash:
            system.settle()
        else:
            assert step > 10
            return
        assert system.runs.open_runs() == []
        for run_id in system.runs.runs(limit=10):
            run = system.ended(run_id)
            assert [record.symbol for record in system.runs.symbols(run_id)] == sorted(symbols)
            assert run.end_reason is not None or run.counts == {
                "complete": 4,
                "partial": 0,
                "failed": 0,
                "skipped": 0,
                "records": 1000,
            }
        system.clock.advance(61)
        again = system.collect(start=START, end=END)
        assert system.candles.slots(hourly("S0USDT")) == (Window(START, END),)
        assert again.counts is not None
        assert again.counts["failed"] == again.counts["partial"] == 0


@moments
def test_a_reconciler_that_dies_at_any_step_is_synthetic_for_by_the_next(moment: int) -> None:
    for step in count(1):
        assert step < STEPS_MOST
        system = complete()
        run = system.start(start=START, end=END)
        system.queue.entries.clear()
        try:
            for _ in range(80):
                system.clock.advance(300)
                system.tend([step, moment])
                system.queue.entries.clear()
                if not system.runs.open_runs():
                    break
        except Crash:
            for _ in range(80):
                system.clock.advance(300)
                system.tend()
                system.queue.entries.clear()
        else:
            assert system.ended(run.run_id)
            assert step > 10
            return
        assert system.ended(run.run_id).counts == {"complete": 0, "partial": 0, "failed": 1, "skipped": 0, "records": 0}
        assert system.leases.holder(system.clock.now()) is None


@moments
def test_a_cancel_that_dies_at_any_step_can_be_asked_again_or_is_synthetic_for(moment: int) -> None:
    for step in count(1):
        assert step < STEPS_MOST
        system = complete()
        run = system.start(start=START, end=END)
        try:
            cancel_run(run.run_id, system.closing_ports([step, moment]))
        except Crash:
            system.settle()
            assert system.ended(run.run_id)
            assert system.leases.holder(system.clock.now()) is None
        else:
            assert step > 5
            return


def test_a_worker_that_always_dies_on_one_symbol_ends_the_run_with_the_reason() -> None:
    system = World({symbol: range(START, NOW + 1) for symbol in ("AUSDT", "BUSDT")})

    def die(requested: Asked) -> None:
        if requested.symbol == "BUSDT":
            raise Crash

    system.exchange.before = die
    run = system.start(start=START, end=END)
    for _ in range(500):
        try:
            while system.deliver():
                pass
        except Crash:
            continue
        if not system.runs.open_runs():
            break
        system.clock.advance(300)
        system.tend()
    counts = system.ended(run.run_id).counts
    assert counts is not None
    assert (counts["complete"], counts["failed"]) == (1, 1)
    record = system.record(run, "BUSDT")
    assert record.outcome is Outcome.FAILED
    assert record.missing == (Window(START, END),)
    assert record.failure is not None
    assert record.failure.kind in {"gave_up", "deadline"}


def test_a_lease_that_a_dead_trigger_left_frees_itself() -> None:
    system = complete()
    with pytest.raises(Crash):
        start_run(BACKWARD, system.defaults, system.run_ports([2, AFTER]))
    with pytest.raises(CollectionInProgressError):
        system.start(start=START, end=END)
    system.clock.advance(61)
    assert system.collect(start=START, end=END).state is RunState.ENDED
