"""The queue to the workers in SQS, which is sent again whatever it did not take."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from candle_collector.domain.series_message import SeriesMessage
from candle_collector.errors import CollectorError

log = logging.getLogger(__name__)

_BATCH_MOST = 10
"""The most messages of a SendMessageBatch (AWS's limit)."""

_TRIES = 4


class SqsCollectQueue:
    """The workers' queue.

    Parameters
    ----------
    url
        Its URL.
    """

    def __init__(self, url: str, *, client: Any = None, sleep: Callable[[float], None] = time.sleep) -> None:
        self._url = url
        self._client: Any = client or boto3.client("sqs", config=Config(connect_timeout=2, read_timeout=5))
        self._sleep = sleep

    def enqueue(self, messages: Sequence[SeriesMessage], *, delay_seconds: int = 0) -> None:
        """Send in batches; a message of which it is not known that it was sent is sent again."""
        for start in range(0, len(messages), _BATCH_MOST):
            left = {str(number): message.body() for number, message in enumerate(messages[start : start + _BATCH_MOST])}
            for attempt in range(_TRIES):
                left = self._send(left, delay_seconds)
                if not left:
                    break
                self._sleep(0.1 * 2**attempt)
            if left:
                raise CollectorError(f"the queue refused {len(left)} messages in {_TRIES} tries")

    def waiting(self) -> int:
        """Ask the queue how many messages lie in it for anyone to take; the figure is approximate."""
        name = "ApproximateNumberOfMessages"
        try:
            answer = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=[name])
        except (BotoCoreError, ClientError) as error:
            raise CollectorError(f"the queue does not say how many messages wait: {error}") from error
        return int(answer["Attributes"][name])

    def _send(self, bodies: dict[str, str], delay_seconds: int) -> dict[str, str]:
        """Send a batch, and return what was not taken."""
        entries = [
            {"Id": number, "MessageBody": body, "DelaySeconds": delay_seconds} for number, body in bodies.items()
        ]
        try:
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        except (BotoCoreError, ClientError) as error:
            log.warning("the queue took no message: %s", error)
            return bodies
        taken = {entry["Id"] for entry in answer.get("Successful", ())}
        return {number: body for number, body in bodies.items() if number not in taken}
