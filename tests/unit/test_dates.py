"""Dates are strict, in UTC, and inclusive."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from candle_collector.domain import dates
from hypothesis import given
from hypothesis import strategies as st

from tests.hourly import HOUR, first_hour_of, format_hour, hour_of, ms_of_hour

HOURS = st.integers(first_hour_of("2017-01-01"), first_hour_of("2100-01-01"))


def hour(year: int, month: int, day: int, of_day: int = 0) -> int:
    return hour_of(datetime(year, month, day, of_day, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2025-01-31", hour(2025, 1, 31), hour(2025, 2, 1)),
        ("2024-02-29", hour(2024, 2, 29), hour(2024, 3, 1)),
        ("2025-01-31T00:00:00Z", hour(2025, 1, 31), hour(2025, 1, 31, 1)),
        ("2025-01-31T12:00:00Z", hour(2025, 1, 31, 12), hour(2025, 1, 31, 13)),
        ("2025-01-31T12:00:01Z", hour(2025, 1, 31, 13), hour(2025, 1, 31, 13)),
        ("2025-01-31T12:59:59Z", hour(2025, 1, 31, 13), hour(2025, 1, 31, 13)),
        ("2025-01-31T23:59:59Z", hour(2025, 2, 1), hour(2025, 2, 1)),
    ],
)
def test_a_date_includes_its_day_and_a_timestamp_what_opens_at_or_before_it(text: str, start: int, end: int) -> None:
    assert (HOUR.slot_from(dates.start_of(text)), HOUR.slot_from(dates.end_of(text))) == (start, end)


def test_a_timestamp_is_meant_to_the_second_and_what_opens_at_it_is_included() -> None:
    noon = ms_of_hour(hour(2025, 1, 31, 12))
    assert (dates.start_of("2025-01-31T12:00:07Z"), dates.end_of("2025-01-31T12:00:07Z")) == (noon + 7000, noon + 7001)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025",
        "2025-1-1",
        "20250101",
        "2025-W01-1",
        "2025-001",
        "2025-02-29",
        "2025-13-01",
        "2025-00-10",
        "2025-01-32",
        "0000-01-01",
        "2025-01-01 ",
        " 2025-01-01",
        "2025-01-01\n",
        "2025-01-01T12:00",
        "2025-01-01T12:00:00",
        "2025-01-01T12:00:00+00:00",
        "2025-01-01T12:00:00.5Z",
        "2025-01-01 12:00:00Z",
        "2025-01-01t12:00:00z",
        "2025-01-01T24:00:00Z",
        "2025-01-01T12:60:00Z",
        "2025-01-01T23:59:60Z",
        "1735689600",
        "-2025-01-01",
        "\u0662\u0660\u0662\u0665-01-01",
        "yesterday",
        "2025-01-01T12:00:00Z; DROP TABLE candles",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"takes a UTC date|is not a day"):
        dates.start_of(text)
    with pytest.raises(ValueError, match=r"takes a UTC date|is not a day"):
        dates.end_of(text)


@given(st.text())
def test_no_text_at_all_breaks_the_reading(text: str) -> None:
    try:
        assert dates.start_of(text) <= dates.end_of(text)
    except ValueError:
        return


@given(HOURS)
def test_what_is_reported_is_what_would_be_asked(at: int) -> None:
    assert dates.start_of(dates.format_start(ms_of_hour(at))) == ms_of_hour(at)
    assert HOUR.slot_from(dates.end_of(dates.format_end(ms_of_hour(at)))) == at
    assert dates.start_of(format_hour(at)) == ms_of_hour(at)


@given(HOURS, st.integers(0, 3599))
def test_a_timestamp_is_reported_as_it_was_written(at: int, second: int) -> None:
    text = f"{format_hour(at)[:14]}{second // 60:02}:{second % 60:02}Z"
    assert dates.format_end(dates.end_of(text)) == text
    assert dates.format_start(dates.start_of(text)) == (text if at % 24 or second else text[:10])


def test_a_whole_day_is_reported_as_a_date() -> None:
    assert dates.format_start(ms_of_hour(hour(2025, 1, 1))) == "2025-01-01"
    assert dates.format_end(ms_of_hour(hour(2025, 12, 1))) == "2025-11-30"
    assert dates.format_end(ms_of_hour(hour(2025, 12, 1, 5))) == "2025-12-01T04:59:59Z"
