"""The account's event bus: whoever wants to know that a collection ended has a rule on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from candle_collector.adapters.event_detail import describe_end
from candle_collector.domain.run import Run
from candle_collector.errors import CollectorError

SOURCE = "candle-collector"
DETAIL_TYPE = "CollectionEnded"


class EventBridgeBus:
    """The default bus of EventBridge."""

    def __init__(self, stage: str, *, client: Any = None) -> None:
        self._stage = stage
        self._client: Any = client or boto3.client("events", config=Config(connect_timeout=2, read_timeout=5))

    def collection_ended(self, run: Run, counts: Mapping[str, int], latest: int | None) -> None:
        """Put the event.

        Raises
        ------
        CollectorError
            The bus did not take it.
        """
        detail = describe_end(run, counts, latest, stage=self._stage)
        entry = {"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": json.dumps(detail)}
        try:
            answer = self._client.put_events(Entries=[entry])
        except (BotoCoreError, ClientError) as error:
            raise CollectorError(f"the event bus did not take the end of a run: {error}") from error
        if answer.get("FailedEntryCount"):
            raise CollectorError(f"the event bus did not take the end of a run: {answer['Entries']}")
