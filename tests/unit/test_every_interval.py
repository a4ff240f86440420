"""What holds for hours holds for candles of every length: the fewest requests, nothing lost, nothing twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.domain import windows
from candle_collector.domain.interval import Interval
from candle_collector.domain.plan import ANCHOR_CANDLES
from candle_collector.domain.run import Outcome
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window

from tests.fakes.world import Crash, World

EVERY = pytest.mark.parametrize("interval", list(Interval), ids=str)
SYMBOL = "BTCUSDT"
SLOTS = BINANCE.rows_most + 700


def world(interval: Interval, holes: Window | None = None) -> tuple[World, Series, Window]:
    """Return a world whose exchange has candles of one length up to now, the series, and some slots of the past."""
    now = interval.slot_of(World({}).clock.now())
    within = Window(now - 2 * interval.slots_a_day - SLOTS, now - 2 * interval.slots_a_day)
    printed = frozenset(range(within.start - 3 * interval.slots_a_day - 50, now + 1))
    printed -= frozenset(range(*holes) if holes else ())
    return World({SYMBOL: printed}, interval=interval), Series(SYMBOL, interval, BINANCE.name), within


def collect(system: World, within: Window) -> Outcome:
    """Collect a window, and return what came of it."""
    run = system.collect(start=within.start, end=within.end)
    return system.record(run).outcome


@EVERY
def test_all_is_stored_by_the_fewest_requests_and_then_by_none(interval: Interval) -> None:
    system, series, within = world(interval)
    assert collect(system, within) is Outcome.COMPLETE
    assert system.candles.slots(series) == (within,)
    system.assert_exact()
    assert len(system.exchange.requested) == -(-SLOTS // (BINANCE.rows_most - ANCHOR_CANDLES))
    system.exchange.requested.clear()
    assert collect(system, within) is Outcome.SKIPPED
    assert not system.exchange.requested


@EVERY
def test_one_missing_candle_costs_one_request_and_one_item(interval: Interval) -> None:
    system, series, within = world(interval)
    collect(system, within)
    lost = within.start + SLOTS // 2
    system.candles.remove(series, (Window(lost, lost + 1),))
    system.exchange.requested.clear()
    system.candles.writes.clear()
    assert collect(system, within) is Outcome.COMPLETE
    assert len(system.exchange.requested) == 1
    assert system.candles.writes == [(series, lost // interval.block_slots)]


@EVERY
def test_candles_that_were_never_printed_are_recognized_once(interval: Interval) -> None:
    _, _, within = world(interval)
    holes = Window(within.start + 1200, within.start + 1203)
    system, series, within = world(interval, holes)
    assert collect(system, within) is Outcome.COMPLETE
    assert system.candles.never_printed(series) == (holes,)
    system.exchange.requested.clear()
    assert collect(system, within) is Outcome.SKIPPED
    assert not system.exchange.requested


@EVERY
def test_a_candle_younger_than_a_day_is_not_settled_by_its_absence(interval: Interval) -> None:
    now = interval.slot_of(World({}).clock.now())
    young = now - 1
    printed = frozenset(range(now - interval.slots_a_day - 600, now + 1)) - {young}
    system = World({SYMBOL: printed}, interval=interval)
    series = Series(SYMBOL, interval, BINANCE.name)
    within = Window(young - 30, young)
    collect(system, within)
    system.collect("forward", start=within.start)
    known = system.candles.coverage(series, Window(young, young + 1))
    assert not windows.contains(known.never_printed, young)


@EVERY
def test_forward_brings_what_has_closed_since_and_not_the_running_candle(interval: Interval) -> None:
    system, series, within = world(interval)
    collect(system, within)
    system.clock.advance(2)  # the candle that has just ended counts as closed
    system.collect("forward")
    closed = interval.slot_of(system.clock.now())
    assert system.candles.slots(series) == (Window(within.start, closed),)
    system.assert_exact()


@EVERY
@pytest.mark.parametrize("at", range(1, 48, 9))
@pytest.mark.parametrize("after", [0, 1], ids=["before", "after"])
def test_a_worker_that_dies_at_any_call_loses_the_batch_in_flight_at_most(
    interval: Interval, at: int, after: int
) -> None:
    system, series, within = world(interval)
    run = system.start(start=within.start, end=within.end)
    requested = len(system.exchange.requested)
    try:
        system.deliver(countdown=[at, after])
    except Crash:
        system.clock.advance(600)
    system.settle()
    assert system.record(system.ended(run.run_id)).outcome is Outcome.COMPLETE
    assert system.candles.slots(series) == (within,)
    system.assert_exact()
    fewest = -(-SLOTS // (BINANCE.rows_most - ANCHOR_CANDLES))
    assert len(system.exchange.requested) - requested <= fewest + 1


def test_a_run_has_a_record_for_each_symbol_and_interval_and_counts_by_symbol() -> None:
    system, _, within = world(Interval.HOUR)
    system.defaults = replace(system.defaults, intervals=(Interval.MINUTE, Interval.HOUR))
    run = system.start("backward", start=within.start, end=within.start + 1)
    records = system.runs.symbols(run.run_id)
    assert [record.series for record in records] == [
        Series(SYMBOL, Interval.MINUTE, BINANCE.name),
        Series(SYMBOL, Interval.HOUR, BINANCE.name),
    ]
    assert run.open == {"binance:BTCUSDT#1m", "binance:BTCUSDT#1h"}
    assert run.symbols == (SYMBOL,)
    assert [entry.message.series for entry in system.queue.entries] == [record.series for record in records]
