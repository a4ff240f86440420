"""A trigger that dies between its batches of messages, and a queue that takes half of one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from candle_collector.adapters.sqs import SqsCollectQueue
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.collecting.start_run import start_run
from candle_collector.domain.run import RunState
from candle_collector.domain.series_message import read_message

from tests.fakes.clock import NOON
from tests.fakes.queue import FakeQueue
from tests.fakes.world import Crash, World
from tests.hourly import hour_of, ms_of_hour

END = hour_of(NOON) - 48
START = END - 30
SYMBOLS = tuple(f"COIN{number:02}USDT" for number in range(100))


class BatchClient:
    """SQS as the adapter calls it, in front of the queue in memory.

    Parameters
    ----------
    dies_after
        After how many batches the process is gone; None lives on.
    half_of
        Which batch, counted from 0, is taken half and then, each time it is sent again, not at all.
    """

    def __init__(self, queue: FakeQueue, dies_after: int | None, half_of: int | None = None) -> None:
        self._queue = queue
        self._dies_after = dies_after
        self._half_of = half_of
        self.batches = 0

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's
        assert QueueUrl
        if self.batches == self._dies_after:
            raise Crash
        taken = Entries
        if self._half_of is not None and self.batches >= self._half_of:
            taken = Entries[::2] if self.batches == self._half_of else []
        self.batches += 1
        for entry in taken:
            self._queue.enqueue([read_message(entry["MessageBody"])], delay_seconds=entry["DelaySeconds"])
        failed = [{"Id": entry["Id"]} for entry in Entries if entry not in taken]
        return {"Successful": [{"Id": entry["Id"]} for entry in taken], "Failed": failed}


def world() -> World:
    return World({symbol: range(START - 100, END + 48) for symbol in SYMBOLS})


def trigger(system: World, client: BatchClient) -> None:
    queue = SqsCollectQueue("the workers'", client=client, sleep=lambda _: None)
    request = RunRequest("backward", ms_of_hour(START), ms_of_hour(END))
    start_run(request, system.defaults, replace(system.run_ports(), queue=queue))


def assert_all_is_there(system: World) -> None:
    (run_id,) = system.runs.runs(limit=10)
    run = system.ended(run_id)
    assert run.counts is not None
    assert run.counts["complete"] == len(SYMBOLS)
    assert len(system.candles.lines) == len(SYMBOLS) * (END - START)
    system.assert_exact()


@pytest.mark.parametrize("batches", [0, 1, 5, 9])
def test_what_a_trigger_that_died_had_not_sent_is_sent_by_the_reconciler(batches: int) -> None:
    system = world()
    with pytest.raises(Crash):
        trigger(system, BatchClient(system.queue, dies_after=batches))
    assert len(system.queue.sent) == batches * 10
    (run_id,) = system.runs.open_runs()
    run = system.runs.get(run_id)
    assert run is not None
    assert run.state is RunState.ACTIVE
    system.settle()
    assert len(system.queue.sent) == len(SYMBOLS)
    assert_all_is_there(system)


def test_half_a_batch_that_the_queue_never_takes_is_sent_by_the_reconciler() -> None:
    system = world()
    trigger(system, BatchClient(system.queue, dies_after=None, half_of=5))
    assert len(system.queue.sent) == 55
    system.settle()
    assert_all_is_there(system)
