"""Windows behave as the sets of their hours do, and are always in order, apart, and not empty."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from candle_collector.domain import windows as w
from candle_collector.domain.windows import Window, Windows
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.windows import ANY_WINDOWS, HOUR_SETS, HOURS, hours, ordered

WINDOW = st.tuples(HOURS, HOURS).map(lambda pair: Window(min(pair), max(pair)))


def assert_well_formed(windows: Windows) -> None:
    assert all(window.hours > 0 for window in windows)
    assert all(left.end < right.start for left, right in pairwise(windows))


@given(ANY_WINDOWS)
def test_a_union_holds_the_hours_of_its_parts(windows: list[Window]) -> None:
    joined = w.union(windows)
    assert_well_formed(joined)
    assert hours(joined) == hours(windows)


@given(HOUR_SETS)
def test_single_hours_join_into_windows_and_fall_apart_again(hour_set: frozenset[int]) -> None:
    joined = w.from_hours(hour_set)
    assert_well_formed(joined)
    assert list(w.hours_in(joined)) == sorted(hour_set)
    assert w.count(joined) == len(hour_set)


@given(HOUR_SETS, HOUR_SETS)
def test_a_difference_is_that_of_the_sets(left: frozenset[int], right: frozenset[int]) -> None:
    rest = w.subtract(ordered(left), ordered(right))
    assert_well_formed(rest)
    assert hours(rest) == left - right


@given(HOUR_SETS, WINDOW)
def test_clipping_keeps_what_lies_within(hour_set: frozenset[int], within: Window) -> None:
    clipped = w.clip(ordered(hour_set), within)
    assert_well_formed(clipped)
    assert hours(clipped) == hour_set & hours([within])


@given(WINDOW, WINDOW)
def test_a_clipped_window_is_the_intersection_and_never_negative(one: Window, within: Window) -> None:
    clipped = one.clip(within)
    assert hours([clipped]) == hours([one]) & hours([within])
    assert clipped.start <= clipped.end


@given(HOUR_SETS, HOURS)
def test_containing_is_membership(hour_set: frozenset[int], hour: int) -> None:
    assert w.contains(ordered(hour_set), hour) == (hour in hour_set)


@given(st.integers(0, 7_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_a_moment_lies_in_its_hour(moment: datetime) -> None:
    hour = w.hour_of(moment)
    assert w.moment_of(hour) <= moment < w.moment_of(hour + 1)
    assert w.first_hour_of(w.day_of(hour)) <= hour < w.first_hour_of(w.day_of(hour)) + 24
    assert w.day_of(hour) == moment.date().isoformat()
    assert hour in range(*w.year_window(w.year_of(hour)))


@pytest.mark.parametrize(("year", "expected"), [(2023, 8760), (2024, 8784), (2100, 8760)])
def test_a_year_has_the_hours_of_the_calendar(year: int, expected: int) -> None:
    assert w.year_window(year).hours == expected
    assert w.moment_of(w.year_window(year).end) - w.moment_of(w.year_window(year).start) == timedelta(hours=expected)
