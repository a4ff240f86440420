"""The record of a series follows from what is stored and proven, whatever the order in which that becomes known."""

from __future__ import annotations

from candle_collector.domain import windows
from candle_collector.domain.coverage import Settlement
from candle_collector.domain.failed_window import FailedWindow
from candle_collector.domain.repaired_series import repair
from candle_collector.domain.series_record import KEPT_REJECTED, SeriesRecord, count_by_year
from candle_collector.domain.windows import Window
from hypothesis import given
from hypothesis import strategies as st

from tests.hourly import HOUR, first_hour_of, hourly, year_of

START = first_hour_of("2023-12-30")
HOURS = st.sets(st.integers(START, START + 96))
WHOLE = Window(first_hour_of("2023-01-01"), first_hour_of("2025-01-01"))


def by_hand(hours: set[int]) -> dict[int, int]:
    years = [year_of(hour) for hour in hours]
    return {year: years.count(year) for year in years}


@given(HOURS)
def test_whole_years_are_counted_again(hours: set[int]) -> None:
    known = {2022: 5, 2023: 77, 2024: 88}
    assert count_by_year(known, None, windows.from_slots(hours), WHOLE, HOUR) == {2022: 5, **by_hand(hours)}


@given(HOURS, st.integers(START, START + 96))
def test_of_a_year_read_in_part_only_what_follows_the_last_candle_is_added(hours: set[int], last: int) -> None:
    before = {hour for hour in hours if hour <= last} | {last}
    read = Window(last, START + 97)
    stored = windows.from_slots(hour for hour in hours | {last} if hour >= last)
    once = count_by_year(by_hand(before), last, stored, read, HOUR)
    assert once == by_hand(hours | {last})
    assert count_by_year(once, max(hours | {last}), stored, read, HOUR) == once


@given(HOURS, HOURS)
def test_first_and_last_are_those_of_all_that_was_ever_stored(earlier: set[int], later: set[int]) -> None:
    series = SeriesRecord(hourly("BTCUSDT")).updated(windows.from_slots(earlier), WHOLE)
    series = series.updated(windows.from_slots(earlier | later), WHOLE)
    stored = earlier | later
    assert (series.first, series.last) == (min(stored, default=None), max(stored, default=None))


def test_what_lies_before_the_listing_ends_at_the_first_candle() -> None:
    series = SeriesRecord(hourly("BTCUSDT")).updated((), WHOLE, Settlement(absent=Window(START, START + 50)))
    assert series.absent == Window(START, START + 50)
    assert series.updated(windows.from_slots([START + 20]), WHOLE).absent == Window(START, START + 20)
    assert series.updated(windows.from_slots([START]), WHOLE).absent is None


def test_a_delisting_begins_after_the_last_candle() -> None:
    series = SeriesRecord(hourly("BTCUSDT")).updated((), WHOLE, Settlement(delisted=Window(START, START + 50)))
    assert series.delisted == Window(START, START + 50)
    assert series.updated(windows.from_slots([START + 20]), WHOLE).delisted == Window(START + 21, START + 50)
    assert series.updated(windows.from_slots([START + 60]), WHOLE).delisted is None


def test_a_record_names_each_wrong_hour_once_and_forgets_those_that_are_stored_and_the_oldest() -> None:
    series = SeriesRecord(hourly("BTCUSDT")).rejecting({START: "one", START + 1: "two"}, ())
    again = series.rejecting({START: "other"}, (Window(START + 1, START + 2),))
    assert again.rejected == (FailedWindow(Window(START, START + 1), 1, "other"),)
    many = SeriesRecord(hourly("BTCUSDT")).rejecting({START + step: "wrong" for step in range(KEPT_REJECTED + 1)}, ())
    assert (len(many.rejected), many.rejected[0].window.start) == (KEPT_REJECTED, START + 1)


def test_an_hour_that_turned_up_after_all_is_stored_and_no_longer_said_to_be_missing_for_good() -> None:
    hour = Window(START, START + 1)
    coverage = SeriesRecord(hourly("BTCUSDT")).rejecting({START: "wrong"}, ()).coverage((hour,), (hour,))
    assert (coverage.never_printed, coverage.rejected) == ((), ())


def test_a_proof_gives_way_to_a_candle() -> None:
    series = SeriesRecord(
        hourly("BTCUSDT"), absent=Window(START - 10, START + 20), delisted=Window(START + 30, START + 90)
    )
    at = series.updated((Window(START, START + 1), Window(START + 30, START + 31)), WHOLE)
    assert (at.absent, at.delisted) == (Window(START - 10, START), Window(START + 31, START + 90))
    found = repair(series, START, START + 30).record
    assert (found.absent, found.delisted) == (Window(START - 10, START), Window(START + 31, START + 90))
    repaired = repair(series, START - 10, START + 29)
    assert repaired.is_repaired
    assert (repaired.record.absent, repaired.record.delisted) == (None, series.delisted)


def test_a_record_that_only_has_later_hints_need_not_be_written() -> None:
    empty = SeriesRecord(hourly("BTCUSDT"))
    some = empty.updated((Window(START, START + 10),), WHOLE)
    more = some.updated((Window(START, START + 50),), WHOLE)
    assert more != some
    assert not more.says_more_than(some)
    assert some.says_more_than(empty)  # which is not listed
    for proof in (Settlement(absent=Window(START - 9, START)), Settlement(delisted=Window(START + 50, START + 60))):
        assert more.updated((), Window(START, START), proof).says_more_than(some)
    assert more.rejecting({START + 60: "it is negative"}, ()).says_more_than(some)
