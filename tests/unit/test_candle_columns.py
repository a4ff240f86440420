"""Columns hold the same candles, and are as stored exactly where each candle's line would be read back."""

from __future__ import annotations

from typing import Any

import pytest
from candle_collector.domain.candle import Candle, candle_from_line
from candle_collector.domain.candle_columns import CandleColumns, columns_of
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.exchange import synthetic_candle
from tests.hourly import HOUR
from tests.unit.test_candle import CANDLES

DAMAGES = (
    "",
    ".",
    "1.",
    ".5",
    "1.2.3",
    "1,2",
    "1,",
    "-1",
    "+1",
    "1e5",
    "NaN",
    " 1",
    "1\n",
    "\u0661",
    "01",
    "1.50",
    "0",
)
FIELDS = Candle._fields[1:]


@given(st.lists(CANDLES, max_size=5), st.integers(0, 5), st.integers(0, 5))
def test_columns_hold_the_candles_and_any_part_of_them(candles: list[Candle], start: int, end: int) -> None:
    columns = columns_of(candles)
    assert columns.rows == len(candles)
    assert columns.candles() == candles
    assert columns.part(start, end).candles() == candles[start:end]
    assert columns.open_times_ms(HOUR) == [candle.open_time_ms(HOUR) for candle in candles]
    assert columns.are_as_stored()


@given(st.lists(CANDLES, min_size=1, max_size=4), st.data())
def test_columns_are_as_stored_where_every_line_is(candles: list[Candle], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(candles) - 1))
    field = data.draw(st.sampled_from([name for name in FIELDS if name not in ("trade_count", "offset_ms")]))
    text = data.draw(st.sampled_from(DAMAGES) | st.text("0123456789.,-", max_size=6))
    damaged: Any = {field: text}
    candles[at] = candles[at]._replace(**damaged)
    assert columns_of(candles).are_as_stored() == is_read_back(candles[at])


@pytest.mark.parametrize("text", DAMAGES)
def test_each_damage_is_seen_in_each_field(text: str) -> None:
    for field in FIELDS:
        if field not in ("trade_count", "offset_ms"):
            damaged: Any = {field: text}
            candle = synthetic_candle("BTCUSDT", 5)._replace(**damaged)
            assert columns_of([candle]).are_as_stored() == is_read_back(candle)


def is_read_back(candle: Candle) -> bool:
    try:
        return candle_from_line(candle.slot, candle.line()) == candle
    except ValueError:
        return False


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", [None, b"5", 1.5, -1])
def test_values_of_another_type_and_negative_numbers_are_not_as_stored(field: str, value: Any) -> None:
    candles = [synthetic_candle("BTCUSDT", hour) for hour in range(3)]
    candles[1] = candles[1]._replace(**{field: value})
    assert not columns_of(candles).are_as_stored()


def test_two_damages_do_not_make_up_for_each_other() -> None:
    columns = columns_of([synthetic_candle("BTCUSDT", hour) for hour in range(2)])
    for pair in (("1,2", ""), ("", "1,2")):
        assert not CandleColumns(*columns._replace(close=pair)).are_as_stored()
