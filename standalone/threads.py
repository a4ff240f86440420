"""The threads that the process consists of: when one of them dies, the whole process ends rather than serving half."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)


class Threads:
    """Threads that run until the process stops.

    Parameters
    ----------
    stopping
        Set when the process stops; a thread that ends before has died.
    on_death
        Called in a thread that has died.
    """

    def __init__(self, stopping: threading.Event, on_death: Callable[[], None]) -> None:
        self._stopping = stopping
        self._on_death = on_death
        self._threads: list[threading.Thread] = []
        self.died = False

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Start a thread; it does not keep the process from ending."""
        thread = threading.Thread(target=self._run, args=(name, work), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def join(self, until: float) -> bool:
        """Wait for all of them until then, in seconds of `time.monotonic`, and return whether all have ended."""
        for thread in self._threads:
            thread.join(max(0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            log.exception("a thread died, so the process ends", extra={"thread_name": name, "reason": str(error)})
        else:
            if self._stopping.is_set():
                return
            log.error("a thread ended, so the process ends", extra={"thread_name": name})
        self.died = True
        self._on_death()
