"""A queue that delivers at least once: what is received hides, comes back, and lies dead after five receives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from candle_collector.domain.symbol_message import SymbolMessage
from candle_collector.errors import CollectorError

from tests.fakes.clock import FakeClock

RECEIVES_MOST = 5


@dataclass
class Queued:
    """A message in the queue."""

    message: SymbolMessage
    visible_at: datetime
    receives: int = 0


class FakeQueue:
    """The workers' queue in memory.

    Attributes
    ----------
    refuse
        Whether sending fails.
    """

    def __init__(self, clock: FakeClock, visibility: timedelta = timedelta(seconds=360)) -> None:
        self._clock = clock
        self._visibility = visibility
        self.entries: list[Queued] = []
        self.dead: list[SymbolMessage] = []
        self.sent: list[tuple[SymbolMessage, int]] = []
        self.refuse = False

    def enqueue(self, messages: Sequence[SymbolMessage], *, delay_seconds: int = 0) -> None:
        """Take messages."""
        assert 0 <= delay_seconds <= 900, "SQS takes no longer delay"
        if self.refuse:
            raise CollectorError("the queue refused messages")
        for message in messages:
            self.sent.append((message, delay_seconds))
            self.entries.append(Queued(message, self._clock.now() + timedelta(seconds=delay_seconds)))

    def waiting(self) -> int:
        """Return how many can be received now."""
        return sum(entry.visible_at <= self._clock.now() for entry in self.entries)

    def receive(self, index: int = 0) -> Queued | None:
        """Take one of the visible messages; it is hidden until it is deleted or the visibility is over."""
        visible = [entry for entry in self.entries if entry.visible_at <= self._clock.now()]
        if not visible:
            return None
        entry = visible[index % len(visible)]
        if entry.receives >= RECEIVES_MOST:
            self.entries.remove(entry)
            self.dead.append(entry.message)
            return self.receive(index)
        entry.receives += 1
        entry.visible_at = self._clock.now() + self._visibility
        return entry

    def delete(self, entry: Queued) -> None:
        """Forget a message, if it is still here."""
        if any(item is entry for item in self.entries):
            self.entries = [item for item in self.entries if item is not entry]

    def next_visible(self) -> datetime | None:
        """Return when the next message can be received."""
        return min((entry.visible_at for entry in self.entries), default=None)
