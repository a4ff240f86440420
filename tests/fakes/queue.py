"""A queue that delivers at least once: what is received hides, comes back, and lies dead after five receives."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from candle_collector.domain.pace import DEADLINE_MOST
from candle_collector.domain.series_message import SeriesMessage
from candle_collector.errors import CollectorError
from candle_collector.ports import ReceivedMessage

from tests.fakes.clock import FakeClock

RECEIVES_MOST = 5
KEPT = DEADLINE_MOST


@dataclass(eq=False)
class Queued:
    """A message in the queue."""

    message: SeriesMessage
    visible_at: datetime
    receives: int = 0
    receipt: str = ""
    sent_at: datetime | None = None


class FakeQueue:
    """The workers' queue in memory: a `MessageQueue`, which a test can look into.

    Attributes
    ----------
    refuse
        Whether sending fails.
    """

    def __init__(self, clock: FakeClock, visibility: timedelta = timedelta(seconds=360)) -> None:
        self._clock = clock
        self._visibility = visibility
        self._receipts = count(1)
        self._lock = threading.RLock()
        self.entries: list[Queued] = []
        self.dead: list[Queued] = []
        self.sent: list[tuple[SeriesMessage, int]] = []
        self.refuse = False

    def enqueue(self, messages: Sequence[SeriesMessage], *, delay_seconds: int = 0) -> None:
        """Take messages."""
        if not 0 <= delay_seconds <= 900:
            raise CollectorError("SQS takes no delay longer than 900 s")
        if self.refuse:
            raise CollectorError("the queue refused messages")
        now = self._clock.now()
        for message in messages:
            self.sent.append((message, delay_seconds))
            self.entries.append(Queued(message, now + timedelta(seconds=delay_seconds), sent_at=now))

    def waiting(self) -> int:
        """Return how many can be received now."""
        return len(self._visible())

    def take(self, index: int = 0) -> Queued | None:
        """Take any of the visible messages; it is hidden until it is deleted or the visibility is over."""
        with self._lock:
            while visible := self._visible():
                entry = visible[index % len(visible)]
                if self._hold(entry, self._visibility):
                    return entry
            return None

    def drop(self, entry: Queued) -> None:
        """Forget a message, if it is still there."""
        if entry in self.entries:
            self.entries = [item for item in self.entries if item is not entry]

    def receive(self, *, visibility: timedelta) -> ReceivedMessage | None:
        """Take the message that has been visible longest."""
        with self._lock:
            while visible := self._visible():
                entry = min(visible, key=lambda item: item.visible_at)
                if self._hold(entry, visibility):
                    return _received(entry)
            return None

    def delete(self, receipt: str) -> None:
        """Forget the message whose newest receipt this is."""
        self.entries = [entry for entry in self.entries if entry.receipt != receipt or not receipt]

    def make_visible(self, receipt: str) -> None:
        """Show the message whose newest receipt this is."""
        for entry in self.entries:
            if receipt and entry.receipt == receipt:
                self._show(entry)

    def make_all_visible(self) -> int:
        """Show what a receive hides."""
        held = [entry for entry in self.entries if entry.receipt and entry.visible_at > self._clock.now()]
        for entry in held:
            self._show(entry)
        return len(held)

    def next_visible_in(self) -> float | None:
        """Return how many seconds the next message is hidden for."""
        first = self.next_visible()
        return None if first is None else max(0.0, (first - self._clock.now()).total_seconds())

    def dead_letters(self) -> list[ReceivedMessage]:
        """Return the dead."""
        return [_received(entry) for entry in self.dead]

    def redrive(self) -> int:
        """Put the dead back, as the owner of an SQS queue does by hand."""
        dead, self.dead = self.dead, []
        for entry in dead:
            entry.receives, entry.sent_at, entry.visible_at = 0, self._clock.now(), self._clock.now()
        self.entries += dead
        return len(dead)

    def next_visible(self) -> datetime | None:
        """Return when the next message can be received."""
        return min((entry.visible_at for entry in self._live()), default=None)

    def _live(self) -> list[Queued]:
        now = self._clock.now()
        self.entries = [entry for entry in self.entries if entry.sent_at is None or entry.sent_at + KEPT > now]
        return self.entries

    def _visible(self) -> list[Queued]:
        return [entry for entry in self._live() if entry.visible_at <= self._clock.now()]

    def _hold(self, entry: Queued, visibility: timedelta) -> bool:
        """Hide a message that is received; False where it lies dead instead."""
        if entry.receives >= RECEIVES_MOST:
            self.entries.remove(entry)
            self.dead.append(entry)
            entry.receipt = ""
            return False
        entry.receives += 1
        entry.receipt = f"receipt-{next(self._receipts)}"
        entry.visible_at = self._clock.now() + visibility
        return True

    def _show(self, entry: Queued) -> None:
        entry.receipt, entry.visible_at = "", self._clock.now()


def _received(entry: Queued) -> ReceivedMessage:
    return ReceivedMessage(f"message-{id(entry)}", entry.message.body(), entry.receipt, entry.receives)
