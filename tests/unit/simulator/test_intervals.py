"""Where the simulated exchange cuts its intervals, held against the calendar."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.intervals import DAY_MS, HOUR, HOUR_MS, INTERVALS, MINUTE_MS, MONTH, Grid
from simulator.symbols import listed_ms
from tests.unit.simulator.shown import MINUTES, NAMES

MOMENTS = st.integers(0, 4_200_000_000_000)
LISTED = date(2017, 8, 17)
EPOCH = date(1970, 1, 1)


def _ms(day: date) -> int:
    return (day - EPOCH).days * DAY_MS


def _first_day(day: date, name: str) -> date:
    if name == "1M":
        return day.replace(day=1)
    if name == "1w":
        return day - timedelta(days=day.weekday())
    return day - timedelta(days=(day - LISTED).days % 3)


@given(moment=MOMENTS, name=st.sampled_from(["3d", "1w", "1M"]), hours=st.integers(-12, 14))
def test_long_candles_open_where_the_calendar_says(moment: int, name: str, hours: int) -> None:
    shift_ms = hours * HOUR_MS
    grid = Grid(INTERVALS[name], shift_ms, _ms(LISTED) - shift_ms + 4 * HOUR_MS)
    day = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment + shift_ms)).date()
    first = _first_day(day, name)
    after = (
        (first + timedelta(days=31)).replace(day=1) if name == "1M" else first + timedelta(int(MINUTES[name] / 1440))
    )
    open_ms = _ms(first) - shift_ms
    assert grid.floor(moment) == open_ms
    assert grid.after(open_ms) == _ms(after) - shift_ms
    assert grid.ceil(moment) == (open_ms if moment == open_ms else _ms(after) - shift_ms)


@given(moment=MOMENTS, name=st.sampled_from([name for name in MINUTES if MINUTES[name] <= 1440]))
def test_candles_within_a_day_open_as_long_after_midnight_as_whole_ones_are(moment: int, name: str) -> None:
    length_ms = MINUTES[name] * MINUTE_MS
    open_ms = Grid(INTERVALS[name]).floor(moment)
    assert open_ms <= moment < open_ms + length_ms
    assert open_ms % DAY_MS % length_ms == 0


@given(moment=MOMENTS, slots=st.integers(-400, 400))
def test_months_later_and_earlier_are_months_of_the_calendar(moment: int, slots: int) -> None:
    first = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment)).date().replace(day=1)
    months = first.year * 12 + first.month - 1 + slots
    assert MONTH.after(_ms(first), slots) == _ms(date(months // 12, months % 12 + 1, 1))


@pytest.mark.parametrize(
    ("short", "long", "shift_hours", "divides"),
    [
        ("1m", "1M", 0, True),
        ("1d", "1M", 0, True),
        ("3d", "1M", 0, False),
        ("1w", "1M", 0, False),
        ("1M", "1M", 0, True),
        ("1M", "1w", 0, False),
        ("1d", "3d", 0, True),
        ("3d", "1w", 0, False),
        ("3m", "5m", 0, False),
        ("8h", "12h", 0, False),
        ("1h", "1m", 0, False),
        ("1d", "1d", 8, False),
        ("1h", "1d", 8, True),
        ("4h", "1d", 8, True),
        ("6h", "1d", 8, False),
        ("2h", "1M", 1, False),
        ("1M", "1M", 1, False),
    ],
)
def test_what_an_interval_consists_of(short: str, long: str, shift_hours: int, *, divides: bool) -> None:
    assert INTERVALS[short].divides(INTERVALS[long], shift_hours * HOUR_MS) is divides


def test_the_intervals_are_binances() -> None:
    assert [*NAMES] == [*MINUTES, "1M"]
    assert all(INTERVALS[name].length_ms == MINUTES[name] * MINUTE_MS for name in MINUTES)
    assert HOUR.after(0, -2) == -2 * HOUR_MS


def test_the_days_on_which_symbols_were_listed_are_binances() -> None:
    # Recorded candles of 3d in January 2026 began on these days: docs/reading.md.
    known = {"BTCUSDT": "2017-08-17", "SOLUSDT": "2020-08-11", "XRPUSDT": "2018-05-04", "TRXUSDT": "2018-06-11"}
    for symbol, day in known.items():
        listed = listed_ms(symbol)
        assert listed is not None
        assert listed // DAY_MS * DAY_MS == _ms(date.fromisoformat(day))
    assert listed_ms("NOSUCHUSDT") is None
