"""forward believes the candle table, not the note of where a series ends."""

from __future__ import annotations

import pytest
from candle_collector.collecting.series_range import stored_range
from candle_collector.domain import windows
from candle_collector.domain.run import Outcome
from candle_collector.domain.windows import Window

from tests.fakes.world import World

START = windows.first_hour_of("2025-05-01")
NOW = windows.first_hour_of("2025-06-01") + 12
SYMBOL = "BTCUSDT"


@pytest.fixture
def collected() -> World:
    """Return a world in which all is stored up to the last closed hour."""
    system = World({SYMBOL: range(START - 24 * 400, NOW + 1)})
    system.collect(start=START, end=NOW)
    system.exchange.requested.clear()
    return system


def lose(system: World, hours: range) -> None:
    for hour in hours:
        del system.candles.lines[SYMBOL, hour]


@pytest.mark.parametrize("lost", [1, 23, 24, 100, 200])
def test_forward_begins_behind_the_last_candle_that_is_there(collected: World, lost: int) -> None:
    end = collected.candles.hours(SYMBOL)[-1].end
    lose(collected, range(end - lost, end))
    run = collected.collect("forward")
    record = collected.record(run)
    assert record.range == Window(end - lost, end)
    assert (record.outcome, record.records, len(collected.exchange.requested)) == (Outcome.COMPLETE, lost, 1)
    assert collected.candles.hours(SYMBOL) == (Window(START, end),)
    assert sum(collected.series.get(SYMBOL).years.values()) == end - START


def test_forward_begins_with_the_first_noted_hour_where_all_is_lost(collected: World) -> None:
    end = collected.candles.hours(SYMBOL)[-1].end
    lose(collected, range(START, end))
    series = collected.series.get(SYMBOL)
    assert stored_range("forward", Window(0, end), series, collected.candles) == Window(START, end)
