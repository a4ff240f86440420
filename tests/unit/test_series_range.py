"""forward and gap_fill believe the candle table, not the note of where a series begins and ends."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from candle_collector.collecting.series_range import stored_range
from candle_collector.domain.run import Outcome
from candle_collector.domain.series import Series
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window

from tests.fakes.stores import FakeCandleStore
from tests.fakes.world import World
from tests.hourly import first_hour_of, hourly

START = first_hour_of("2025-05-01")
NOW = first_hour_of("2025-06-01") + 12
SYMBOL = "BTCUSDT"
SERIES = hourly(SYMBOL)


@pytest.fixture
def collected() -> World:
    """Return a world in which all is stored up to the last closed hour."""
    system = World({SYMBOL: range(START - 24 * 400, NOW + 1)})
    system.collect(start=START, end=NOW)
    system.exchange.requested.clear()
    return system


def lose(system: World, hours: Iterable[int]) -> None:
    for hour in hours:
        del system.candles.lines[SERIES, hour]


@pytest.mark.parametrize("lost", [1, 23, 24, 100, 200])
def test_forward_begins_behind_the_last_candle_that_is_there(collected: World, lost: int) -> None:
    end = collected.candles.slots(SERIES)[-1].end
    lose(collected, range(end - lost, end))
    run = collected.collect("forward")
    record = collected.record(run)
    assert record.range == Window(end - lost, end)
    assert (record.outcome, record.records, len(collected.exchange.requested)) == (Outcome.COMPLETE, lost, 1)
    assert collected.candles.slots(SERIES) == (Window(START, end),)
    assert sum(collected.series.get(SERIES).years.values()) == end - START


def test_forward_begins_with_the_first_noted_hour_where_all_is_lost(collected: World) -> None:
    end = collected.candles.slots(SERIES)[-1].end
    lose(collected, range(START, end))
    series = collected.series.get(SERIES)
    assert stored_range("forward", Window(0, end), series, collected.candles) == Window(START, end)


class CountingStore(FakeCandleStore):
    """Counts the reads."""

    def __init__(self, candles: FakeCandleStore) -> None:
        super().__init__()
        self.lines = candles.lines
        self.reads: list[str] = []

    def first_slot(self, series: Series) -> int | None:
        self.reads.append("first")
        return super().first_slot(series)

    def last_slot(self, series: Series) -> int | None:
        self.reads.append("last")
        return super().last_slot(series)


LIES = [
    SeriesRecord(SERIES),
    SeriesRecord(SERIES, first=START + 50, last=START + 100),
    SeriesRecord(SERIES, first=START + 50),
    SeriesRecord(SERIES, first=START + 9, last=NOW - 9),
]


@pytest.mark.parametrize("noted", LIES)
def test_a_record_that_is_too_narrow_changes_no_range(collected: World, noted: SeriesRecord) -> None:
    candles = CountingStore(collected.candles)
    wide = Window(START - 500, NOW + 500)
    end = collected.candles.slots(SERIES)[-1].end
    assert stored_range("gap_fill", wide, noted, candles) == Window(START, end)
    assert sorted(candles.reads) == ["first", "last"]
    candles.reads.clear()
    assert stored_range("forward", wide, noted, candles) == Window(end, NOW + 500)
    assert candles.reads == ["last"]
    candles.reads.clear()
    assert stored_range("backward", wide, noted, candles) == wide
    assert candles.reads == []


def test_gap_fill_fetches_what_was_lost_at_the_ends(collected: World) -> None:
    end = collected.candles.slots(SERIES)[-1].end
    lose(collected, [*range(START, START + 30), *range(end - 30, end)])
    assert collected.record(collected.collect("gap_fill")).records == 60
    assert collected.candles.slots(SERIES) == (Window(START, end),)


def test_gap_fill_writes_a_wrong_record_again(collected: World) -> None:
    right = collected.series.get(SERIES)
    for noted in LIES:
        collected.series.overwrite(noted)
        collected.collect("gap_fill")
        series = collected.series.get(SERIES)
        assert (series.first, series.last, series.years) == (right.first, right.last, right.years)
    assert collected.exchange.requested == []


def test_gap_fill_is_about_nothing_where_nothing_is_stored_or_noted() -> None:
    assert not stored_range("gap_fill", Window(START, NOW), SeriesRecord(SERIES), FakeCandleStore()).slots
    assert stored_range("forward", Window(START, NOW), SeriesRecord(SERIES), FakeCandleStore()) == Window(START, NOW)


def test_forward_to_an_end_before_the_last_candle_is_about_nothing_behind_it(collected: World) -> None:
    last = collected.candles.last_slot(SERIES)
    assert last is not None
    run = collected.collect("forward", end=last - 5)
    assert collected.record(run).range == Window(last + 1, last + 1)
