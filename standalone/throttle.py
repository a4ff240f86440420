"""How many calls of one kind are let through: so many a second, and so many at once after a pause."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Throttle:
    """A bucket of calls, as API Gateway throttles a route; for any number of threads.

    Parameters
    ----------
    rate
        The calls a second that are let through for as long as they come.
    burst
        The most that are let through at once.
    monotonic
        Seconds, for tests.
    """

    def __init__(self, rate: float, burst: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._left, self._since = self._burst, monotonic()

    def admits(self) -> bool:
        """Return whether one more call is let through now."""
        with self._lock:
            now = self._monotonic()
            self._left = min(self._burst, self._left + (now - self._since) * self._rate)
            self._since = now
            if self._left < 1:
                return False
            self._left -= 1
            return True
