"""Machines whose clocks differ by minutes: a worker that was closed by another's clock stores nothing more."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.collecting.control_run import cancel_run
from candle_collector.collecting.exchange_time import ExchangeTime
from candle_collector.collecting.import_candles import ImportPorts, import_series, importing
from candle_collector.domain import windows
from candle_collector.domain.candle import Candle
from candle_collector.domain.windows import Window
from candle_collector.ports import Clock

from tests.fakes.exchange import synthetic_candle
from tests.fakes.world import World
from tests.hourly import first_hour_of, hourly

START = first_hour_of("2025-01-01")
NOW = first_hour_of("2025-06-01") + 12


class Ahead:
    """A clock that is ahead of another one."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._ahead = timedelta(seconds=seconds)

    def now(self) -> datetime:
        """Return the time."""
        return self._clock.now() + self._ahead


@pytest.mark.parametrize("ahead", [0, 45, 100, 180, 3600])
@pytest.mark.parametrize("request_number", [1, 2, 3])
def test_what_a_cancel_reports_is_what_is_stored(request_number: int, ahead: float) -> None:
    system = World({"BTCUSDT": range(START, NOW + 1)})
    system.defaults = replace(system.defaults, batch_size=96)
    run = system.start(start=START, end=START + 288)
    requests = 0

    def cancel(_: object) -> None:
        nonlocal requests
        requests += 1
        if requests == request_number:
            cancel_run(run.run_id, replace(system.closing_ports(), clock=Ahead(system.clock, ahead)))

    system.exchange.before = cancel
    system.deliver()
    system.settle()
    assert system.ended(run.run_id).counts == (system.ended(run.run_id).counts or {}) | {
        "records": windows.count(system.candles.slots(hourly("BTCUSDT")))
    }


@pytest.mark.parametrize("request_number", [1, 2])
def test_a_worker_that_was_closed_replaces_nothing_of_an_import_that_came_after(request_number: int) -> None:
    system = World({"BTCUSDT": range(START, NOW + 1)})
    system.defaults = replace(system.defaults, batch_size=96)
    run = system.start(start=START, end=START + 288)
    at = START + 96 * (request_number - 1)
    mine = [synthetic_candle("BTCUSDT", at + hour)._replace(trade_count=999) for hour in range(96)]
    requests = 0

    def cancel_and_import(_: object) -> None:
        nonlocal requests
        requests += 1
        if requests != request_number:
            return
        cancel_run(run.run_id, replace(system.closing_ports(), clock=Ahead(system.clock, 180)))
        ports = ImportPorts(BINANCE, system.candles, system.series, system.leases, system.clock)
        with importing(ports) as lease:
            import_series(hourly("BTCUSDT"), [mine], ports, lease, stated=(), closed_end=NOW)

    system.exchange.before = cancel_and_import
    system.deliver()
    assert system.candles.candles(hourly("BTCUSDT"), Window(at, at + 96), limit=96) == mine


def test_a_worker_that_was_closed_by_a_clock_ahead_revises_nothing() -> None:
    system = World({"BTCUSDT": range(START, NOW + 1)})
    system.collect(start=START, end=NOW - 5)
    stored = dict(system.candles.lines)

    def revised(symbol: str, hour: int) -> Candle:
        made = synthetic_candle(symbol, hour)
        return made._replace(volume="36", trade_count=9) if hour == NOW - 6 else made

    system.exchange.candle = revised
    run = system.start("forward")

    def cancel(_: object) -> None:
        cancel_run(run.run_id, replace(system.closing_ports(), clock=Ahead(system.clock, 180)))

    system.exchange.before = cancel
    system.deliver()
    assert system.candles.revised(hourly("BTCUSDT")) == []
    assert system.candles.lines == stored


def test_a_process_without_an_answer_of_its_own_takes_the_time_that_others_measured() -> None:
    system = World({"BTCUSDT": range(START, NOW + 1)})
    system.exchange.clock_offset_ms = None  # type: ignore[assignment] # it has not answered yet
    assert ExchangeTime(system.clock, system.exchange, 90_000).now() == system.clock.now() + timedelta(seconds=90)
    system.exchange.clock_offset_ms = -30_000
    assert ExchangeTime(system.clock, system.exchange, 90_000).now() == system.clock.now() - timedelta(seconds=30)
