"""A dry run says what a run then does, and does nothing itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from candle_collector.collecting.plan_run import plan_run
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.domain.run import Mode
from candle_collector.domain.windows import Window
from candle_collector.errors import InvalidRequestError

from tests.fakes.exchange import listing
from tests.fakes.world import World
from tests.hourly import first_hour_of, hourly, ms_of_hour
from tests.unit.json_answers import as_json

START = first_hour_of("2025-01-01")
END = first_hour_of("2025-05-01")
NOW = first_hour_of("2025-06-01") + 12
START_MS, END_MS = ms_of_hour(START), ms_of_hour(END)


def world() -> World:
    system = World(
        {
            "BTCUSDT": range(START, NOW + 1),
            "ETHUSDT": frozenset(range(START, NOW + 1)) - {START + 500, START + 501},
            "OLDUSDT": range(START, START + 1000),
        },
        listings=(listing("BTCUSDT"), listing("ETHUSDT"), listing("OLDUSDT", "BREAK")),
    )
    system.defaults = replace(system.defaults, collection_start=START_MS)
    return system


@pytest.mark.parametrize("mode", ["backward", "forward", "gap_fill"])
@pytest.mark.parametrize("recheck", [False, True])
def test_a_run_asks_for_what_the_plan_reported(mode: Mode, *, recheck: bool) -> None:
    system = world()
    system.collect(start=START, end=END)
    system.candles.remove(hourly("BTCUSDT"), (Window(START + 100, START + 101), Window(START + 2000, START + 2500)))
    system.exchange.requested.clear()
    request = RunRequest(mode, START_MS if mode == "backward" else None, recheck=recheck)
    plan = as_json(plan_run(request, system.defaults, system.run_ports(), system.candles))
    assert system.exchange.requested == []
    assert len(system.runs.runs(limit=9)) == 1
    before = len(system.candles.lines)
    system.collect(mode, start=START if mode == "backward" else None, recheck=recheck)
    assert len(system.exchange.requested) == plan["requests"]
    proven = 2 if recheck and mode != "forward" else 0
    assert len(system.candles.lines) - before == plan["missing_candles"] - proven


def test_the_plan_of_what_is_covered_is_nothing() -> None:
    system = world()
    system.collect(start=START, end=END)
    plan = as_json(
        plan_run(RunRequest("backward", START_MS, END_MS), system.defaults, system.run_ports(), system.candles)
    )
    assert (plan["missing_candles"], plan["requests"]) == (0, 0)
    assert {item["requests"] for item in plan["symbols"]} == {0}


def test_minutes_grow_with_the_exchanges_limit_where_that_is_what_binds() -> None:
    system = world()
    request = RunRequest("backward", START_MS, END_MS)
    fast = as_json(plan_run(request, system.defaults, system.run_ports(), system.candles))
    system.exchange.weight_limit = 100
    system.clock.advance(60)  # by then nobody takes the answers of before for new
    slow = as_json(plan_run(request, system.defaults, system.run_ports(), system.candles))
    assert slow["estimated_minutes"] > fast["estimated_minutes"] > 0
    assert slow["weight"] == fast["weight"] == fast["requests"] * 2 + 100


def test_a_plan_of_what_cannot_be_meant_is_refused_as_a_run_is() -> None:
    system = world()
    with pytest.raises(InvalidRequestError, match="end_date"):
        plan_run(RunRequest("backward", END_MS, START_MS), system.defaults, system.run_ports(), system.candles)
    with pytest.raises(InvalidRequestError, match="symbols"):
        plan_run(RunRequest("backward", symbols=("X",)), system.defaults, system.run_ports(), system.candles)
