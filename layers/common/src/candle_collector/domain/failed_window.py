"""What is known of windows that stay missing: how often they were asked for, and what came of it.

A run that is ended before it asks leaves its windows here too, so that no later run hides them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from candle_collector.domain import windows
from candle_collector.domain.windows import Window, Windows

KEPT_FAILED_WINDOWS = 50
"""How many windows a series' record names."""


class FailedWindow(NamedTuple):
    """A window that runs did not get, the attempts made for it over all of them, perhaps none, and the last error."""

    window: Window
    attempts: int
    error: str


def renew(
    old: Sequence[FailedWindow], new: Sequence[FailedWindow], missing: Windows, within: Window
) -> tuple[FailedWindow, ...]:
    """Return the failed windows after a turn over `within`: what is outside stays, inside is what is still missing.

    Parameters
    ----------
    new
        What failed in this turn, or was left by a run that ended before it asked.
    missing
        What of `within` is missing now; a window that the run has yet to ask for is not a failed window.
    """
    turned = windows.union([within])
    outside = [
        failed._replace(window=window) for failed in old for window in windows.subtract((failed.window,), turned)
    ]
    inside = [
        FailedWindow(window, sum(item.attempts for item in touching), touching[-1].error)
        for window in missing
        if (touching := [item for item in (*old, *new) if item.window.clip(window).slots])
    ]
    return tuple(sorted(outside + inside)[:KEPT_FAILED_WINDOWS])


def left(missing: Windows, reason: str) -> tuple[FailedWindow, ...]:
    """Return what a run that was ended has not asked for, as windows without an attempt."""
    return tuple(FailedWindow(window, 0, reason) for window in missing)
