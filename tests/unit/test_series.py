"""The record of a series follows from what is stored and proven, whatever the order in which that becomes known."""

from __future__ import annotations

from candle_collector.domain import windows
from candle_collector.domain.coverage import Settlement
from candle_collector.domain.series import Series, count_by_year
from candle_collector.domain.windows import Window
from hypothesis import given
from hypothesis import strategies as st

START = windows.first_hour_of("2023-12-30")
HOURS = st.sets(st.integers(START, START + 96))
WHOLE = Window(windows.first_hour_of("2023-01-01"), windows.first_hour_of("2025-01-01"))


def by_hand(hours: set[int]) -> dict[int, int]:
    years = [windows.year_of(hour) for hour in hours]
    return {year: years.count(year) for year in years}


@given(HOURS)
def test_whole_years_are_counted_again(hours: set[int]) -> None:
    known = {2022: 5, 2023: 77, 2024: 88}
    assert count_by_year(known, None, windows.from_hours(hours), WHOLE) == {2022: 5, **by_hand(hours)}


@given(HOURS, st.integers(START, START + 96))
def test_of_a_year_read_in_part_only_what_follows_the_last_candle_is_added(hours: set[int], last: int) -> None:
    before = {hour for hour in hours if hour <= last} | {last}
    read = Window(last, START + 97)
    stored = windows.from_hours(hour for hour in hours | {last} if hour >= last)
    once = count_by_year(by_hand(before), last, stored, read)
    assert once == by_hand(hours | {last})
    assert count_by_year(once, max(hours | {last}), stored, read) == once


@given(HOURS, HOURS)
def test_first_and_last_are_those_of_all_that_was_ever_stored(earlier: set[int], later: set[int]) -> None:
    series = Series("BTCUSDT").updated(windows.from_hours(earlier), WHOLE)
    series = series.updated(windows.from_hours(earlier | later), WHOLE)
    stored = earlier | later
    assert (series.first, series.last) == (min(stored, default=None), max(stored, default=None))


def test_what_lies_before_the_listing_ends_at_the_first_candle() -> None:
    series = Series("BTCUSDT").updated((), WHOLE, Settlement(absent=Window(START, START + 50)))
    assert series.absent == Window(START, START + 50)
    assert series.updated(windows.from_hours([START + 20]), WHOLE).absent == Window(START, START + 20)
    assert series.updated(windows.from_hours([START]), WHOLE).absent is None


def test_a_delisting_begins_after_the_last_candle() -> None:
    series = Series("BTCUSDT").updated((), WHOLE, Settlement(delisted=Window(START, START + 50)))
    assert series.delisted == Window(START, START + 50)
    assert series.updated(windows.from_hours([START + 20]), WHOLE).delisted == Window(START + 21, START + 50)
    assert series.updated(windows.from_hours([START + 60]), WHOLE).delisted is None
