"""A wait is never shorter than the exchange asked for, never nothing, and grows while answers stay bad."""

from __future__ import annotations

import pytest
from candle_collector.domain.backoff import MOST_SECONDS, block_seconds
from hypothesis import given
from hypothesis import strategies as st

ASKED = st.floats(0, 10**9)
IN_A_ROW = st.integers(1, 10**6)


@pytest.mark.parametrize(
    ("requested", "in_a_row", "seconds"),
    [
        *[(0, 1, 5), (0, 2, 10), (0, 3, 20), (0, 8, 640), (0, 9, 900), (0, 5000, 900), (60, 1, 60), (60, 4, 60)],
        *[(60, 5, 80), (7200, 9, 7200), (10**9, 1, 3 * 86_400), (float("inf"), 1, 3 * 86_400)],
    ],
)
def test_a_wait_is_five_seconds_doubled_for_each_block_and_at_least_what_was_asked_for(
    requested: float, in_a_row: int, seconds: float
) -> None:
    assert block_seconds(requested, in_a_row) == seconds


@given(ASKED, IN_A_ROW)
def test_a_wait_is_within_its_bounds(requested: float, in_a_row: int) -> None:
    assert (
        max(5, min(requested, MOST_SECONDS))
        <= block_seconds(requested, in_a_row)
        <= max(900, min(requested, MOST_SECONDS))
    )


@given(ASKED, ASKED, IN_A_ROW, IN_A_ROW)
def test_more_blocks_or_a_longer_request_never_shorten_it(requested: float, more: float, row: int, longer: int) -> None:
    assert block_seconds(requested, row) <= block_seconds(max(requested, more), max(row, longer))
