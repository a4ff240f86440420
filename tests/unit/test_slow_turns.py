"""An honest exchange with outages, wrong rows and a late listing, by turns that have time for a request or two."""

from __future__ import annotations

from dataclasses import replace

from candle_collector.domain import windows
from candle_collector.domain.run import Outcome
from candle_collector.domain.windows import Window
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fakes.exchange import listing
from tests.fakes.world import AtOnce, World

SYMBOL = "BTCUSDT"
NOW = windows.first_hour_of("2025-06-01") + 12
START = NOW - 36
HOURS = st.integers(0, 35)
WORLDS = st.fixed_dictionaries(
    {
        "holes": st.sets(HOURS, max_size=12),
        "wrong": st.sets(HOURS, max_size=8),
        "listed": st.integers(-30, 20),
        "ends": st.none() | st.integers(21, 35),
        "batch_size": st.sampled_from([1, 2, 7, 1000]),
        "requests_a_turn": st.sampled_from([1, 2, 50]),
        "ahead": st.sampled_from([None, AtOnce()]),
        "lost": st.sets(HOURS, max_size=12),
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
"""Between the hours before the listing and the first candle lies one that is too young to be settled."""


def world(how: dict[str, object]) -> World:
    """Return such a world."""
    holes, wrong, listed, ends = how["holes"], how["wrong"], how["listed"], how["ends"]
    assert isinstance(holes, set)
    assert isinstance(wrong, set)
    assert isinstance(listed, int)
    last = START + ends if isinstance(ends, int) else NOW
    printed = frozenset(range(START + listed, last + 1)) - {START + hour for hour in holes}
    status = "TRADING" if ends is None else "BREAK"
    system = World({SYMBOL: printed}, listings=(listing(SYMBOL, status),))
    system.exchange.wrong_rows = {SYMBOL: {hour + START: "a price is zero" for hour in wrong}}
    system.exchange.seconds = 1
    requests = how["requests_a_turn"]
    assert isinstance(requests, int)
    system.worker_seconds = 2.6 + requests - 1
    batch_size, ahead = how["batch_size"], how["ahead"]
    assert isinstance(batch_size, int)
    system.defaults = replace(system.defaults, batch_size=batch_size, collection_start=START)
    system.prefetch = ahead if isinstance(ahead, AtOnce) else None
    return system


def hours_of(system: World, within: Window) -> set[int]:
    return set(windows.hours_in(windows.clip(system.candles.hours(SYMBOL), within)))


@settings(max_examples=60, deadline=None)
@given(WORLDS, st.booleans())
@example(YOUNG_HOLE_AT_THE_START, False)  # noqa: FBT003
def test_every_run_ends_and_asks_for_no_hour_much_more_than_once(how: dict[str, object], recheck: bool) -> None:  # noqa: FBT001
    system = world(how)
    exchange, whole = system.exchange, Window(START, NOW)
    wrong = exchange.wrong_rows[SYMBOL].keys() & exchange.printed[SYMBOL]
    there = {hour for hour in exchange.printed[SYMBOL] if START <= hour < NOW} - wrong
    gone, earlier = how["lost"], how["earlier"]
    assert isinstance(gone, set)
    most = 2 * whole.hours + 10
    if earlier:  # a later part first
        system.collect(start=START + 15, end=NOW, symbols=(SYMBOL,))
        assert len(exchange.requested) <= most
    for number in range(4):
        exchange.requested.clear()
        run = system.collect(start=START, end=NOW, symbols=(SYMBOL,), recheck=recheck and number > 1)
        assert len(exchange.requested) <= most
        record = system.record(run)
        assert record.requests == len(exchange.requested)
        assert hours_of(system, whole) == there
        system.assert_exact()
        named = set(windows.hours_in(record.missing))
        never = set(windows.hours_in(system.candles.never_printed(SYMBOL)))
        assert not never & exchange.printed[SYMBOL]
        assert not {hour for hour in never if hour >= NOW - 24}
        if number == 0 and not earlier:
            assert wrong & set(range(*whole)) <= named
        if number == 1:
            system.candles.remove(SYMBOL, windows.from_hours(START + hour for hour in gone))
        if number == 3:
            young = set(range(NOW - 24, NOW)) - there - wrong
            assert named == (young | (wrong & set(range(*whole))) if recheck else young)
            if not named:
                assert record.outcome in {Outcome.COMPLETE, Outcome.SKIPPED}
    if not recheck and max(windows.hours_in(system.candles.hours(SYMBOL)), default=0) == NOW - 1:
        assert len(exchange.requested) <= 24
