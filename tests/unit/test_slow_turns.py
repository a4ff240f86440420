"""An honest exchange with outages, wrong rows and a late listing, by turns that have time for a request or two."""

from __future__ import annotations

from dataclasses import replace

from candle_collector.adapters.binance.market import BINANCE
from candle_collector.domain import windows
from candle_collector.domain.closing import closed_ms_by
from candle_collector.domain.interval import Interval
from candle_collector.domain.run import Outcome
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fakes.clock import NOON
from tests.fakes.exchange import listing
from tests.fakes.world import AtOnce, World

SYMBOL = "BTCUSDT"
LENGTH = 36
"""How many slots the runs are about."""

SLOTS = st.integers(0, LENGTH - 1)
WORLDS = st.fixed_dictionaries(
    {
        "holes": st.sets(SLOTS, max_size=12),
        "wrong": st.sets(SLOTS, max_size=8),
        "listed": st.integers(-30, 20),
        "ends": st.none() | st.integers(21, 35),
        "batch_size": st.sampled_from([1, 2, 7, 1000]),
        "requests_a_turn": st.sampled_from([1, 2, 50]),
        "ahead": st.sampled_from([None, AtOnce()]),
        "lost": st.sets(SLOTS, max_size=12),
        "earlier": st.booleans(),
    }
)
YOUNG_HOLE_AT_THE_START = {
    "holes": {9, 12},
    "wrong": {10, 11},
    "listed": 9,
    "ends": None,
    "batch_size": 1000,
    "requests_a_turn": 50,
    "ahead": None,
    "lost": set(),
    "earlier": False,
}
"""Of hours, between those before the listing and the first candle lies one that is too young to be settled."""


def range_of(interval: Interval) -> Window:
    """Return the slots that the runs are about, the last that have closed."""
    now = interval.slot_at(closed_ms_by(NOON, clock_offset_ms=0))
    return Window(now - LENGTH, now)


def world(interval: Interval, how: dict[str, object]) -> World:
    """Return such a world."""
    holes, wrong, listed, ends = how["holes"], how["wrong"], how["listed"], how["ends"]
    assert isinstance(holes, set)
    assert isinstance(wrong, set)
    assert isinstance(listed, int)
    start, now = range_of(interval)
    last = start + ends if isinstance(ends, int) else now
    printed = frozenset(range(start + listed, last + 1)) - {start + slot for slot in holes}
    status = "TRADING" if ends is None else "BREAK"
    system = World({SYMBOL: printed}, interval=interval, listings=(listing(SYMBOL, status),))
    system.exchange.wrong_rows = {SYMBOL: {slot + start: "a price is zero" for slot in wrong}}
    system.exchange.seconds = 1
    requests = how["requests_a_turn"]
    assert isinstance(requests, int)
    system.worker_seconds = 2.6 + requests - 1
    batch_size, ahead = how["batch_size"], how["ahead"]
    assert isinstance(batch_size, int)
    system.defaults = replace(system.defaults, batch_size=batch_size, collection_start=interval.open_ms(start))
    system.prefetch = ahead if isinstance(ahead, AtOnce) else None
    return system


def slots_of(system: World, within: Window) -> set[int]:
    return set(
        windows.slots_in(windows.clip(system.candles.slots(Series(SYMBOL, system.interval, BINANCE.name)), within))
    )


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([Interval.HOUR, Interval.MINUTE, Interval.DAY]), WORLDS, st.booleans())
@example(Interval.HOUR, YOUNG_HOLE_AT_THE_START, False)  # noqa: FBT003
def test_every_run_ends_and_asks_for_no_slot_much_more_than_once(
    interval: Interval,
    how: dict[str, object],
    recheck: bool,  # noqa: FBT001
) -> None:
    system, series = world(interval, how), Series(SYMBOL, interval, BINANCE.name)
    exchange, whole = system.exchange, range_of(interval)
    start, now = whole
    settled_end = now - interval.slots_a_day
    wrong = exchange.wrong_rows[SYMBOL].keys() & exchange.printed[SYMBOL]
    there = {slot for slot in exchange.printed[SYMBOL] if start <= slot < now} - wrong
    gone, earlier = how["lost"], how["earlier"]
    assert isinstance(gone, set)
    most = 2 * whole.slots + 10
    if earlier:  # a later part first
        system.collect(start=start + 15, end=now, symbols=(SYMBOL,))
        assert len(exchange.requested) <= most
    for number in range(4):
        exchange.requested.clear()
        run = system.collect(start=start, end=now, symbols=(SYMBOL,), recheck=recheck and number > 1)
        assert len(exchange.requested) <= most
        record = system.record(run)
        assert record.requests == len(exchange.requested)
        assert slots_of(system, whole) == there
        system.assert_exact()
        named = set(windows.slots_in(record.missing))
        never = set(windows.slots_in(system.candles.never_printed(series)))
        assert not never & exchange.printed[SYMBOL]
        assert not {slot for slot in never if slot >= settled_end}
        if number == 0 and not earlier:
            assert wrong & set(range(*whole)) <= named
        if number == 1:
            system.candles.remove(series, windows.from_slots(start + slot for slot in gone))
        if number == 3:
            young = set(range(max(start, settled_end), now)) - there - wrong
            assert named == (young | (wrong & set(range(*whole))) if recheck else young)
            if not named:
                assert record.outcome in {Outcome.COMPLETE, Outcome.SKIPPED}
    if not recheck and max(windows.slots_in(system.candles.slots(series)), default=0) == now - 1:
        assert len(exchange.requested) <= min(LENGTH, interval.slots_a_day)
