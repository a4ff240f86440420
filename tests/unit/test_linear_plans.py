"""Plans are linear, by the number of steps: no request works out again what follows it, however small the batches are.

A step is a call of a function of the project. Times would say the same, less surely.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import Any

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.collecting import close_symbols
from candle_collector.collecting.plan_run import plan_run
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.domain import plan
from candle_collector.domain.coverage import Coverage
from candle_collector.domain.plan import count_requests, first_span, next_request
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window, Windows
from candle_collector.ports import StoredBlocks

from tests.fakes.stores import FakeCandleStore
from tests.fakes.world import World
from tests.hourly import HOUR, first_hour_of, hourly, times_of
from tests.unit.json_answers import as_json

START = first_hour_of("2017-05-01")
YEARS = 8
HOURS = 8766 * YEARS
END = START + HOURS
NOW = first_hour_of("2025-06-01") + 12
DOMAIN = plan.__file__.rsplit("/", 1)[0]
PACKAGE = close_symbols.__file__.rsplit("/", 2)[0]


@contextmanager
def counted_steps(folder: str) -> Iterator[Callable[[], int]]:
    """Count the calls of functions whose code is in a folder, in this thread and in those that begin meanwhile."""
    steps = [0]

    def step(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(folder):
            steps[0] += 1

    threading.setprofile(step)
    sys.setprofile(step)
    try:
        yield lambda: steps[0]
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def steps_of(work: Callable[[], object], folder: str = DOMAIN) -> int:
    with counted_steps(folder) as steps:
        work()
        return steps()


def holes(hours: int) -> Windows:
    """Return a hole of an hour every other hour."""
    return tuple(Window(hour, hour + 1) for hour in range(START, START + hours, 2))


@pytest.mark.parametrize("batch", [1, 24, 998])
@pytest.mark.parametrize("stored", [(), (Window(START - 10, START),)])
def test_the_next_request_over_eight_years_takes_as_many_steps_as_the_last(batch: int, stored: Windows) -> None:
    coverage = Coverage(stored)
    begins = [START, START + HOURS // 2, END - 2000, END - 1]
    steps = {
        steps_of(
            partial(
                next_request,
                (Window(begin, END),),
                coverage,
                interval=HOUR,
                market=BINANCE,
                window_slots=batch,
                candles=2,
            )
        )
        for begin in begins
    }
    assert max(steps) < 60


@pytest.mark.parametrize("batch", [1, 24, 998])
def test_how_many_requests_are_left_is_counted_without_planning_them(batch: int) -> None:
    missing = (Window(START, END),)
    assert count_requests(missing, batch) == -(-HOURS // batch)
    assert steps_of(lambda: count_requests(missing, batch)) < 10
    assert steps_of(lambda: first_span(missing, batch, HOUR.block_slots)) < 20


def test_a_worker_with_batches_of_an_hour_takes_as_many_steps_for_each_request() -> None:
    def steps_a_request(hours: int) -> float:
        system = World({"BTCUSDT": range(NOW - 1000, NOW + 1)})
        system.defaults = replace(system.defaults, batch_size=1)
        system.worker_seconds = 10_000
        system.start(start=NOW - 500, end=NOW - 500 + hours, symbols=("BTCUSDT",))
        steps = steps_of(system.deliver)
        assert system.candles.slots(hourly("BTCUSDT")) == (Window(NOW - 500, NOW - 500 + hours),)
        assert len(system.exchange.requested) == pytest.approx(hours, abs=3)
        return steps / hours

    few, many = steps_a_request(60), steps_a_request(240)
    assert many < 1.2 * few


class Empty(FakeCandleStore):
    """A store of nothing, or of every other hour, whose reads take no time."""

    stored: Windows = ()

    def coverage(self, series: Series, within: Window) -> StoredBlocks:  # noqa: ARG002 - the same for all
        return StoredBlocks(self.stored, (), frozenset())


@pytest.mark.parametrize("batch", [1, 1000])
@pytest.mark.parametrize("recheck", [False, True])
def test_a_dry_run_of_500_symbols_over_eight_years_plans_no_request(batch: int, *, recheck: bool) -> None:
    names = tuple(f"S{number:03}USDT" for number in range(500))
    system = World(dict.fromkeys(names, ()))
    system.defaults = replace(system.defaults, batch_size=batch)
    request = RunRequest("backward", *times_of(Window(START, END)), names, recheck=recheck)
    answers: list[Any] = []
    ports = system.run_ports()
    steps = steps_of(
        lambda: answers.append(plan_run(request, system.defaults, ports, Empty())),
        PACKAGE,
    )
    assert as_json(answers[0])["requests"] == 500 * -(-HOURS // min(batch, 998))
    assert 500 < steps < 500 * 150


def test_a_dry_run_of_holes_everywhere_takes_the_same_steps_for_any_batch() -> None:
    system = World({"BTCUSDT": ()})
    candles = Empty()
    candles.stored = holes(HOURS)
    request = RunRequest("backward", *times_of(Window(START, END)), ("BTCUSDT",))

    def steps(batch: int) -> int:
        defaults = replace(system.defaults, batch_size=batch)
        ports = system.run_ports()
        return steps_of(lambda: plan_run(request, defaults, ports, candles), PACKAGE)

    assert steps(1) == pytest.approx(steps(1000), rel=0.02)
