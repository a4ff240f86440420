"""The schedules at home: when they start something, and that nothing ends them."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from candle_collector.domain.schedule import to_eventbridge
from candle_collector.errors import MarketUnavailableError, SettingError
from candle_collector.observability import logger

from standalone.schedules import Schedules, next_time
from tests.logs import written

THURSDAY = datetime(2026, 11, 26, 0, 30, 15, tzinfo=UTC)
LONG = timedelta(hours=1)


def nothing(_event: object, _context: object) -> None:
    return None


@pytest.mark.parametrize(
    ("written_as", "expected"),
    [
        ("0 3 * * 0", "2026-11-29T03:00"),  # cron's 0 is Sunday
        ("0 3 * * 7", "2026-11-29T03:00"),
        ("0 3 * * 1", "2026-11-30T03:00"),
        ("0 3 * * SUN", "2026-11-29T03:00"),
        ("0 3 * * 1-5", "2026-11-26T03:00"),
        ("0 */6 * * *", "2026-11-26T06:00"),
        ("*/1 * * * *", "2026-11-26T00:31"),
        ("5 0 1 * *", "2026-12-01T00:05"),
        ("cron(35 3 ? * SUN *)", "2026-11-29T03:35"),
        ("cron(5 0/6 * * ? *)", "2026-11-26T06:05"),
        ("rate(6 hours)", "2026-11-26T06:00"),
        ("rate(5 minutes)", "2026-11-26T00:35"),
        ("rate(1 day)", "2026-11-27T00:00"),
    ],
)
def test_a_schedule_means_what_cron_or_eventbridge_means_by_it(written_as: str, expected: str) -> None:
    assert next_time(to_eventbridge(written_as), THURSDAY) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize("expression", ["cron(0 3 L * ? *)", "cron(0 3 1 1 ? 2020)"])
def test_a_schedule_that_starts_nothing_here_is_refused(expression: str) -> None:
    with pytest.raises(SettingError, match="starts nothing"):
        Schedules(nothing, nothing, {"forward": expression}, LONG)


class Started:
    """A trigger that remembers what it was given, and perhaps fails."""

    def __init__(self, *, fails: int = 0) -> None:
        self.events: list[dict[str, Any]] = []
        self.fails = fails
        self.arrived = threading.Semaphore(0)

    def __call__(self, event: dict[str, Any], _context: object) -> None:
        self.events.append(event)
        self.arrived.release()
        if len(self.events) <= self.fails:
            raise MarketUnavailableError("the exchange does not answer")


def run(schedules: Schedules) -> threading.Thread:
    thread = threading.Thread(target=schedules.run, daemon=True)
    thread.start()
    return thread


def test_the_trigger_gets_its_mode_and_the_time_that_was_due(monkeypatch: pytest.MonkeyPatch) -> None:
    due = iter([datetime.now(UTC) + timedelta(milliseconds=300 * number) for number in range(1, 4)])
    far = datetime.now(UTC) + timedelta(days=1)
    monkeypatch.setattr("standalone.schedules.next_time", lambda *_: next(due, far))
    started = Started(fails=1)
    with written() as log:
        logger("standalone")
        schedules = Schedules(started, nothing, {"forward": "rate(1 minute)"}, LONG)
        thread = run(schedules)
        assert all(started.arrived.acquire(timeout=10) for _ in range(3))
        schedules.stop()
        thread.join(10)
    assert not thread.is_alive()
    assert [event["mode"] for event in started.events] == ["forward"] * 3
    assert all(datetime.fromisoformat(event["time"]) <= datetime.now(UTC) for event in started.events)
    (failed,) = map(json.loads, log.getvalue().splitlines())
    assert (failed["level"], failed["mode"]) == ("ERROR", "forward")
    assert failed["reason"] == "the exchange does not answer"
    assert datetime.fromisoformat(failed["next"]) > datetime.fromisoformat(failed["due"]) - timedelta(seconds=1)


def test_what_was_due_while_the_machine_slept_starts_once() -> None:
    clock = [datetime.now(UTC) - timedelta(days=3)]
    started = Started()
    schedules = Schedules(started, nothing, {"forward": "rate(1 minute)"}, LONG, now=lambda: clock[0])
    clock[0] = datetime.now(UTC)  # the machine wakes
    thread = run(schedules)
    assert started.arrived.acquire(timeout=10)
    assert not started.arrived.acquire(timeout=0.5)
    schedules.stop()
    thread.join(10)
    assert datetime.fromisoformat(started.events[0]["time"]) < clock[0] - timedelta(days=2)


def test_the_reconciler_runs_at_once_and_then_again_though_it_fails() -> None:
    rounds = Started(fails=1)
    with written() as log:
        logger("standalone")
        schedules = Schedules(nothing, rounds, {}, timedelta(seconds=0.2))
        thread = run(schedules)
        assert rounds.arrived.acquire(timeout=5)
        assert rounds.arrived.acquire(timeout=5)
        schedules.stop()
        thread.join(10)
    assert "the reconciler failed" in log.getvalue()
