"""Windows behave as the sets of their hours do, and are always in order, apart, and not empty."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from candle_collector.domain import windows
from candle_collector.domain.windows import Window, Windows
from hypothesis import example, given
from hypothesis import strategies as st

from tests.hourly import (
    HOUR,
    blocks_in,
    count_by_month,
    day_of,
    first_hour_of,
    hour_of,
    moment_of,
    year_of,
    year_window,
    years_of,
)
from tests.unit.windows import ANY_WINDOWS, HOUR_SETS, HOURS, hours, ordered

BLOCK = HOUR.block_slots
WINDOW = st.tuples(HOURS, HOURS).map(lambda pair: Window(min(pair), max(pair)))


def assert_well_formed(windows: Windows) -> None:
    assert all(window.slots > 0 for window in windows)
    assert all(left.end < right.start for left, right in pairwise(windows))


@given(ANY_WINDOWS)
def test_a_union_holds_the_hours_of_its_parts(parts: list[Window]) -> None:
    joined = windows.union(parts)
    assert_well_formed(joined)
    assert hours(joined) == hours(parts)


@given(HOUR_SETS)
def test_single_hours_join_into_windows_and_fall_apart_again(hour_set: frozenset[int]) -> None:
    joined = windows.from_slots(hour_set)
    assert_well_formed(joined)
    assert list(windows.slots_in(joined)) == sorted(hour_set)
    assert windows.count(joined) == len(hour_set)


@example([1, 1, 3])
@given(st.lists(HOURS))
def test_hours_join_in_any_order_and_however_often_they_are_said(said: list[int]) -> None:
    assert windows.from_slots(said) == windows.union(Window(hour, hour + 1) for hour in said)


@given(HOUR_SETS, HOUR_SETS)
def test_a_difference_is_that_of_the_sets(left: frozenset[int], right: frozenset[int]) -> None:
    rest = windows.subtract(ordered(left), ordered(right))
    assert_well_formed(rest)
    assert hours(rest) == left - right


@given(HOUR_SETS, WINDOW)
def test_clipping_keeps_what_lies_within(hour_set: frozenset[int], within: Window) -> None:
    clipped = windows.clip(ordered(hour_set), within)
    assert_well_formed(clipped)
    assert hours(clipped) == hour_set & hours([within])


@given(WINDOW, WINDOW)
def test_a_clipped_window_is_the_intersection_and_never_negative(item: Window, within: Window) -> None:
    clipped = item.clip(within)
    assert hours([clipped]) == hours([item]) & hours([within])
    assert clipped.start <= clipped.end


@given(HOUR_SETS, HOURS)
def test_containing_is_membership(hour_set: frozenset[int], hour: int) -> None:
    assert windows.contains(ordered(hour_set), hour) == (hour in hour_set)


@given(st.integers(0, 7_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_a_moment_lies_in_its_hour(moment: datetime) -> None:
    hour = hour_of(moment)
    assert moment_of(hour) <= moment < moment_of(hour + 1)
    assert first_hour_of(day_of(hour)) <= hour < first_hour_of(day_of(hour)) + 24
    assert day_of(hour) == moment.date().isoformat()
    assert hour in range(*year_window(year_of(hour)))


@pytest.mark.parametrize(("year", "expected"), [(2023, 8760), (2024, 8784), (2100, 8760)])
def test_a_year_has_the_hours_of_the_calendar(year: int, expected: int) -> None:
    assert year_window(year).slots == expected
    whole = year_window(year)
    assert moment_of(whole.end) - moment_of(whole.start) == timedelta(hours=expected)


def test_a_window_that_ends_before_it_starts_holds_nothing() -> None:
    assert Window(5, 3).slots == 0


def test_a_window_touches_the_years_of_its_first_and_its_last_hour() -> None:
    year = year_window(2024)
    assert list(years_of(year)) == [2024]
    assert list(years_of(Window(year.start - 1, year.end + 1))) == [2023, 2024, 2025]
    assert list(years_of(Window(year.start, year.start))) == [2024]


def test_a_window_touches_the_blocks_of_all_its_hours() -> None:
    start = first_hour_of("2025-03-01")
    assert start % BLOCK == 0
    assert blocks_in((Window(start, start + BLOCK),)) == {start // BLOCK}
    later = Window(start + 3 * BLOCK, start + 3 * BLOCK + 1)
    assert blocks_in((Window(start + BLOCK - 4, start + BLOCK + 1), later)) == {
        start // BLOCK,
        start // BLOCK + 1,
        start // BLOCK + 3,
    }


@given(HOUR_SETS)
def test_blocks_are_counted_as_they_are_listed(covered: frozenset[int]) -> None:
    assert windows.count_blocks(ordered(covered), BLOCK) == len(blocks_in(ordered(covered)))


@given(HOUR_SETS, st.sampled_from(["1970-01-01", "2024-01-31", "2024-02-28", "2025-12-31"]))
def test_hours_are_counted_by_the_month_in_which_they_open(hour_set: frozenset[int], day: str) -> None:
    hours = [first_hour_of(day) + hour for hour in hour_set]
    by_month = Counter(day_of(hour)[:7] for hour in hours)
    assert count_by_month(windows.from_slots(hours)) == by_month


@given(HOUR_SETS, st.integers(1, 8))
def test_coarsened_windows_hold_all_hours_and_are_no_more_than_so_many(hour_set: frozenset[int], most: int) -> None:
    fine = windows.from_slots(hour_set)
    coarse = windows.coarsened(fine, most)
    assert_well_formed(coarse)
    assert len(coarse) == min(most, len(fine))
    assert not windows.subtract(fine, coarse)
    if coarse:
        assert (coarse[0].start, coarse[-1].end) == (fine[0].start, fine[-1].end)


def test_the_windows_that_lie_closest_are_joined() -> None:
    fine = (Window(0, 1), Window(10, 11), Window(13, 14), Window(50, 51))
    assert windows.coarsened(fine, 3) == (Window(0, 1), Window(10, 14), Window(50, 51))
