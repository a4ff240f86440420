"""What is read of many rows at once is what each of them by itself gives."""

from __future__ import annotations

from typing import Any

import pytest
from candle_collector.adapters.binance.plain_rows import read_plain
from candle_collector.adapters.binance.rows import WrongAnswerError, _read_row
from candle_collector.domain.candle import Candle
from candle_collector.domain.interval import HOUR
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.test_binance_rows import CORRUPTED_CASES, CORRUPTIONS, LIMIT, START, WRONG_COLUMNS, row, rows

DECIMAL_COLUMNS = (1, 2, 3, 4, 5, 7, 9, 10)
DECIMALS = st.integers(0, 3 * 10**8).map(lambda units: f"{units // 10**8}.{units % 10**8:08}") | st.sampled_from(
    [
        "0.00000000",
        "1.00000000",
        "00.00000000",
        "1.10000000",
        "100.00000000",
        "01.00000000",
        f"{'9' * 20}.12345678",
        "1",
        "1.5",
        "0",
    ]
)

ODD = ["", ".12345678", "+1.00000000", "-1.00000000", "1_0.00000000", " 1.00000000", "\uff11.00000000", "1,00000000"]
ODD += ["1.0000.000", "1.0000,000", "11.0000000", "1.000000000", "1e1.00000000", f"1{'0' * 20}.00000000", "1.0000000\n"]
"""Texts in the place of a decimal, some of them as long as one."""


def one_by_one(answer: list[list[Any]]) -> tuple[Candle, ...] | None:
    try:
        return tuple(_read_row(item, HOUR) for item in answer)
    except WrongAnswerError:
        return None


def test_right_rows_are_read_to_the_last_digit() -> None:
    first = row(START, open="100.00000000", low="99.00000010", close="100.50000000", taker_base="0.00000000")
    assert read_plain([first, row(START + 3, trades=0), row(START + 4, trades=10**9, close="105.00000000")], HOUR) == (
        Candle(START, "100", "105", "99.0000001", "100.5", "12", "1230.125", 7, "0", "51"),
        Candle(START + 3, "101.5", "105", "99", "103.25", "12", "1230.125", 0, "0.5", "51"),
        Candle(START + 4, "101.5", "105", "99", "105", "12", "1230.125", 10**9, "0.5", "51"),
    )
    assert read_plain([], HOUR) is None


@pytest.mark.parametrize("columns", WRONG_COLUMNS, ids=lambda columns: f"{columns!r:.60}")
def test_a_wrong_row_is_left_to_be_looked_at_by_itself(columns: dict[str, Any]) -> None:
    if "opened" not in columns:  # whose order is looked at behind it
        assert read_plain([*rows(), row(START + LIMIT, **columns)], HOUR) is None


@pytest.mark.parametrize(
    "opened", [-HOUR.length_ms, True, float(START * HOUR.length_ms), None, 10**17 - 10**17 % HOUR.length_ms]
)
def test_a_wrong_open_time_is_left_too(opened: Any) -> None:
    assert read_plain([[opened, *row(START)[1:]]], HOUR) is None


@pytest.mark.parametrize(
    "wrong", [tuple(row(START)), dict.fromkeys(map(str, range(12))), "x" * 12, 12, None, row(START)[:-1]]
)
def test_something_else_than_a_row_is_left_too(wrong: Any) -> None:
    assert read_plain([wrong], HOUR) is None
    assert read_plain([row(START - 1), wrong], HOUR) is None


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("column", DECIMAL_COLUMNS)
def test_something_else_than_a_decimal_is_left_too(odd: str, column: int) -> None:
    wrong = row(START)
    wrong[column] = odd
    for answer in ([wrong], [wrong, *rows()[1:]], [*rows()[:2], wrong, row(START + 3, volume="12345678.12000000")]):
        assert read_plain(answer, HOUR) is None


@pytest.mark.parametrize("column", DECIMAL_COLUMNS)
def test_a_decimal_of_twenty_digits_before_its_point_is_one(column: int) -> None:
    large = [row(START), row(START + 1)]
    for at in DECIMAL_COLUMNS:
        large[1][at] = f"{'9' * 20}.12345678"
    large[1][column] = f"{'9' * 19}8.12345678"
    assert read_plain(large, HOUR) == one_by_one(large)


@pytest.mark.parametrize("digits", [7, 9])
def test_decimals_of_other_than_eight_digits_are_left_too(digits: int) -> None:
    odd = row(START)
    for column in DECIMAL_COLUMNS:
        odd[column] = f"{float(odd[column]):.{digits}f}"
    assert read_plain([odd], HOUR) is None


def test_two_decimals_in_the_place_of_one_are_left_too() -> None:
    assert read_plain([row(START, close="103.25000000,103.25000000")], HOUR) is None


def test_a_row_that_opens_off_the_hour_is_left_too() -> None:
    late = row(START)
    late[0] += 1
    assert read_plain([late, *rows()[1:]], HOUR) is None


@settings(max_examples=CORRUPTED_CASES)
@given(st.lists(CORRUPTIONS, max_size=2), st.lists(st.lists(DECIMALS, min_size=8, max_size=8), max_size=LIMIT))
def test_what_is_read_at_once_is_what_each_row_gives(
    corruptions: list[tuple[int, int, Any]], decimals: list[list[str]]
) -> None:
    answer = rows()
    for at, values in enumerate(decimals):
        for column, value in zip(DECIMAL_COLUMNS, values, strict=True):
            answer[at][column] = value
    for at, column, value in corruptions:
        answer[at][column] = value if column else answer[at][column]
    found = read_plain(answer, HOUR)
    assert found is None or found == one_by_one(answer)


@given(st.lists(st.integers(1, 10**12), min_size=8, max_size=8, unique=True), st.integers(0, 10**9))
def test_what_is_right_is_read_at_once(numbers: list[int], trades: int) -> None:
    """The four prices and the two pairs of volumes, each with its digits, in the order that makes a row right."""
    low, open_, close, high = sorted(numbers[:4])
    base, volume = sorted(numbers[4:6])
    quote, quote_volume = sorted(numbers[6:])
    units = {"open": open_, "high": high, "low": low, "close": close, "volume": volume, "quote_volume": quote_volume}
    texts = {
        name: f"{value // 10**8}.{value % 10**8:08}"
        for name, value in {**units, "taker_base": base, "taker_quote": quote}.items()
    }
    answer = [row(START, trades=trades, **texts), row(START + 1)]
    found = read_plain(answer, HOUR)
    assert found is not None
    assert found == one_by_one(answer)
