"""The lives of a symbol: its name may have been used for more than one coin, with a long silence between them."""

from __future__ import annotations

from collections.abc import Iterable

from candle_collector.domain import windows
from candle_collector.domain.windows import Window, Windows

SILENCE_HOURS = 168
"""A week. The longest outage of the exchange was 32 hours (February 2018); the shortest known pause between two coins
of one name, LUNAUSDT's in May 2022, was 18 days (both measured)."""


def segments(life: Window, never_printed: Iterable[Window]) -> Windows:
    """Cut the hours from a series' first to its last candle where it was silent for a week or longer.

    What is cut is a sign, no proof: a symbol may have paused and gone on with the same coin, as BTCUSDC did.

    Parameters
    ----------
    never_printed
        The hours proven to have no candle; a gap that nothing is known of cuts nothing.
    """
    silences = tuple(window for window in windows.union(never_printed) if window.hours >= SILENCE_HOURS)
    return windows.subtract((life,), silences)
