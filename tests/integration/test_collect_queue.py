"""The workers' queue on moto: it keeps its port's promises, and resends what a batch refused."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from candle_collector.adapters.sqs import SqsCollectQueue
from candle_collector.domain.series_message import SeriesMessage, read_message
from candle_collector.errors import CollectorError

from tests.port_contracts.collect_queue import MESSAGES, CollectQueueContract, Received


@pytest.fixture
def queue(queue_url: str) -> SqsCollectQueue:
    return SqsCollectQueue(queue_url)


@pytest.fixture
def received(queue_url: str) -> Received:
    def receive() -> list[SeriesMessage]:
        client, found = boto3.client("sqs"), []
        while messages := client.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(read_message(message["Body"]))
                client.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        return found

    return receive


class TestSqsCollectQueue(CollectQueueContract):
    """The contract, on moto."""


class Refusing:
    """A client that refuses some entries of each batch, or loses its reply."""

    def __init__(self, refusals: list[int | None]) -> None:
        self._client = boto3.client("sqs")
        self._refusals = refusals
        self.batches: list[int] = []

    def send_message_batch(self, **request: Any) -> Any:
        self.batches.append(len(request["Entries"]))
        refused = self._refusals.pop(0) if self._refusals else 0
        if refused is None:
            self._client.send_message_batch(**request)
            raise ClientError({"Error": {"Code": "ServiceUnavailable", "Message": "lost"}}, "SendMessageBatch")
        entries = request["Entries"]
        taken = entries[refused:]
        answer: Any = self._client.send_message_batch(QueueUrl=request["QueueUrl"], Entries=taken) if taken else {}
        return answer | {"Failed": [{"Id": entry["Id"], "Code": "InternalError"} for entry in entries[:refused]]}


def test_what_a_batch_refuses_in_part_is_sent_again(queue_url: str, received: Received) -> None:
    client, slept = Refusing([4, 0, 2]), list[float]()
    SqsCollectQueue(queue_url, client=client, sleep=slept.append).enqueue(MESSAGES[:15])
    assert client.batches == [10, 4, 5, 2]
    assert len(slept) == 2
    assert sorted(received(), key=lambda item: item.turn) == MESSAGES[:15]


def test_a_lost_reply_costs_duplicates_and_loses_nothing(queue_url: str, received: Received) -> None:
    client = Refusing([None])
    SqsCollectQueue(queue_url, client=client, sleep=lambda _: None).enqueue(MESSAGES[:10])
    assert set(received()) == set(MESSAGES[:10])


def test_a_queue_that_goes_on_refusing_is_an_error(queue_url: str) -> None:
    client = Refusing([1] * 50)
    with pytest.raises(CollectorError, match="refused 1 messages"):
        SqsCollectQueue(queue_url, client=client, sleep=lambda _: None).enqueue(MESSAGES[:3])


def test_a_queue_that_is_not_there_is_an_error(queue_url: str) -> None:
    queue = SqsCollectQueue(f"{queue_url}-gone", sleep=lambda _: None)
    with pytest.raises(CollectorError):
        queue.enqueue(MESSAGES[:1])
    with pytest.raises(CollectorError):
        queue.waiting()


def test_a_message_says_its_version_and_the_one_before_is_understood() -> None:
    body = json.loads(MESSAGES[0].body())
    assert body == {"v": 1, "run_id": MESSAGES[0].run_id, "series": "binance:S01USDT#1h", "turn": 1}
    assert read_message(json.dumps(body | {"v": 0})) == read_message(json.dumps(body)) == MESSAGES[0]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no json",
        "[]",
        "null",
        "5",
        "{}",
        '{"v": 2, "run_id": "a", "series": "binance:BTCUSDT#1h", "turn": 1}',
        '{"v": 1, "run_id": "a", "series": "binance:BTCUSDT#1h"}',
        '{"v": 1, "run_id": "a", "series": "binance:btcusdt#1h", "turn": 1}',
        '{"v": 1, "run_id": "a", "series": "binance:BTCUSDT#2h", "turn": 1}',
        '{"v": 1, "run_id": "a", "series": "binance:BTCUSDT", "turn": 1}',
        '{"v": 1, "run_id": "a", "series": "BTCUSDT#1h", "turn": 1}',
        '{"v": 1, "run_id": 5, "series": "binance:BTCUSDT#1h", "turn": 1}',
        '{"v": 1, "run_id": "a", "series": "binance:BTCUSDT#1h", "turn": "1"}',
        '{"v": 1, "run_id": "a", "series": "binance:BTCUSDT#1h", "turn": true}',
        '{"v": 1, "run_id": "a", "series": ["binance:BTCUSDT#1h"], "turn": 1}',
        '{"v": [1], "run_id": "a", "series": "binance:BTCUSDT#1h", "turn": 1}',
        '{"v": true, "run_id": "a", "series": "binance:BTCUSDT#1h", "turn": 1}',
    ],
)
def test_what_is_not_a_message_of_ours_is_refused(body: str) -> None:
    with pytest.raises(ValueError, match=r"message|Expecting|is not (a symbol|an interval|the name of a series)"):
        read_message(body)
