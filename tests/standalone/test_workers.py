"""The worker threads: what they give the function, and what becomes of a message."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from candle_collector.adapters.sql.database import Database, Outages
from candle_collector.adapters.sql.queue import SqlQueue
from candle_collector.bootstrap import SystemClock
from candle_collector.domain.series_message import SeriesMessage, read_message
from candle_collector.errors import DatabaseError, DatabaseUnavailableError
from candle_collector.ports import ReceivedMessage

from standalone.context import Context
from standalone.workers import AnnouncingQueue, TurnClock, Workers
from tests.hourly import hourly
from tests.logs import written

VISIBILITY = timedelta(seconds=30)
DONE: dict[str, list[Any]] = {"batchItemFailures": []}


def message(symbol: str) -> SeriesMessage:
    return SeriesMessage("01J00000000000000000000000", hourly(symbol), 1)


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[SqlQueue]:
    database = Database(f"sqlite:///{tmp_path}/queue.db")
    yield SqlQueue(database, SystemClock())
    database.close()


class Running:
    """Workers in threads, and the events that they gave the function."""

    def __init__(self, queue: Any, work: Callable[[str], Any], threads: int = 3, refusals: int = 0) -> None:
        self.events: list[tuple[dict[str, Any], Context]] = []
        self.arrived, self.stopping = threading.Event(), threading.Event()
        self.outages = Outages()
        self.sent_again: list[str] = []
        left = [DatabaseError("the disk is full")] * refusals

        def send_again(message: ReceivedMessage) -> None:
            if left:
                raise left.pop()
            self.sent_again.append(read_message(message.body).series.symbol)
            queue.delete(message.receipt)

        def handler(event: dict[str, Any], context: Context) -> Any:
            self.events.append((event, context))
            return work(read_message(event["Records"][0]["body"]).series.symbol)

        self.workers = Workers(
            queue,
            handler,
            timeout=5,
            visibility=VISIBILITY,
            arrived=self.arrived,
            stopping=self.stopping,
            outages=self.outages,
            send_again=send_again,
        )
        self.threads = [threading.Thread(target=self.workers.work, daemon=True) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self.arrived.set()
        for thread in self.threads:
            thread.join(10)
        assert not any(thread.is_alive() for thread in self.threads)


def test_a_message_is_given_to_the_function_as_sqs_does_and_deleted_when_it_is_done(queue: SqlQueue) -> None:
    queue.enqueue([message("BTCUSDT")])
    running = Running(queue, lambda _: DONE)
    eventually(lambda: queue.next_visible_in() is None)
    running.stop()
    ((event, context),) = running.events
    (record,) = event["Records"]
    assert record["body"] == message("BTCUSDT").body()
    assert record["eventSource"] == "aws:sqs"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert {"messageId", "receiptHandle", "eventSourceARN"} <= record.keys()
    assert 0 < context.get_remaining_time_in_millis() <= 5000


def test_a_message_whose_work_failed_stays_hidden_for_its_visibility(queue: SqlQueue) -> None:
    def fail(symbol: str) -> Any:
        if symbol == "BTCUSDT":
            return {"batchItemFailures": [{"itemIdentifier": "it"}]}
        raise RuntimeError("broken")

    queue.enqueue([message("BTCUSDT"), message("ETHUSDT")])
    with written():
        running = Running(queue, fail)
        eventually(lambda: len(running.events) == 2)
        running.stop()
    left = queue.next_visible_in()
    assert left is not None
    assert 20 < left <= VISIBILITY.total_seconds()
    assert running.workers.return_messages() == 0


def test_each_message_is_worked_on_once_however_many_workers_there_are(queue: SqlQueue) -> None:
    running = Running(queue, lambda _: DONE, threads=5)
    sending = AnnouncingQueue(queue, running.arrived.set)
    for start in range(0, 40, 10):
        sending.enqueue([message(f"S{number}USDT") for number in range(start, start + 10)])
    eventually(lambda: queue.next_visible_in() is None)
    running.stop()
    bodies = [event["Records"][0]["body"] for event, _ in running.events]
    assert sorted(bodies) == sorted(message(f"S{number}USDT").body() for number in range(40))
    assert sending.waiting() == 0


def test_idle_workers_wake_when_something_is_sent_and_else_look_once_a_second(queue: SqlQueue) -> None:
    class Counting:
        looks = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(queue, name)

        def receive(self, *, visibility: timedelta) -> Any:
            self.looks += 1
            return queue.receive(visibility=visibility)

    counting = Counting()
    running = Running(counting, lambda _: DONE, threads=5)
    time.sleep(1.3)
    assert counting.looks <= 3
    begun = time.monotonic()
    AnnouncingQueue(queue, running.arrived.set).enqueue([message("BTCUSDT")])
    eventually(lambda: bool(running.events))
    assert time.monotonic() - begun < 0.9
    queue.enqueue([message("ETHUSDT")])  # as another process does
    eventually(lambda: len(running.events) == 2)
    running.stop()


def test_a_database_that_fails_for_a_while_ends_no_worker(queue: SqlQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("standalone.workers.POLL_SECONDS", 0.05)
    failures = [DatabaseError("the database does not answer"), DatabaseError("the database does not answer")]

    class Failing:
        def __getattr__(self, name: str) -> Any:
            return getattr(queue, name)

        def receive(self, *, visibility: timedelta) -> Any:
            if failures:
                raise failures.pop()
            return queue.receive(visibility=visibility)

    queue.enqueue([message("BTCUSDT")])
    with written():
        running = Running(Failing(), lambda _: DONE)
        eventually(lambda: bool(running.events))
        running.stop()


@pytest.mark.parametrize("done", [True, False])
def test_a_turn_under_which_the_database_failed_is_sent_again_when_the_database_bears_it(
    queue: SqlQueue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, done: bool
) -> None:
    monkeypatch.setattr("standalone.workers.POLL_SECONDS", 0.05)
    failed: list[str] = []

    def meet_an_outage(symbol: str) -> Any:
        if failed:
            return DONE
        failed.append(symbol)
        running.outages.note(DatabaseUnavailableError("the disk is full; free some space"))
        return DONE if done else {"batchItemFailures": [{"itemIdentifier": "it"}]}

    running = Running(queue, meet_an_outage, threads=1, refusals=2)
    queue.enqueue([message("BTCUSDT"), message("ETHUSDT")])
    running.arrived.set()
    eventually(lambda: len(running.events) == 2)
    running.stop()
    assert running.sent_again == ["BTCUSDT"]
    said = [line for line in caplog.records if line.levelname == "ERROR"]
    assert {line.getMessage() for line in said} == {"the database failed, and the turn is done again"}
    assert "the disk is full" in vars(said[0])["reason"]
    assert len(said) == (2 if done else 3)
    assert queue.next_visible_in() is None


def test_a_process_that_stops_during_an_outage_leaves_the_message_to_the_next(queue: SqlQueue) -> None:
    def fail(_: str) -> Any:
        running.outages.note(DatabaseUnavailableError("the disk is full"))
        return {"batchItemFailures": [{"itemIdentifier": "it"}]}

    with written():
        running = Running(queue, fail, threads=1, refusals=1000)
        queue.enqueue([message("BTCUSDT")])
        running.arrived.set()
        eventually(lambda: bool(running.events))
        running.stop()
    assert queue.next_visible_in() is not None


def test_what_is_still_in_hand_at_the_end_can_be_received_at_once(queue: SqlQueue) -> None:
    let_go = threading.Event()

    def hang(_: str) -> Any:
        let_go.wait(10)
        return DONE

    queue.enqueue([message("BTCUSDT")])
    running = Running(queue, hang)
    eventually(lambda: bool(running.events))
    running.stopping.set()
    assert queue.next_visible_in() != 0
    assert running.workers.return_messages() == 1
    assert queue.next_visible_in() == 0
    let_go.set()
    running.stop()


def test_when_the_process_stops_the_time_of_every_turn_is_over() -> None:
    stopping = threading.Event()
    clock = TurnClock(stopping)
    until = clock() + 60
    assert clock() < until
    stopping.set()
    assert clock() > until
