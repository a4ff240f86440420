"""The windows that a worker requests one after the other, for tests that need to know them before it works."""

from __future__ import annotations

from candle_collector.domain import windows
from candle_collector.domain.plan import first_span
from candle_collector.domain.windows import Window, Windows


def spans_of(missing: Windows, batch_size: int, block_slots: int) -> Windows:
    """Return the windows of a turn in which each answer brings what was wanted: the first of what is left, each time.

    Parameters
    ----------
    batch_size
        The most slots of a window.
    block_slots
        How many slots of the interval an item of the candle table has.
    """
    spans: list[Window] = []
    while missing:
        spans.append(first_span(missing, batch_size, block_slots))
        missing = windows.subtract(missing, (spans[-1],))
    return tuple(spans)
