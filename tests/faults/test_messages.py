"""Messages that are lost, repeated or poisoned, and a symbol on which every worker crashes: the run ends all the same.

Each test collects a month that no other does.
"""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from candle_collector.domain.run import MAX_RESENDS
from candle_collector.domain.series_message import SeriesMessage

from tests.e2e.conftest import StackUnderTest
from tests.e2e.driving import Api, StackExchange, assert_exact, hour, until
from tests.e2e.stored import CandleTable
from tests.hourly import hourly

SYMBOLS = 100
POISON = ["no JSON", json.dumps({"v": 99, "run_id": "x", "symbol": "BTCUSDT", "turn": 1}), json.dumps({"v": 1})]


class Queue:
    """The workers' queue and its dead letters, past the application."""

    def __init__(self, stack: StackUnderTest) -> None:
        self._sqs = stack.aws.client("sqs", endpoint_url=stack.aws_endpoint_url)
        self._url = stack.output("CollectQueueUrl")
        self._dead_url = stack.output("DeadLetterQueueUrl")

    def steal(self, number: int) -> list[str]:
        """Take so many messages away for good, and return their bodies."""
        stolen: list[str] = []
        while len(stolen) < number:
            most = min(10, number - len(stolen))
            for message in self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=most).get("Messages", []):
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
                stolen.append(message["Body"])
        return stolen

    def send(self, bodies: list[str]) -> None:
        """Put messages in."""
        for body in bodies:
            self._sqs.send_message(QueueUrl=self._url, MessageBody=body)

    def dead(self) -> Iterator[str]:
        """Take the dead letters out."""
        while messages := self._sqs.receive_message(QueueUrl=self._dead_url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self._sqs.delete_message(QueueUrl=self._dead_url, ReceiptHandle=message["ReceiptHandle"])
                yield message["Body"]


@pytest.fixture
def queue(stack: StackUnderTest) -> Queue:
    queue = Queue(stack)
    list(queue.dead())
    return queue


def assert_all_complete_and_exact(api: Api, exchange: StackExchange, run_id: str, month: str, behind: str) -> None:
    results = api.result(run_id)
    assert results["complete"] == SYMBOLS
    for item in results["details"]:
        assert_exact(api, exchange, item["symbol"], hour(f"{month}-01"), hour(f"{behind}-01"))


def test_messages_deleted_from_the_queue_are_sent_again(
    api: Api, exchange: StackExchange, queue: Queue, reconciler: Callable[[], dict[str, Any]]
) -> None:
    exchange.settings(latency_ms=2000)
    run_id = api.start(top_n=SYMBOLS, start_date="2025-01-01", end_date="2025-01-31")
    stolen = queue.steal(20)
    exchange.settings(latency_ms=0)
    until(lambda: api.done(run_id) == SYMBOLS - len(stolen), "those whose messages are left have not ended")
    assert api.status(run_id)["is_running"]
    resent = 0

    def ended() -> bool:
        nonlocal resent
        resent += reconciler()["resent"]
        return not api.status(run_id)["is_running"]

    until(ended, "the run has not ended", poll_s=3)
    assert resent == len(stolen) == 20
    assert exchange.klines_asked() == SYMBOLS
    assert_all_complete_and_exact(api, exchange, run_id, "2025-01", "2025-02")


def test_each_message_delivered_three_times_in_random_order_is_worked_on_once(
    api: Api, exchange: StackExchange, queue: Queue
) -> None:
    exchange.settings(latency_ms=2000)
    run_id = api.start(top_n=SYMBOLS, start_date="2025-02-01", end_date="2025-02-28")
    symbols = [item["symbol"] for item in api.status(run_id)["last_results"]["details"]]
    again = [SeriesMessage(run_id, hourly(symbol), 1).body() for symbol in symbols] * 2
    random.Random(3).shuffle(again)
    queue.send(again)
    exchange.settings(latency_ms=0)
    api.result(run_id)
    assert exchange.klines_asked() == SYMBOLS
    assert_all_complete_and_exact(api, exchange, run_id, "2025-02", "2025-03")


def test_poisoned_messages_end_in_the_dead_letter_queue_and_stop_nobody(
    api: Api, exchange: StackExchange, queue: Queue
) -> None:
    queue.send(POISON)
    run_id = api.start(top_n=SYMBOLS, start_date="2025-03-01", end_date="2025-03-31")
    assert_all_complete_and_exact(api, exchange, run_id, "2025-03", "2025-04")
    dead: list[str] = []

    def all_dead() -> bool:
        dead.extend(queue.dead())
        return len(dead) >= len(POISON)

    until(all_dead, "the poisoned messages did not become dead letters", poll_s=2)
    assert sorted(dead) == sorted(POISON)


def test_a_symbol_on_which_every_worker_crashes_is_closed_with_the_reason_and_the_others_complete(
    stack: StackUnderTest, api: Api, exchange: StackExchange, queue: Queue, reconciler: Callable[[], dict[str, Any]]
) -> None:
    table = CandleTable(stack)
    tables: Any = stack.aws.resource("dynamodb", endpoint_url=stack.aws_endpoint_url)
    runs = tables.Table(stack.output("RunsTableName"))
    damaged = {"series": {"S": str(hourly("ETHUSDT"))}, "block": {"S": "2025-04-15T00:00 damaged"}}
    table.put(damaged)
    run_id = api.start(symbols=["BTCUSDT", "ETHUSDT", "SOLUSDT"], start_date="2025-04-01", end_date="2025-04-30")
    until(lambda: api.done(run_id) == 2, "the others have not ended")
    # As if it had been sent again for hours already: this is the last time.
    runs.update_item(
        Key={"pk": f"RUN#{run_id}", "sk": "SYM#ETHUSDT"},
        UpdateExpression="SET resends = :most",
        ExpressionAttributeValues={":most": MAX_RESENDS},
    )

    def ended() -> bool:
        reconciler()
        return not api.status(run_id)["is_running"]

    until(ended, "the run has not ended", within_s=400, poll_s=10)
    table.delete(damaged)
    details = {item["symbol"]: item for item in api.result(run_id)["details"]}
    assert {symbol: item["status"] for symbol, item in details.items()} == {
        "BTCUSDT": "complete",
        "ETHUSDT": "failed",
        "SOLUSDT": "complete",
    }
    assert details["ETHUSDT"]["error"]["kind"] == "gave_up"
    assert "2025-04-15 damaged" in details["ETHUSDT"]["error"]["message"]
    assert details["ETHUSDT"]["missing_candles"] == 720
    assert len(list(queue.dead())) >= 1
    retried = api.run(symbols=["ETHUSDT"], start_date="2025-04-01", end_date="2025-04-30")
    assert retried["complete"] == 1
    assert_exact(api, exchange, "ETHUSDT", hour("2025-04-01"), hour("2025-05-01"))
