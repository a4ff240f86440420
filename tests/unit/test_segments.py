"""A series is cut where it was silent for a week, and nowhere else."""

from __future__ import annotations

import pytest
from candle_collector.domain.segments import segments
from candle_collector.domain.windows import Window

LIFE = Window(0, 1000)
WEEK = 7 * 24


@pytest.mark.parametrize(
    ("never_printed", "expected"),
    [
        ([], (LIFE,)),
        ([Window(100, 100 + WEEK - 1)], (LIFE,)),
        ([Window(100, 100 + WEEK)], (Window(0, 100), Window(100 + WEEK, 1000))),
        # read year by year, a silence over New Year comes in two parts
        ([Window(100, 200), Window(200, 280)], (Window(0, 100), Window(280, 1000))),
        ([Window(100, 200), Window(201, 281)], (LIFE,)),
    ],
)
def test_a_week_without_a_candle_begins_another_segment(
    never_printed: list[Window], expected: tuple[Window, ...]
) -> None:
    assert segments(LIFE, never_printed) == expected
