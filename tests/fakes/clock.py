"""Time that moves when a test says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NOON = datetime(2025, 6, 1, 12, 5, tzinfo=UTC)


class FakeClock:
    """A clock of both kinds: the wall's, and the one that only runs on."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now
        self._seconds = 1000.0

    def now(self) -> datetime:
        """Return the aware UTC time."""
        return self._now

    def monotonic(self) -> float:
        """Return seconds since some moment."""
        return self._seconds

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += timedelta(seconds=seconds)
        self._seconds += seconds
