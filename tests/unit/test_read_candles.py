"""What a question in Binance's terms is answered from the store, for every interval, both ways, with any holes."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from candle_collector.domain import windows
from candle_collector.domain.aggregate import Grid, merge
from candle_collector.domain.series import Series
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window, Windows
from candle_collector.ports import StoredBlocks
from candle_collector.reading.read_candles import read_candles
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.exchange import synthetic_candle
from tests.fakes.stores import FakeCandleStore, FakeSeriesStore
from tests.hourly import HOUR, HOUR_MS, first_hour_of, hourly

SYMBOL = "BTCUSDT"
SERIES = hourly(SYMBOL)
DAY = first_hour_of("2025-01-01")


class CountingStore(FakeCandleStore):
    """Counts how often coverage is read."""

    def __init__(self) -> None:
        super().__init__()
        self.coverage_reads: list[Window] = []

    def coverage(self, series: Series, within: Window) -> StoredBlocks:
        self.coverage_reads.append(within)
        return super().coverage(series, within)


class Archive(NamedTuple):
    """Stored candles, and the record of their series."""

    store: CountingStore
    records: FakeSeriesStore

    def opens(self, start: int | None, end: int | None, limit: int, grid: Grid) -> list[int]:
        """Return the hours at which the candles open that are answered for bounds in hours."""
        found = read_candles(
            self.store,
            self.records,
            SERIES,
            start_ms=None if start is None else start * HOUR_MS,
            end_ms=None if end is None else end * HOUR_MS,
            limit=limit,
            grid=grid,
        )
        return [candle.slot for candle in found]


def archive(
    stored: Windows, never: Windows = (), absent: Window | None = None, delisted: Window | None = None
) -> Archive:
    store, records = CountingStore(), FakeSeriesStore()
    store.store(
        SERIES, [synthetic_candle(SYMBOL, hour) for hour in windows.slots_in(stored)], never, absent_blocks=frozenset()
    )
    first, last = (stored[0].start, stored[-1].end - 1) if stored else (None, None)
    records.put(SeriesRecord(SERIES, first=first, last=last, absent=absent, delisted=delisted))
    return Archive(store, records)


def test_a_bucket_that_misses_an_hour_is_left_out() -> None:
    there = archive((Window(DAY, DAY + 25), Window(DAY + 26, DAY + 72)))
    assert there.opens(DAY, None, 10, Grid(24)) == [DAY, DAY + 48]


def test_a_bucket_whose_hole_was_never_printed_is_built_from_the_rest() -> None:
    hole = Window(DAY + 25, DAY + 30)
    there = archive((Window(DAY, DAY + 25), Window(DAY + 30, DAY + 48)), never=(hole,))
    found = read_candles(
        there.store, there.records, SERIES, start_ms=DAY * HOUR_MS, end_ms=None, limit=5, grid=Grid(24)
    )
    hours = [synthetic_candle(SYMBOL, hour) for hour in range(DAY + 24, DAY + 48) if not hole.start <= hour < hole.end]
    assert found[1] == merge(Window(DAY + 24, DAY + 48), hours)


def test_a_bucket_in_which_nothing_was_printed_is_left_out() -> None:
    hole = Window(DAY + 24, DAY + 48)
    there = archive((Window(DAY, DAY + 24), Window(DAY + 48, DAY + 72)), never=(hole,))
    assert there.opens(DAY, None, 10, Grid(24)) == [DAY, DAY + 48]


def test_the_first_bucket_needs_proof_that_nothing_came_before_the_listing() -> None:
    stored = (Window(DAY + 4, DAY + 48),)
    assert archive(stored).opens(0, None, 10, Grid(24)) == [DAY + 24]
    assert archive(stored, absent=Window(DAY + 2, DAY + 4)).opens(0, None, 10, Grid(24)) == [DAY + 24]
    assert archive(stored, absent=Window(DAY, DAY + 4)).opens(0, None, 10, Grid(24)) == [DAY, DAY + 24]


def test_the_last_bucket_is_there_once_all_its_hours_are_known() -> None:
    stored = (Window(DAY, DAY + 40),)
    assert archive(stored).opens(None, None, 10, Grid(24)) == [DAY]
    assert archive(stored, delisted=Window(DAY + 40, DAY + 44)).opens(None, None, 10, Grid(24)) == [DAY]
    assert archive(stored, delisted=Window(DAY + 40, DAY + 60)).opens(None, None, 10, Grid(24)) == [DAY, DAY + 24]


def test_a_proof_that_reaches_over_stored_candles_completes_no_bucket() -> None:
    stored = (Window(DAY, DAY + 10), Window(DAY + 12, DAY + 24), Window(DAY + 26, DAY + 48))
    there = archive(stored, absent=Window(DAY - 9, DAY + 12))
    assert there.opens(0, None, 10, Grid(24)) == []
    there = archive(stored, delisted=Window(DAY + 24, DAY + 99))
    assert there.opens(0, None, 10, Grid(24)) == []


def test_full_buckets_cost_no_reading_of_coverage() -> None:
    there = archive((Window(DAY, DAY + 24 * 50),))
    assert len(there.opens(DAY, None, 1000, Grid(24))) == 50
    assert there.store.coverage_reads == []


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_pages_follow_each_other_without_a_gap_or_a_repetition(limit: int) -> None:
    there = archive((Window(DAY + 3, DAY + 200), Window(DAY + 205, DAY + 1500)), never=(Window(DAY + 200, DAY + 205),))
    grid, start, seen = Grid(4), 0, list[int]()
    while page := there.opens(start, None, limit, grid):
        seen += page
        start = page[-1] + 1
    assert seen == [hour for hour in range(DAY + 4, DAY + 1500 - 3, 4) if hour != DAY + 200]


holes = st.lists(st.tuples(st.integers(0, 240), st.integers(1, 30), st.booleans()), max_size=8)


@given(
    holes=holes,
    grid=st.builds(Grid, st.sampled_from([2, 4, 6, 8, 12, 24]), st.integers(-12, 14)),
    bounds=st.tuples(*[st.none() | st.integers(DAY - 30, DAY + 270)] * 2),
    limit=st.integers(1, 60),
)
def test_the_answer_is_that_of_whoever_looks_at_every_bucket(
    holes: list[tuple[int, int, bool]], grid: Grid, bounds: tuple[int | None, int | None], limit: int
) -> None:
    start, end = bounds
    whole = Window(DAY, DAY + 240)
    gone = windows.union(Window(DAY + at, DAY + at + size) for at, size, _ in holes)
    missing = windows.union(Window(DAY + at, DAY + at + size) for at, size, proven in holes if not proven)
    stored = windows.subtract((whole,), gone)
    there = archive(stored, never=windows.clip(windows.subtract(gone, missing), whole))

    def is_answered(bucket: Window) -> bool:
        inside = whole.start <= bucket.start and bucket.end <= whole.end
        known = not windows.clip(missing, bucket) and bool(windows.clip(stored, bucket))
        wanted = (start is None or bucket.start >= start) and (end is None or bucket.start <= end)
        return inside and known and wanted

    first = grid.floor(DAY - 48)
    buckets = [grid.bucket(at) for at in range(first, DAY + 300, grid.slots)]
    expected = [bucket.start for bucket in buckets if is_answered(bucket)]
    assert there.opens(start, end, limit, grid) == (expected[-limit:] if start is None else expected[:limit])


HOURLY = Grid(1)


def test_hours_are_the_oldest_from_a_start_on_and_the_newest_without_one() -> None:
    there = archive((Window(DAY, DAY + 20),))
    assert there.opens(DAY + 2, None, 3, HOURLY) == [DAY + 2, DAY + 3, DAY + 4]
    assert there.opens(None, None, 3, HOURLY) == [DAY + 17, DAY + 18, DAY + 19]
    assert there.opens(None, DAY + 5, 3, HOURLY) == [DAY + 3, DAY + 4, DAY + 5]
    assert there.opens(DAY + 2, DAY + 3, 9, HOURLY) == [DAY + 2, DAY + 3]


def test_bounds_between_two_hours_take_as_many_as_there_are() -> None:
    there = archive((Window(DAY, DAY + 20),))
    found = read_candles(
        there.store, there.records, SERIES, start_ms=DAY * HOUR_MS + 1, end_ms=(DAY + 9) * HOUR_MS - 1, limit=2
    )
    assert [candle.slot for candle in found] == [DAY + 1, DAY + 2]


def test_a_candle_that_opened_late_is_bounded_by_its_own_time() -> None:
    there = archive((Window(DAY, DAY + 3),))
    late = synthetic_candle(SYMBOL, DAY + 3)._replace(offset_ms=1_694_789)
    there.store.store(SERIES, [late], (), absent_blocks=frozenset())
    opened = late.open_time_ms(HOUR)
    for start_ms, end_ms, expected in ((opened, opened, [late]), (opened + 1, None, []), (opened - 1, opened - 1, [])):
        assert read_candles(there.store, there.records, SERIES, start_ms=start_ms, end_ms=end_ms, limit=9) == expected


@pytest.mark.parametrize(("grid", "hours"), [(HOURLY, 1001), (Grid(2), 2002)])
def test_no_more_than_a_thousand_are_answered(grid: Grid, hours: int) -> None:
    assert len(archive((Window(DAY, DAY + hours),)).opens(DAY, None, 5000, grid)) == 1000


def test_a_bucket_that_the_reading_cut_is_read_whole_the_next_time() -> None:
    # one candle is asked for, so the hours of two buckets are read: these two miss an hour each, and the third is cut
    there = archive((Window(DAY + 1, DAY + 4), Window(DAY + 5, DAY + 12)))
    found = read_candles(there.store, there.records, SERIES, start_ms=DAY * HOUR_MS, end_ms=None, limit=1, grid=Grid(4))
    whole = [synthetic_candle(SYMBOL, hour) for hour in range(DAY + 8, DAY + 12)]
    assert found == [merge(Window(DAY + 8, DAY + 12), whole)]
