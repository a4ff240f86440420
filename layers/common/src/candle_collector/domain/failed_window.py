"""What is known of windows that stay missing: how often they were asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from candle_collector.domain.windows import Window, Windows

KEPT_FAILED_WINDOWS = 50
"""How many windows a series' record names."""


class FailedWindow(NamedTuple):
    """A window that could not be fetched, the attempts made for it over all runs, and the last error."""

    window: Window
    attempts: int
    error: str


def renew(
    old: Sequence[FailedWindow], new: Sequence[FailedWindow], missing: Windows, within: Window
) -> tuple[FailedWindow, ...]:
    """Return the failed windows after a turn over `within`: those outside stay, those inside are what is still missing.

    Parameters
    ----------
    new
        What failed in this turn.
    missing
        What of `within` is missing now; a window nobody asked for yet is not a failed window.
    """
    outside = [failed for failed in old if not failed.window.clip(within).slots]
    inside = [
        FailedWindow(window, sum(item.attempts for item in touching), touching[-1].error)
        for window in missing
        if (touching := [item for item in (*old, *new) if item.window.clip(window).slots])
    ]
    return tuple(sorted(outside + inside)[:KEPT_FAILED_WINDOWS])
