"""Strategies for windows, and the plain sets that they are compared with."""

from __future__ import annotations

from collections.abc import Iterable

from candle_collector.domain.windows import Window, Windows, from_slots
from hypothesis import strategies as st

HOURS = st.integers(0, 60)

ANY_WINDOWS = st.lists(st.tuples(HOURS, HOURS).map(lambda pair: Window(min(pair), max(pair))), max_size=8)
"""Windows in any order, empty and overlapping ones among them."""

HOUR_SETS = st.frozensets(HOURS, max_size=40)


def hours(windows: Iterable[Window]) -> set[int]:
    """Return the hours of windows as a set."""
    return {hour for window in windows for hour in range(window.start, window.end)}


def ordered(hour_set: Iterable[int]) -> Windows:
    """Return the windows of a set of hours."""
    return from_slots(hour_set)
