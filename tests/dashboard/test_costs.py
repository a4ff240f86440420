"""A page that is left open asks little, and less of what is paid for: the counts of docs/dashboard.md."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from candle_collector.answers import CollectionInfo
from streamlit.testing.v1 import AppTest

from dashboard.connection import Connection
from dashboard.polling import LOCAL, REMOTE
from tests.dashboard.fake_archive import FakeArchive, run_line, running_status, system
from tests.dashboard.page import VIEWS, opened

STATUS, SYSTEM, RUNS = "/api/admin/collect/status", "/api/admin/system/info", "/api/admin/collect/runs"
MONTHS = "/api/admin/coverage/months"
DOLLARS_A_CALL = 0.00001
"""At most: docs/dashboard.md computes it."""


def test_a_page_asks_once_for_each_thing(archive: FakeArchive) -> None:
    page = opened()
    once = Counter({SYSTEM: 1, STATUS: 1, RUNS: 1, MONTHS: 1})
    assert archive.calls == once
    page.run()
    assert archive.calls == once


@pytest.mark.parametrize("view", VIEWS)
def test_a_tick_without_a_run_asks_for_the_state_of_the_archive_alone(archive: FakeArchive, view: str) -> None:
    page = opened(view)
    before = archive.calls.copy()
    _age(page, REMOTE.idle)
    page.run()
    assert archive.calls - before == (Counter({SYSTEM: 1}) if view in {"now", "health"} else Counter())


def test_a_tick_during_a_run_asks_for_its_status_without_windows(archive: FakeArchive) -> None:
    line = run_line(state="active", ended_at=None)
    archive.system = replace(system("running", "Running."), collection=CollectionInfo("running", line, None, None))
    archive.status = running_status()
    page = opened()
    before = archive.calls.copy()
    _age(page, LOCAL.run)
    page.run()
    assert archive.calls - before == Counter({STATUS: 1})
    _age(page, LOCAL.system)
    page.run()
    assert archive.calls - before == Counter({STATUS: 2, SYSTEM: 1})


def test_a_page_left_open_costs_less_than_a_cent_an_hour() -> None:
    hour = 3600
    running = hour / REMOTE.run + hour / REMOTE.system
    idle = hour / REMOTE.idle
    assert (running, idle) == (960, 60)
    assert running * DOLLARS_A_CALL < 0.01
    assert idle * DOLLARS_A_CALL < 0.001
    assert REMOTE.months is None


def test_the_coverage_is_asked_for_again_when_a_run_has_ended_and_not_when_one_begins(archive: FakeArchive) -> None:
    page = opened()
    ended = archive.system
    line = run_line(state="active", ended_at=None)
    for seen, calls in ((CollectionInfo("running", line, None, None), 1), (ended.collection, 2)):
        archive.system = replace(ended, collection=seen)
        archive.status = replace(running_status(), is_running=seen.state == "running")
        _age(page, REMOTE.system)
        page.run()
        assert archive.calls[MONTHS] == calls


@pytest.mark.parametrize(
    ("url", "is_local"),
    [
        ("http://localhost:5000", True),
        ("http://127.0.0.1:5000", True),
        ("https://abc.execute-api.us-east-1.amazonaws.com/dev", False),
        ("https://localhost.example", False),
    ],
)
def test_what_is_on_this_machine_is_asked_more_often(url: str, *, is_local: bool) -> None:
    assert Connection(url, "", "").is_local == is_local
    assert LOCAL.run < REMOTE.run


def _age(page: AppTest, seconds: float) -> None:
    """Let what the page has loaded be so much older."""
    state = page.session_state
    whose, kept = state["loaded"]
    state["loaded"] = (whose, {name: replace(item, asked_at=item.asked_at - seconds) for name, item in kept.items()})
