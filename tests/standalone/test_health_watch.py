"""The watch on the archive's health: each change is logged once, and what needs somebody is notified of."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from candle_collector.domain.health import Cause, Health
from candle_collector.domain.notice import Notice
from candle_collector.errors import CollectorError

from standalone.health_watch import TRIES, HealthWatch

OK = Health("ok", "OK: 2 cryptos stored.")
NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


def needs_you(cause: Cause, sentence: str = "Needs you: something.") -> Health:
    return Health("needs_you", sentence, "Do something.", cause)


class Notified:
    """A notifier that takes notices, or does not."""

    is_used = True

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.fails = 0

    def send(self, notice: Notice) -> None:
        self.notices.append(notice)
        if self.fails:
            self.fails -= 1
            raise CollectorError("no answer")


class Stand:
    """How it stands."""

    def __init__(self) -> None:
        self.health: Health | Exception = OK
        self.outage: str | None = None

    def __call__(self) -> Health:
        if isinstance(self.health, Exception):
            raise self.health
        return self.health


@pytest.fixture
def stand() -> Stand:
    return Stand()


@pytest.fixture
def notified() -> Notified:
    return Notified()


@pytest.fixture
def watch(stand: Stand, notified: Notified) -> HealthWatch:
    return HealthWatch(stand, lambda: stand.outage, notified, stage="local", now=lambda: NOW)


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, record.__dict__["sentence"]) for record in caplog.records if record.message == "health"]


def test_each_change_is_logged_once_as_a_warning_where_somebody_is_needed(
    watch: HealthWatch, stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    running = Health("running", "Running: 1 of 2 series done.")
    for health in (
        OK,
        OK,
        running,
        Health("running", "Running: 2 of 2 series done."),
        needs_you("stale"),
        needs_you("refused"),
    ):
        stand.health = health
        watch.look()
    assert logged(caplog) == [
        ("INFO", OK.sentence),
        ("INFO", running.sentence),
        ("WARNING", "Needs you: something."),
        ("WARNING", "Needs you: something."),
    ]


def test_what_needs_somebody_is_notified_of_once_and_so_is_its_end(
    watch: HealthWatch, stand: Stand, notified: Notified
) -> None:
    for health in (OK, needs_you("failed_start"), needs_you("failed_start", "Needs you: something else."), OK, OK):
        stand.health = health
        watch.look()
    assert [notice.text for notice in notified.notices] == [
        "candle-collector local: Needs you: something.\nDo something.",
        "candle-collector local: OK: 2 cryptos stored.",
    ]
    assert dict(notified.notices[0].body) == {
        "stage": "local",
        "state": "needs_you",
        "sentence": "Needs you: something.",
        "remedy": "Do something.",
        "text": notified.notices[0].text,
    }


@pytest.mark.parametrize("cause", ["incomplete", "failed_candles"])
def test_what_a_run_left_out_is_for_the_notice_of_its_end(
    watch: HealthWatch, stand: Stand, notified: Notified, cause: Any
) -> None:
    stand.health = needs_you(cause)
    watch.look()
    assert notified.notices == []


def test_a_database_that_is_gone_is_said_by_its_outage(watch: HealthWatch, stand: Stand, notified: Notified) -> None:
    stand.health, stand.outage = CollectorError("no answer"), "the database x does not answer; look at its server"
    watch.look()
    assert notified.notices[0].body["sentence"] == "Needs you: nothing can be stored: the database x does not answer."
    stand.outage = None
    assert watch.health().cause == "no_answer"


def test_a_notice_that_is_not_taken_is_tried_again_with_each_look_and_given_up(
    watch: HealthWatch, stand: Stand, notified: Notified, caplog: pytest.LogCaptureFixture
) -> None:
    stand.health, notified.fails = needs_you("refused"), 2
    for _ in range(5):
        watch.look()
    assert len(notified.notices) == 3
    assert len({notice.name for notice in notified.notices}) == 1
    stand.health, notified.fails = needs_you("stale"), TRIES + 10
    for _ in range(TRIES + 5):
        watch.look()
    assert len(notified.notices) == 3 + TRIES
    assert caplog.records[-1].message == "a notice is given up"


def test_it_looks_when_it_is_woken_and_ends_with_the_process(
    watch: HealthWatch, stand: Stand, notified: Notified
) -> None:
    stopping = threading.Event()
    thread = threading.Thread(target=watch.run, args=(stopping,), daemon=True)
    thread.start()
    stand.health = needs_you("failed_start")
    while not notified.notices:
        watch.wake()
    stopping.set()
    watch.wake()
    thread.join(5)
    assert not thread.is_alive()
