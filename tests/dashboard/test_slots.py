"""Each slot of a series is of one kind, and what the next run brings is not called missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from candle_collector.answers import Listing, MissingWindow, SymbolCoverage
from candle_collector.domain import windows
from candle_collector.domain.interval import Interval
from candle_collector.domain.windows import Window

from dashboard.slots import Kind, by_hour, count_kinds, is_whole, missing_of, month_kind, slots_of, to_come
from tests.dashboard.fake_archive import ALL, END, HOLE, NEVER, START, WRONG, by_month, coverage, in_slots, moment

WHOLE = coverage("BTCUSDT", ALL)


def lagging(hours: int) -> SymbolCoverage:
    """Return a series whose last hours are not stored."""
    first, last = (moment(hour) for hour in (END - hours, END))
    newer = MissingWindow(first, last, hours, 0, None)
    newest = moment(END - hours - 1)
    return replace(WHOLE, last=newest, missing=[*WHOLE.missing, newer], missing_candles=WHOLE.missing_candles + hours)


def test_every_slot_is_of_one_kind() -> None:
    kinds = slots_of(WHOLE).kinds(Window(START - 5, END + 5))
    by_hour = dict(enumerate(kinds, START - 5))
    assert len(kinds) == END - START + 10
    assert {hour for hour, kind in by_hour.items() if kind is Kind.MISSING} == set(range(*HOLE))
    assert {hour for hour, kind in by_hour.items() if kind is Kind.NEVER_PRINTED} == set(range(*NEVER))
    assert {hour for hour, kind in by_hour.items() if kind is Kind.REJECTED} == set(range(*WRONG))
    assert [by_hour[hour] for hour in (START - 1, START, END - 1, END)] == [
        Kind.NOT_EXPECTED,
        Kind.STORED,
        Kind.STORED,
        Kind.NOT_EXPECTED,
    ]


def test_the_slots_of_days_are_counted_by_kind() -> None:
    days = slots_of(WHOLE).kinds_by_day(date(2025, 10, 2), date(2025, 10, 3))
    assert [dict(count) for count in count_kinds(days)] == [{Kind.STORED: 23, Kind.REJECTED: 1}, {Kind.STORED: 24}]


@pytest.mark.parametrize("interval", [Interval.MINUTE, Interval.MINUTES_15, Interval.HOUR, Interval.DAY])
def test_a_day_of_any_interval_is_shown_by_the_worst_of_each_hour(interval: Interval) -> None:
    slots = slots_of(coverage("BTCUSDT", ALL, interval))
    assert slots.missing == (in_slots(HOLE, interval),)
    (lacking, wrong) = (slots.kinds_by_day(day, day)[0] for day in (date(2025, 11, 18), date(2025, 10, 2)))
    assert len(lacking) == interval.slots_a_day
    cells = by_hour(lacking, interval)
    assert cells == [Kind.MISSING] * min(24, interval.slots_a_day)
    if interval is not Interval.DAY:
        expected = [Kind.STORED] * 24
        expected[3] = Kind.REJECTED
        assert by_hour(wrong, interval) == expected


def test_what_is_newer_than_the_newest_candle_is_to_come() -> None:
    hours = slots_of(lagging(4))
    assert hours.to_come == (Window(END - 4, END),)
    assert hours.missing == (HOLE,)
    assert windows.count(hours.stored) == windows.count(slots_of(WHOLE).stored) - 4


def test_before_the_listing_nothing_is_expected() -> None:
    listing = Listing(moment(START + 9), is_proven=True, asked_from=moment(START - 100))
    kinds = slots_of(replace(WHOLE, listing=listing)).kinds(Window(START, START + 10))
    assert kinds == [Kind.NOT_EXPECTED] * 9 + [Kind.STORED]


def test_after_a_delisting_nothing_is_expected() -> None:
    kinds = slots_of(replace(WHOLE, delisted_from=moment(END - 3))).kinds(Window(END - 4, END))
    assert kinds == [Kind.STORED] + [Kind.NOT_EXPECTED] * 3


def test_of_a_series_without_a_candle_nothing_is_expected() -> None:
    empty = replace(WHOLE, start=None, end=None, first=None, last=None)
    assert set(slots_of(empty).kinds(Window(START, END))) == {Kind.NOT_EXPECTED}


def test_an_answer_that_names_not_every_window_is_known() -> None:
    assert is_whole(WHOLE)
    assert not is_whole(replace(WHOLE, missing_candles=WHOLE.missing_candles + 1))
    assert not is_whole(replace(WHOLE, never_printed_candles=0))


def test_a_month_is_of_its_worst_slot() -> None:
    months = {month.month: month_kind(month, 0) for month in by_month("BTCUSDT").months}
    assert {month: kind for month, kind in months.items() if kind is not Kind.STORED} == {
        "2024-07": Kind.NEVER_PRINTED,
        "2025-10": Kind.REJECTED,
        "2025-11": Kind.MISSING,
    }


@pytest.mark.parametrize("hours", [1, 12, 400])
def test_what_is_to_come_of_a_series_is_counted_by_month(hours: int) -> None:
    series = by_month("ADAUSDT")
    behind = replace(series, last=moment(END - hours - 1), missing=hours, stored=series.stored - hours)
    assert sum(to_come(behind).values()) == hours
    assert missing_of(behind) == 0
    last = behind.months[-1]
    lacking = replace(last, missing=min(hours, last.expected), stored=last.expected - min(hours, last.expected))
    assert month_kind(lacking, to_come(behind)[last.month]) is Kind.TO_COME
