"""Cancelling a run, and running again what another left behind."""

from __future__ import annotations

from dataclasses import replace

import pytest
from candle_collector.collecting.control_run import cancel_run, retry_run
from candle_collector.domain.run import Failure, Outcome, Run
from candle_collector.domain.windows import Window
from candle_collector.errors import (
    CollectionInProgressError,
    ExchangeUnavailableError,
    NotFoundError,
    NothingToRetryError,
    RunEndedError,
    SymbolRefusedError,
)

from tests.fakes.exchange import Asked
from tests.fakes.world import World
from tests.hourly import HOUR, first_hour_of, hourly

START = first_hour_of("2025-05-01")
END = START + 48
NOW = first_hour_of("2025-06-01") + 12
NO_RUN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def world() -> World:
    system = World(dict.fromkeys(("BTCUSDT", "ETHUSDT", "SOLUSDT"), range(START - 100, NOW + 1)))
    system.defaults = replace(system.defaults, batch_size=24)
    return system


def half_failed() -> tuple[World, Run]:
    """Return a world in which one symbol has failed, one is partial, and one is complete."""
    system = world()

    def fail(requested: Asked) -> None:
        if requested.symbol == "ETHUSDT" and requested.start == START:
            raise ExchangeUnavailableError(Failure("unavailable", "503", 503, attempts=4))
        if requested.symbol == "SOLUSDT":
            raise SymbolRefusedError(Failure("invalid_symbol", "Invalid symbol.", 400, -1121, 1))

    system.exchange.before = fail
    run = system.collect(start=START, end=END)
    assert run.counts == {"complete": 1, "partial": 1, "failed": 1, "skipped": 0, "records": 72}
    system.exchange.before = None
    system.exchange.requested.clear()
    return system, run


def test_what_is_stored_when_a_run_is_cancelled_stays_and_the_rest_is_closed_with_the_reason() -> None:
    system = world()
    run = system.start(start=START, end=END)
    assert system.deliver()
    ended = cancel_run(run.run_id, system.closing_ports())
    assert ended.end_reason == "cancelled"
    assert ended.counts == {"complete": 1, "partial": 0, "failed": 2, "skipped": 0, "records": 48}
    record = system.record(run, "ETHUSDT")
    assert record.failure is not None
    assert (record.failure.kind, record.closed_by, record.missing) == ("cancelled", "cancel", (Window(START, END),))
    assert system.candles.slots(hourly("BTCUSDT")) == (Window(START, END),)
    while system.deliver():  # the messages that were on their way do nothing
        pass
    assert system.candles.slots(hourly("ETHUSDT")) == ()
    system.collect(start=START, end=END)


def test_a_worker_that_completes_a_cancelled_symbol_after_all_is_believed() -> None:
    system = world()
    system.defaults = replace(system.defaults, batch_size=1000)
    run = system.start(start=START, end=END, symbols=("BTCUSDT",))
    system.exchange.before = lambda _: (None, cancel_run(run.run_id, system.closing_ports()))[0]
    assert system.deliver()
    assert system.record(run).outcome is Outcome.COMPLETE
    assert system.ended(run.run_id).counts == {"complete": 1, "partial": 0, "failed": 0, "skipped": 0, "records": 48}


def test_a_worker_in_the_middle_of_a_cancelled_symbol_asks_no_more() -> None:
    system = world()
    run = system.start(start=START, end=END, symbols=("BTCUSDT",))
    system.exchange.before = lambda _: (None, cancel_run(run.run_id, system.closing_ports()))[0]
    assert system.deliver()
    assert len(system.exchange.requested) == 1
    assert system.ended(run.run_id).end_reason == "cancelled"
    system.assert_exact()


def test_only_a_run_that_exists_and_has_not_ended_can_be_cancelled() -> None:
    system = world()
    with pytest.raises(NotFoundError):
        cancel_run(NO_RUN, system.closing_ports())
    run = system.collect(start=START, end=END)
    with pytest.raises(RunEndedError):
        cancel_run(run.run_id, system.closing_ports())


def test_a_retry_runs_what_was_partial_or_failed_and_asks_only_for_what_is_missing() -> None:
    system, run = half_failed()
    again = retry_run(run.run_id, system.defaults, system.run_ports())
    system.settle()
    ended = system.ended(again.run_id)
    assert ended.counts == {"complete": 2, "partial": 0, "failed": 0, "skipped": 0, "records": 72}
    assert {(requested.symbol, requested.start) for requested in system.exchange.requested} == {
        ("ETHUSDT", START),
        ("SOLUSDT", START),
        ("SOLUSDT", START + 22),  # with the last two that are stored
    }
    assert (ended.mode, ended.window(HOUR)) == ("backward", Window(START, END))
    assert system.runs.get(run.run_id) == run


def test_a_retry_of_a_forward_run_keeps_its_range() -> None:
    system = world()
    system.collect(start=START, end=END, symbols=("BTCUSDT",))
    system.exchange.before = lambda _: _unavailable()
    run = system.collect("forward", symbols=("BTCUSDT",))
    system.exchange.before = None
    again = retry_run(run.run_id, system.defaults, system.run_ports())
    system.settle()
    assert system.record(again).range == Window(END, NOW)
    assert system.candles.slots(hourly("BTCUSDT")) == (Window(START, NOW),)


def _unavailable() -> None:
    raise ExchangeUnavailableError(Failure("unavailable", "503", 503, attempts=4))


def test_only_an_ended_run_that_left_something_can_be_retried() -> None:
    system = world()
    with pytest.raises(NotFoundError):
        retry_run(NO_RUN, system.defaults, system.run_ports())
    run = system.start(start=START, end=END)
    with pytest.raises(CollectionInProgressError):
        retry_run(run.run_id, system.defaults, system.run_ports())
    system.settle()
    with pytest.raises(NothingToRetryError):
        retry_run(run.run_id, system.defaults, system.run_ports())
    assert len(system.runs.runs(limit=10)) == 1
