"""The watch on the archive's health: each change is a line of the log, and who asked for it is notified."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from candle_collector.domain.health import Cause, Health, cannot_store, no_answer
from candle_collector.domain.notice import Notice, notice_of_health
from candle_collector.errors import CollectorError
from candle_collector.ports import Notifier

log = logging.getLogger(__name__)

EVERY_SECONDS = 10.0

NOTIFIED: frozenset[Cause] = frozenset({"outage", "overdue", "refused", "failed_start", "stale", "no_answer"})
"""What no run's end reports. Where a run left candles out, its own notice says so."""

TRIES = 360
"""How often a notice is tried that is not taken: an hour long."""


class HealthWatch:
    """Looks at the health at intervals, and at once where it is woken.

    Parameters
    ----------
    health
        Says how the archive stands; it fails where the database does.
    outage
        Why the database stores nothing; None where it does.

    Attributes
    ----------
    latest
        How it stood at the last look.
    """

    def __init__(
        self,
        health: Callable[[], Health],
        outage: Callable[[], str | None],
        notifier: Notifier,
        *,
        stage: str,
        now: Callable[[], datetime],
    ) -> None:
        self._read = health
        self._outage = outage
        self._notifier = notifier
        self._stage = stage
        self._now = now
        self._woken = threading.Event()
        self.latest: Health | None = None
        self._state: tuple[str, Cause | None] | None = None
        self._notified: Cause | None = None
        self._pending: Notice | None = None
        self._tries = 0

    def run(self, stopping: threading.Event) -> None:
        """Look until the process stops."""
        while not stopping.is_set():
            self.look()
            self._woken.wait(EVERY_SECONDS)
            self._woken.clear()

    def wake(self) -> None:
        """Look now: something has failed, or the process stops."""
        self._woken.set()

    def health(self) -> Health:
        """Return how the archive stands, also where its database does not answer."""
        try:
            return self._read()
        except CollectorError as error:
            outage = self._outage()
            return no_answer(str(error)) if outage is None else cannot_store(outage)

    def look(self) -> None:
        """Log what has changed since the last look, and notify of it."""
        health = self.latest = self.health()
        state = (health.state, health.cause)
        if state != self._state:
            level = logging.WARNING if health.state == "needs_you" else logging.INFO
            log.log(
                level, "health", extra={"state": health.state, "sentence": health.sentence, "remedy": health.remedy}
            )
            self._state = state
        self._choose(health)
        self._send()

    def _choose(self, health: Health) -> None:
        """Make the notice of what needs somebody now, or needs nobody any more."""
        cause = health.cause if health.cause in NOTIFIED else None
        if cause != self._notified:
            self._notified, self._tries = cause, 0
            self._pending = notice_of_health(self._stage, health, f"{cause or 'over'} {self._now():%Y-%m-%dT%H:%M:%SZ}")

    def _send(self) -> None:
        if self._pending is None:
            return
        self._tries += 1
        try:
            self._notifier.send(self._pending)
        except CollectorError as error:
            is_last = self._tries >= TRIES
            what = "a notice is given up" if is_last else "a notice was not taken; it is tried again"
            log.error(what, extra={"notice": self._pending.name, "reason": str(error)})  # noqa: TRY400 - the reason is a sentence
            if not is_last:
                return
        self._pending = None
