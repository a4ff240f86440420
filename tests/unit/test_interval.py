"""Slots of each interval lie where the calendar says: days, months, years, blocks, and what has closed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from candle_collector.domain import windows
from candle_collector.domain.interval import DAY_MS, HOUR_MS, Interval, interval_named, moment_at, ms_of
from candle_collector.domain.windows import Window
from hypothesis import given
from hypothesis import strategies as st

INTERVALS = st.sampled_from(Interval)
FIRST_MS, END_MS = (ms_of(datetime(year, 1, 1, tzinfo=UTC)) for year in (1970, 2200))
TIMES = st.integers(FIRST_MS, END_MS)
SPANS = st.tuples(TIMES, st.integers(0, 500 * DAY_MS)).map(lambda span: Window(span[0], span[0] + span[1]))


def slots_of(interval: Interval, span: Window) -> Window:
    return Window(interval.slot_at(span.start), interval.slot_at(span.end))


@given(TIMES)
def test_a_moment_and_its_ms_are_the_same(ms: int) -> None:
    assert ms_of(moment_at(ms)) == ms
    assert moment_at(ms) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


@given(INTERVALS, TIMES)
def test_a_time_lies_in_one_slot(interval: Interval, ms: int) -> None:
    slot = interval.slot_at(ms)
    assert interval.open_ms(slot) <= ms < interval.open_ms(slot + 1)
    assert interval.slot_of(moment_at(ms)) == slot
    assert ms_of(interval.moment_of(slot)) == interval.open_ms(slot)
    assert interval.slot_from(ms) == (slot if interval.open_ms(slot) == ms else slot + 1)


@given(INTERVALS, TIMES)
def test_a_day_begins_with_a_slot_and_has_whole_ones(interval: Interval, ms: int) -> None:
    slot = interval.slot_at(ms)
    day = interval.day_of(slot)
    assert day == moment_at(ms).date().isoformat()
    first = interval.first_of_day(day)
    assert interval.format(first) == f"{day}T00:00:00Z"
    assert first <= slot < first + interval.slots_a_day
    assert {interval.day_of(first), interval.day_of(first + interval.slots_a_day - 1)} == {day}


@pytest.mark.parametrize("interval", Interval)
def test_a_day_and_a_longer_interval_are_whole_slots(interval: Interval) -> None:
    assert interval.slots_a_day * interval.length_ms == DAY_MS
    assert interval.block_slots > 1


def test_intervals_are_ordered_by_their_length_and_found_by_their_name() -> None:
    assert [str(interval) for interval in sorted(set(Interval))] == ["1m", "3m", "5m", "15m", "30m", "1h", "1d"]
    assert min(Interval).length_ms == 60_000
    assert {interval_named(str(interval)) for interval in Interval} == set(Interval)


@pytest.mark.parametrize("name", ["", "1H", "60m", "2h", "1w", "1M", "1s", " 1h"])
def test_what_is_not_collected_is_refused_with_what_is(name: str) -> None:
    with pytest.raises(ValueError, match="is not an interval that is collected: 1m, 3m, 5m, 15m, 30m, 1h, 1d"):
        interval_named(name)


@given(INTERVALS, SPANS)
def test_the_slots_within_a_span_are_those_that_begin_in_it(interval: Interval, span: Window) -> None:
    within = interval.slots_within(span)
    if not within.slots:
        assert interval.open_ms(interval.slot_from(span.start)) >= span.end
        return
    assert interval.open_ms(within.start - 1) < span.start <= interval.open_ms(within.start)
    assert interval.open_ms(within.end - 1) < span.end <= interval.open_ms(within.end)


@given(INTERVALS, SPANS, st.integers(-3 * DAY_MS, 3 * DAY_MS))
def test_closed_slots_begin_in_the_span_and_have_ended(interval: Interval, span: Window, later_ms: int) -> None:
    closed_ms = span.end + later_ms
    closed, within = interval.closed_within(span, closed_ms), interval.slots_within(span)
    assert closed.start == min(within.start, closed.end)
    assert closed.end <= within.end
    assert interval.open_ms(closed.end) <= closed_ms  # of an empty one too: forward goes on to its end
    following = closed.end
    assert following == within.end or interval.open_ms(following + 1) > closed_ms


@pytest.mark.parametrize(
    ("interval", "slots"),
    [("1m", 525_600), ("3m", 175_200), ("5m", 105_120), ("15m", 35_040), ("30m", 17_520), ("1h", 8760), ("1d", 365)],
)
def test_a_year_has_its_slots_and_leap_years_a_day_more(interval: str, slots: int) -> None:
    named = interval_named(interval)
    assert [named.year_window(year).slots for year in (2023, 2024, 2100)] == [slots, slots + named.slots_a_day, slots]


@given(INTERVALS, SPANS)
def test_the_years_of_slots_are_those_of_the_calendar(interval: Interval, span: Window) -> None:
    slots = slots_of(interval, span)
    years = interval.years_of(slots)
    assert years[0] == moment_at(span.start).year == interval.year_of(slots.start)
    assert years[-1] == interval.year_of(max(slots.start, slots.end - 1))
    whole = interval.whole_years(slots)
    assert whole == Window(interval.year_window(years[0]).start, interval.year_window(years[-1]).end)
    assert whole.start <= slots.start <= slots.end <= whole.end
    for year, following in pairwise(years):
        assert interval.year_window(year).end == interval.year_window(following).start


@given(INTERVALS, SPANS)
def test_slots_are_counted_in_the_month_in_which_they_begin(interval: Interval, span: Window) -> None:
    slots = slots_of(interval, span)
    counts = interval.count_by_month((slots,) if slots.slots else ())
    assert sum(counts.values()) == slots.slots
    assert list(counts) == sorted(counts)
    if slots.slots:
        ends = [f"{interval.moment_of(slot):%Y-%m}" for slot in (slots.start, slots.end - 1)]
        assert [min(counts), max(counts)] == ends
    for month in list(counts)[1:-1]:
        first = datetime.fromisoformat(f"{month}-01").replace(tzinfo=UTC)
        following = (first + timedelta(days=31)).replace(day=1)
        assert counts[month] == (following - first).days * interval.slots_a_day


@given(INTERVALS, st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 300)), max_size=5))
def test_the_blocks_of_windows_are_those_of_their_slots(interval: Interval, parts: list[tuple[int, int]]) -> None:
    within = [Window(start, start + slots) for start, slots in parts]
    known = {slot // interval.block_slots for window in within for slot in range(*window)}
    assert interval.blocks_in(windows.union(within)) == known


def test_a_slot_is_named_by_the_time_at_which_it_begins() -> None:
    assert interval_named("15m").format(2 * 96 + 3) == "1970-01-03T00:45:00Z"
    assert interval_named("1d").format(20_000) == "2024-10-04T00:00:00Z"
    assert interval_named("1h").open_ms(2) == 2 * HOUR_MS
