"""Whole collections on a database: interrupted at every step and done again, they store what the exchange has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from candle_collector.adapters.sql.candles import SqlCandles
from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.leases import SqlLeases
from candle_collector.adapters.sql.market_cache import SqlMarketCache
from candle_collector.adapters.sql.rate_limiter import SqlRateLimiter
from candle_collector.adapters.sql.runs import SqlRuns
from candle_collector.adapters.sql.series import SqlSeries
from candle_collector.adapters.sql.universes import SqlUniverses
from candle_collector.domain.windows import Window
from candle_collector.errors import StaleTurnError
from sqlalchemy import Connection

from tests.fakes.clock import NOON
from tests.fakes.world import Crash, World
from tests.hourly import hour_of, hourly

NOW = hour_of(NOON)
START, END = NOW - 100, NOW - 2
WITHIN = Window(START, END)
SYMBOLS = ("BTCUSDT", "ETHUSDT")


@pytest.fixture
def system(database: Database) -> World:
    world = World(
        {"BTCUSDT": range(START - 50, NOW + 1), "ETHUSDT": [*range(START + 9, START + 40), *range(NOW - 30, NOW)]}
    )
    adapters = {
        "candles": SqlCandles(database),
        "series": SqlSeries(database),
        "leases": SqlLeases(database),
        "runs": SqlRuns(database, now=world.clock.now),
        "universes": SqlUniverses(database),
        "rate_limiter": SqlRateLimiter(database),
        "market_cache": SqlMarketCache(database),
    }
    for name, adapter in adapters.items():
        setattr(world, name, adapter)
    return world


def assert_complete(system: World) -> None:
    """Hold what is stored of the range to what the exchange has of it."""
    for symbol in SYMBOLS:
        printed = [hour for hour in sorted(system.exchange.printed[symbol]) if hour in range(*WITHIN)]
        expected = [system.exchange.candle(symbol, hour) for hour in printed]
        assert system.candles.candles(hourly(symbol), WITHIN, limit=200) == expected


def test_a_collection_stores_what_the_exchange_has_and_a_second_one_asks_nothing(system: World) -> None:
    run = system.collect(start=START, end=END)
    assert run.counts is not None
    assert run.counts["complete"] == 2
    assert_complete(system)
    again = system.collect(start=START, end=END)
    assert again.counts is not None
    assert again.counts["skipped"] == 2


def test_a_batch_waits_for_the_disk_once_and_is_there_when_it_is_stored(
    system: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is followed is on the disk with the next transaction that waits."""
    system.defaults = replace(system.defaults, batch_size=48)
    system.start(start=START, end=END)
    waits: list[str] = []
    transact = database.transact

    def noting(step: Callable[[Connection], Any], *, followed: bool = False) -> Any:
        if not followed:
            waits.append(step.__qualname__.split(".")[1])
        return transact(step, followed=followed)

    monkeypatch.setattr(database, "transact", noting)
    system.deliver()
    assert len(system.exchange.requested) == 3
    assert waits == ["put_symbol", "reserve", "store", "store", "store", "put_symbol", "leave"]


@pytest.mark.parametrize("moment", [0, 1], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, 40, 6))
def test_a_worker_that_dies_at_any_step_costs_no_candle(system: World, step: int, moment: int) -> None:
    system.start(start=START, end=END)
    for _ in SYMBOLS:
        try:
            system.deliver(0, [step, moment])
        except (Crash, StaleTurnError):
            continue
    system.settle()
    assert_complete(system)
    assert system.runs.open_runs() == []
    assert system.leases.holder(system.clock.now()) is None
