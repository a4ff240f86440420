"""The lease and the universes in memory."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from candle_collector.domain.universe import Ranking

NEVER = datetime(9999, 12, 31, tzinfo=UTC)


class FakeLeaseStore:
    """The lease."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lease: tuple[str, datetime] | None = None

    def take(self, run_id: str, *, now: datetime, expires: datetime) -> str | None:
        """Take the lease."""
        with self._lock:
            if self._lease and self._lease[0] != run_id and self._lease[1] > now:
                return self._lease[0]
            self._lease = (run_id, expires)
            return None

    def release(self, run_id: str, *, active: bool = False) -> None:
        """Release the lease."""
        with self._lock:
            if self._lease and self._lease[0] == run_id and (active or self._lease[1] < NEVER):
                self._lease = None

    def activate(self, run_id: str) -> bool:
        """Hold the lease until the run's end; False where it is not this run's."""
        with self._lock:
            if self._lease is None or self._lease[0] != run_id:
                return False
            self._lease = (run_id, NEVER)
            return True

    def holder(self, now: datetime) -> str | None:
        """Return the holder."""
        with self._lock:
            return self._lease[0] if self._lease and self._lease[1] > now else None


class FakeUniverseStore:
    """The rankings of days."""

    def __init__(self) -> None:
        self._universes: dict[str, dict[str, Ranking]] = {}

    def put(self, day: str, quote_asset: str, ranking: Ranking, *, run_id: str) -> None:
        """Keep a day's first ranking in a quote asset."""
        assert run_id
        self._universes.setdefault(day, {}).setdefault(quote_asset, ranking)

    def get(self, day: str) -> dict[str, Ranking]:
        """Return a day's rankings."""
        return dict(sorted(self._universes.get(day, {}).items()))

    def days(self) -> list[str]:
        """Return the days."""
        return sorted(self._universes)
