"""A candle's stored line holds every digit and is read back as the same candle."""

from __future__ import annotations

from decimal import Decimal

import pytest
from candle_collector.domain.candle import Candle, candle_from_line, trim
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange import needs_recordings
from tests.hourly import HOUR, HOUR_MS
from tests.recorded import recorded_rows

DECIMALS = st.decimals(0, 10**15, places=8, allow_nan=False).map(lambda number: trim(f"{number:.8f}"))
CANDLES = st.builds(
    Candle,
    st.integers(0, 2_000_000),
    *[DECIMALS] * 6,
    st.integers(0, 10**9),
    DECIMALS,
    DECIMALS,
    st.integers(0, HOUR_MS - 1),
)


@given(CANDLES)
def test_a_line_is_read_back_as_the_candle_it_was_written_from(candle: Candle) -> None:
    assert candle_from_line(candle.slot, candle.line()) == candle


@given(CANDLES)
def test_a_line_has_a_tenth_field_only_where_the_candle_opened_off_the_hour(candle: Candle) -> None:
    assert len(candle.line().split(",")) == (10 if candle.offset_ms else 9)
    assert candle.open_time_ms(HOUR) // HOUR_MS == candle.slot
    assert candle.open_time_ms(HOUR) % HOUR_MS == candle.offset_ms


@given(st.integers(0, 10**20), st.integers(0, 8), st.integers(0, 10**8))
def test_trimming_changes_no_value_and_leaves_no_zero_behind(whole: int, places: int, fraction: int) -> None:
    text = f"{whole}.{fraction:08}"[: len(str(whole)) + 1 + places] if places else str(whole)
    cut = trim(text)
    assert Decimal(cut) == Decimal(text)
    assert "." not in cut or cut[-1] not in "0."


@pytest.mark.parametrize(
    ("text", "expected"),
    [("13715.65000000", "13715.65"), ("0.00000000", "0"), ("100", "100"), ("100.00000000", "100"), ("1.5", "1.5")],
)
def test_trimming_cuts_zeros_behind_the_point_alone(text: str, expected: str) -> None:
    assert trim(text) == expected


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1,2,3,4,5,6,7,8",
        "1,2,3,4,5,6,7,8,9,10,11",
        "1,2,3,4,5,6,7.5.5,8,9",
        "NaN,2,3,4,5,6,7,8,9",
        "-1,2,3,4,5,6,7,8,9",
        "1e5,2,3,4,5,6,7,8,9",
        "1,2,3,4,5,6,7,8,9\n",
        " 1,2,3,4,5,6,7,8,9",
        "\u0661,2,3,4,5,6,7,8,9",
        "1,2,3,4,5,6,7.5,8,9",
    ],
)
def test_a_damaged_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - every ValueError is a refusal
        candle_from_line(5, line)


@needs_recordings
def test_every_recorded_row_of_february_2018_keeps_its_open_time() -> None:
    rows = [row for row in recorded_rows("BTCUSDT", 2018) if 421_600 <= row.slot < 421_900]
    offsets = {row.offset_ms for row in rows}
    assert offsets == {0, 28 * 60_000 + 14_789}
    assert [candle_from_line(row.slot, row.line()) for row in rows] == rows
