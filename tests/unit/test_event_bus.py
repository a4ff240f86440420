"""The end of a run is reported until the event bus has taken it, and a bus that fails holds nothing else up."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from candle_collector.adapters.events import EventBridgeBus
from candle_collector.domain.run import RunState
from candle_collector.errors import CollectorError

from tests.fakes.world import World
from tests.hourly import first_hour_of

NOW = first_hour_of("2025-06-01") + 12
START = first_hour_of("2025-01-01")
TAKEN = {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}
REFUSED = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}
UNREACHABLE = EndpointConnectionError(endpoint_url="https://events.example")


class Bus:
    """EventBridge, with answers of ours first; afterwards it takes everything."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self._answers = list(answers)
        self.taken: list[dict[str, Any]] = []

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        answer = self._answers.pop(0) if self._answers else TAKEN
        if isinstance(answer, Exception):
            raise answer
        if answer is TAKEN:
            self.taken += Entries
        return answer


@pytest.mark.parametrize("answer", [REFUSED, UNREACHABLE], ids=["refused", "unreachable"])
def test_the_end_of_a_run_is_reported_until_the_bus_takes_it(answer: dict[str, Any] | Exception) -> None:
    system, bus = World({"BTCUSDT": range(START, NOW + 1)}), Bus(answer, answer)
    system.events = EventBridgeBus("dev", client=bus)  # type: ignore[assignment] # the fake's port
    run = system.start(start=START, end=START + 24)
    system.deliver()
    assert (bus.taken, system.runs.open_runs()) == ([], [run.run_id])
    for _ in range(3):
        system.clock.advance(300)
        system.tend()
    assert [json.loads(entry["Detail"])["run_id"] for entry in bus.taken] == [run.run_id]
    assert system.runs.open_runs() == []


def test_a_run_that_cannot_be_looked_after_does_not_hold_up_the_others() -> None:
    system = World({"BTCUSDT": range(START, NOW + 1)})
    system.events = EventBridgeBus("dev", client=Bus(REFUSED))  # type: ignore[assignment] # the fake's port
    system.start(start=START, end=START + 24)
    system.deliver()
    system.clock.advance(60)
    second = system.start(start=START, end=START + 48)
    system.queue.entries.clear()
    system.clock.advance(800)

    def fail() -> Any:
        raise CollectorError("the table does not answer")

    system.series.all = fail  # type: ignore[method-assign] # what the first run's end needs
    with pytest.raises(CollectorError, match="does not answer"):
        system.tend()
    assert system.record(second).resends == 1


def test_a_bus_that_never_answers_keeps_no_run_from_ending() -> None:
    system = World({"BTCUSDT": range(START, NOW + 1)})
    system.events = EventBridgeBus("dev", client=Bus(*[REFUSED] * 1000))  # type: ignore[assignment] # the fake's port
    system.start(start=START, end=START + 24)
    system.deliver()
    system.clock.advance(60)
    second = system.start(start=START, end=START + 48)
    system.queue.entries.clear()
    for _ in range(80):
        system.clock.advance(300)
        with suppress(CollectorError):
            system.tend()
    ended = system.runs.get(second.run_id)
    assert ended is not None
    assert ended.state is RunState.ENDED
    assert system.leases.holder(system.clock.now()) is None
