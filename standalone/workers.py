"""The workers: threads that receive messages and call the worker function for each, as Lambda does for SQS."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Protocol

from candle_collector import bootstrap
from candle_collector.domain.series_message import SeriesMessage
from candle_collector.errors import CollectorError
from candle_collector.ports import MessageQueue, ReceivedMessage

from standalone.context import Context
from standalone.recovery import send_again

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""How long a queue is left alone in which nothing is due: another process may send too."""

_LEAST_WAIT = 0.01
_MOST_WAIT_AFTER_ERRORS = 30.0
_QUEUE_ARN = "arn:aws:sqs:local:000000000000:collect"


class TurnClock:
    """The clock by which turns have their time: once the process stops, all of them are out of it.

    So a turn ends after the answer in hand, and requeues its rest, as it does when a worker's time is over.
    """

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping

    def __call__(self) -> float:
        """Return seconds since some moment."""
        return time.monotonic() + (1e9 if self._stopping.is_set() else 0)


class AnnouncingQueue:
    """The way to the workers, which wakes them when something was sent.

    Parameters
    ----------
    announce
        Called after each sending.
    """

    def __init__(self, queue: MessageQueue, announce: Callable[[], None]) -> None:
        self._queue = queue
        self._announce = announce

    def enqueue(self, messages: Sequence[SeriesMessage], *, delay_seconds: int = 0) -> None:
        """Send messages."""
        self._queue.enqueue(messages, delay_seconds=delay_seconds)
        self._announce()

    def waiting(self) -> int:
        """Return about how many messages lie there for a worker to take."""
        return self._queue.waiting()


class Outages(Protocol):
    """When the database last refused what it may do another time, in seconds of `time.monotonic`, and why."""

    at: float
    reason: str

    def over(self) -> None:
        """Note that what it refused was done after all."""


class Workers:
    """What the worker threads of a process share.

    Parameters
    ----------
    handler
        The worker function's.
    timeout
        The seconds of a turn.
    visibility
        How long a message stays hidden that a worker took, and did not finish.
    arrived
        Set when the queue is to be looked at now.
    stopping
        Set when no further message is to be received.
    outages
        The database's.
    send_again
        Lets another turn do what a message's turn did not end.
    taken, done
        Called when a turn begins, and when it has ended, with its message.
    """

    def __init__(
        self,
        queue: MessageQueue,
        handler: Callable[[dict[str, Any], Any], Any],
        *,
        timeout: float,
        visibility: timedelta,
        arrived: threading.Event,
        stopping: threading.Event,
        outages: Outages,
        send_again: Callable[[ReceivedMessage], None],
        taken: Callable[[ReceivedMessage], None] = lambda _: None,
        done: Callable[[ReceivedMessage], None] = lambda _: None,
    ) -> None:
        self._queue = queue
        self._handler = handler
        self._timeout = timeout
        self._visibility = visibility
        self._stopping = stopping
        self._arrived = arrived
        self._outages = outages
        self._send_again = send_again
        self._taken, self._done = taken, done
        self._receiving = threading.Lock()
        self._in_hand: set[str] = set()

    def work(self) -> None:
        """Work on messages until the process stops; any number of threads may."""
        wait = POLL_SECONDS
        while message := self._receive():
            self._in_hand.add(message.receipt)
            self._taken(message)
            begun = time.monotonic()
            done = self._call(message)
            if (
                self._outages.at >= begun
            ):  # a turn that was held up for longer than its claim is done, and its symbol not
                wait = self._outlast(message, 0 if done else wait)
            elif done:
                wait = POLL_SECONDS
                self._outages.over()
                self._quietly(partial(self._queue.delete, message.receipt))
            self._in_hand.discard(message.receipt)
            self._done(message)

    def send_again(self, message: ReceivedMessage) -> None:
        """Let another turn do what the turn of a process that is dead did not end."""
        self._quietly(partial(self._send_again, message))
        self._arrived.set()

    def return_messages(self) -> int:
        """Let the next process receive what is still in hand, and return how many messages that is."""
        in_hand = list(self._in_hand)
        for receipt in in_hand:
            self._quietly(partial(self._queue.make_visible, receipt))
        return len(in_hand)

    def _receive(self) -> ReceivedMessage | None:
        """Wait for a message; None when the process stops. One thread looks at the queue, the others wait for it."""
        wait, has_failed = POLL_SECONDS, False
        with self._receiving:
            while not self._stopping.is_set():
                self._arrived.clear()
                try:
                    message = self._queue.receive(visibility=self._visibility)
                    due = None if message else self._queue.next_visible_in()
                    if has_failed:
                        self._outages.over()
                        has_failed = False
                    if message:
                        return message
                except CollectorError as error:
                    has_failed = True
                    wait = min(2 * wait, _MOST_WAIT_AFTER_ERRORS)
                    log.error("the queue cannot be read", extra=_of_wait(str(error), wait))  # noqa: TRY400 - the reason is a sentence
                    self._stopping.wait(wait)
                else:
                    wait = POLL_SECONDS
                    self._arrived.wait(POLL_SECONDS if due is None else max(_LEAST_WAIT, min(due, POLL_SECONDS)))
        return None

    def _call(self, message: ReceivedMessage) -> bool:
        """Call the worker function, and return whether it is done with the message."""
        try:
            answer = self._handler(_event(message), Context(self._timeout))
        except Exception:
            log.exception("the worker failed; its message comes back", extra={"body": message.body})
            return False
        return not answer["batchItemFailures"]

    def _outlast(self, message: ReceivedMessage, wait: float) -> float:
        """Wait until the database bears the symbol to be sent again, and return how long to wait the next time.

        The message would come back by itself, but only after its visibility, and a few outages would make it a dead
        letter, though nothing is wrong with it.
        """
        reason = self._outages.reason
        while not self._stopping.is_set():
            if wait:
                log.error("the database failed, and the turn is done again", extra=_of_wait(reason, wait))
                self._stopping.wait(wait)
            wait = min(max(2 * wait, POLL_SECONDS), _MOST_WAIT_AFTER_ERRORS)
            try:
                self._send_again(message)
            except CollectorError as error:
                reason = str(error)
            else:
                break
        return wait

    @staticmethod
    def _quietly(step: Callable[[], None]) -> None:
        """Do what only saves time: a message that stays where it is comes back, and is dropped or worked on then."""
        try:
            step()
        except CollectorError as error:
            log.warning("the queue did not take it", extra={"reason": str(error)})


def workers_of(
    container: bootstrap.SqlContainer,
    handler: Callable[[dict[str, Any], Any], Any],
    *,
    arrived: threading.Event,
    stopping: threading.Event,
    announce: Callable[[], None],
    taken: Callable[[ReceivedMessage], None],
    done: Callable[[ReceivedMessage], None] = lambda _: None,
) -> Workers:
    """Return the workers over a process's adapters, whose queue announces what is sent from now on.

    Parameters
    ----------
    announce
        Called after each sending.
    """
    queue, settings = container.queue, container.settings
    container.database.are_followed = True
    container.monotonic = TurnClock(stopping)
    container.queue = AnnouncingQueue(queue, announce)  # type: ignore[assignment] # the functions only send
    return Workers(
        queue,
        handler,
        timeout=settings.worker_timeout,
        visibility=timedelta(seconds=settings.queue_visibility),
        arrived=arrived,
        stopping=stopping,
        outages=container.database.outages,
        send_again=partial(send_again, container, queue),
        taken=taken,
        done=done,
    )


def _of_wait(reason: str, seconds: float) -> dict[str, Any]:
    return {"reason": reason, "again_in_seconds": seconds}


def _event(message: ReceivedMessage) -> dict[str, Any]:
    """Return the event of one record that SQS gives a function."""
    record = {
        "messageId": message.message_id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": {"ApproximateReceiveCount": str(message.receives)},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": _QUEUE_ARN,
        "awsRegion": "local",
    }
    return {"Records": [record]}
