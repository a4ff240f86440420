"""A copy of an archive holds what the source holds and knows, keeps what it held itself, and says what differs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.collecting.copy_archive import CopiedSeries, copy_series, copy_universes
from candle_collector.collecting.import_candles import ImportLease, ImportPorts, importing
from candle_collector.domain import windows
from candle_collector.domain.failed_window import FailedWindow
from candle_collector.domain.windows import Window
from candle_collector.errors import StaleTurnError

from tests.fakes.clock import FakeClock
from tests.fakes.exchange import synthetic_candle
from tests.fakes.leases import FakeLeaseStore, FakeUniverseStore
from tests.fakes.stores import FakeCandleStore, FakeSeriesStore
from tests.fakes.world import World
from tests.hourly import hour_of, hourly

SYMBOL = "BTCUSDT"
NOW = hour_of(FakeClock().now())
START = NOW - 24 * 300
OUTAGE = Window(START + 500, START + 520)


@dataclass
class Archive:
    """An archive in memory."""

    candles: FakeCandleStore = field(default_factory=FakeCandleStore)
    series: FakeSeriesStore = field(default_factory=FakeSeriesStore)
    leases: FakeLeaseStore = field(default_factory=FakeLeaseStore)
    clock: FakeClock = field(default_factory=FakeClock)

    def take(self, source: World | Archive, symbol: str = SYMBOL) -> CopiedSeries:
        ports = ImportPorts(BINANCE, self.candles, self.series, self.leases, self.clock)
        with importing(ports) as lease:
            return copy_series(hourly(symbol), source, ports, lease, closed_end=NOW)


def collected(printed: Iterable[int] = range(START + 100, NOW + 1), **changes: Any) -> World:
    system = World({SYMBOL: frozenset(printed) - set(range(*OUTAGE))}, **changes)
    system.collect(start=START, end=NOW)
    return system


def test_a_copy_holds_the_candles_and_what_is_known_of_the_other_hours() -> None:
    source, target = collected(), Archive()
    copied = target.take(source)
    assert target.candles.lines == source.candles.lines
    assert target.candles.never_printed(hourly(SYMBOL)) == source.candles.never_printed(hourly(SYMBOL)) == (OUTAGE,)
    assert target.series.get(hourly(SYMBOL)) == replace(source.series.get(hourly(SYMBOL)), failed_windows=())
    assert copied.is_equal
    assert copied.source.candles == copied.imported.stored == len(source.candles.lines)
    assert copied.imported.never_printed == OUTAGE.slots


def test_a_delisting_is_copied() -> None:
    source, target = collected(range(START, NOW - 1000)), Archive()
    record = replace(source.series.get(hourly(SYMBOL)), delisted=Window(NOW - 1000, NOW - 24))
    source.series.put(record)
    target.take(source)
    assert target.series.get(hourly(SYMBOL)).delisted == Window(NOW - 1000, NOW - 24)


def test_rows_that_were_wrong_are_copied_with_their_reason() -> None:
    source, target = collected(), Archive()
    source.candles.remove(hourly(SYMBOL), (Window(START + 300, START + 301),))
    wrong = FailedWindow(Window(START + 300, START + 301), 1, "low is above high")
    source.series.put(replace(source.series.get(hourly(SYMBOL)), rejected=(wrong,)))
    target.take(source)
    assert target.series.get(hourly(SYMBOL)).rejected == (wrong,)


def test_a_copy_again_writes_nothing() -> None:
    source, target = collected(), Archive()
    target.take(source)
    assert target.candles.unfinished == set()
    target.candles.writes.clear()
    again = target.take(source)
    assert (again.imported.stored, again.imported.never_printed, target.candles.writes) == (0, 0, [])
    assert again.is_equal


def test_what_the_target_holds_stays_and_what_differs_is_reported() -> None:
    source, target = collected(), Archive()
    other = synthetic_candle(SYMBOL, START + 200)._replace(volume="1.5")
    target.candles.store(hourly(SYMBOL), [other], (), absent_blocks=frozenset())
    copied = target.take(source)
    assert [difference.stored for difference in copied.imported.different] == [other]
    assert target.candles.lines[hourly(SYMBOL), other.slot] == other.line()
    assert not copied.is_equal
    assert copied.source.candles == copied.target.candles


def test_the_targets_own_candles_overrule_what_the_source_believes() -> None:
    source, target = collected(), Archive()
    printed = [synthetic_candle(SYMBOL, hour) for hour in (START + 50, OUTAGE.start + 1)]
    target.candles.store(hourly(SYMBOL), printed, (), absent_blocks=frozenset())
    assert target.take(source).is_equal
    assert target.series.get(hourly(SYMBOL)).first == START + 50
    assert not windows.contains(target.candles.never_printed(hourly(SYMBOL)), OUTAGE.start + 1)
    assert target.series.get(hourly(SYMBOL)).absent == Window(START, START + 50)


def test_a_copy_that_was_interrupted_goes_on() -> None:
    source, target = collected(), Archive()
    store, calls = target.candles.store, 0

    def die_at_the_second(*arguments: object, **options: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        store(*arguments, **options)  # type: ignore[arg-type] # passed through

    target.candles.store = die_at_the_second  # type: ignore[method-assign] # stands in for one method
    with pytest.raises(KeyboardInterrupt):
        target.take(source)
    target.candles.store = store  # type: ignore[method-assign] # as it was
    arrived = len(target.candles.lines)
    copied = target.take(source)
    assert 0 < arrived == copied.imported.equal
    assert copied.is_equal


def test_a_copy_that_was_held_up_for_longer_than_its_lease_writes_nothing() -> None:
    source, target = collected(), Archive()
    ports = ImportPorts(BINANCE, target.candles, target.series, target.leases, target.clock)
    lease = ImportLease(ports)
    lease.hold()
    target.clock.advance(2 * 3600)
    with pytest.raises(StaleTurnError):
        copy_series(hourly(SYMBOL), source, ports, lease, closed_end=NOW)
    assert target.candles.lines == {}


def test_a_series_without_a_candle_is_copied_as_what_it_is_known_to_be() -> None:
    source, target = collected(()), Archive()
    source.clock.advance(3600)
    source.collect(start=START, end=NOW)
    assert source.series.get(hourly(SYMBOL)).absent is not None
    copied = target.take(source)
    assert (copied.source.candles, copied.is_equal) == (0, True)
    assert target.series.get(hourly(SYMBOL)).absent == source.series.get(hourly(SYMBOL)).absent


def test_rankings_are_copied_where_the_day_has_none_in_the_quote_asset() -> None:
    source, target = FakeUniverseStore(), FakeUniverseStore()
    first, other = [{"symbol": "BTCUSDT", "quote_volume": "1"}], [{"symbol": "ETHUSDT", "quote_volume": "2"}]
    for day in ("2025-01-01", "2025-01-02", "2025-01-03"):
        source.put(day, "USDT", first, run_id="RUN")
    source.put("2025-01-03", "BTC", other, run_id="RUN")
    target.put("2025-01-02", "USDT", other, run_id="RUN")
    target.put("2025-01-03", "USDT", first, run_id="RUN")
    assert copy_universes(source, target, name="copied") == (2, 1)
    assert [target.get(day) for day in target.days()] == [
        {"USDT": first},
        {"USDT": other},
        {"USDT": first, "BTC": other},
    ]
