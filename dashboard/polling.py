"""How often the page asks, in seconds.

What runs on this machine costs nothing to ask. What is deployed is paid for by the call: docs/dashboard.md counts the
calls, and a test holds the count.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """How often a page that is open asks.

    Attributes
    ----------
    run
        For the status of a run that is active.
    system
        For the state of the archive while a run is active.
    idle
        For it otherwise.
    months
        For the coverage while a run is active, which reads more than the others; None for not before its end.
    """

    run: float
    system: float
    idle: float
    months: float | None


LOCAL = Pace(run=2, system=6, idle=15, months=20)
REMOTE = Pace(run=5, system=15, idle=60, months=None)


def pace_of(*, is_local: bool) -> Pace:
    """Return how often an archive is asked."""
    return LOCAL if is_local else REMOTE
