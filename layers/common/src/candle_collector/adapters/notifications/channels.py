"""All ways at once: a notice goes to each, once where it was taken, and within a bounded time."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from candle_collector.domain.notice import Notice
from candle_collector.errors import CollectorError

log = logging.getLogger(__name__)

SECONDS = 15.0
"""How long one way has to take a notice, however slowly it answers."""

_REMEMBERED = 1000


class Channel(Protocol):
    """One way to reach a person."""

    @property
    def name(self) -> str:
        """What it is called in the log; it holds no secret."""

    def send(self, notice: Notice) -> None:
        """Send a notice.

        Raises
        ------
        CollectorError
            It was not taken; the message holds no secret.
        """


class Channels:
    """The `Notifier` of some ways."""

    def __init__(self, channels: Sequence[Channel], *, seconds: float = SECONDS) -> None:
        self._channels = channels
        self._seconds = seconds
        self._sent: deque[tuple[str, str]] = deque(maxlen=_REMEMBERED)

    @property
    def is_used(self) -> bool:
        """Whether there is a way."""
        return bool(self._channels)

    def send(self, notice: Notice) -> None:
        """Send a notice on each way on which this process has not sent it yet.

        Raises
        ------
        CollectorError
            One did not take it; all were tried.
        """
        failed = []
        for channel in self._channels:
            if (notice.name, channel.name) in self._sent:
                continue
            try:
                within(self._seconds, lambda channel=channel: channel.send(notice))  # type: ignore[misc] # bound to this round
            except CollectorError as error:
                failed.append(f"{channel.name} did not take it: {error}")
            else:
                self._sent.append((notice.name, channel.name))
                log.info("notified", extra={"by": channel.name, "notice": notice.name})
        if failed:
            raise CollectorError("; ".join(failed))


def within(seconds: float, step: Callable[[], None]) -> None:
    """Do a step in a thread of its own, and wait for it so long at most; the thread ends by its own limits.

    Raises
    ------
    CollectorError
        It took longer, or raised it.
    """
    raised: list[Exception] = []

    def work() -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - raised again in the thread that waits
            raised.append(error)

    thread = threading.Thread(target=work, name="notifying", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise CollectorError(f"no answer in {seconds:g} s")
    if raised:
        raise raised[0]
