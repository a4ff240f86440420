"""Runs in a database: what ages, and what is reported where there is not an event bus."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from candle_collector.adapters.log_events import LogEvents
from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.leases import SqlLeases
from candle_collector.adapters.sql.runs import KEEP_RUNS, SqlRuns

from tests.hourly import first_hour_of, ms_of_hour
from tests.port_contracts.run_store import LATER, NOW, SERIES, A, B, C, activate, records, run


def test_a_run_that_ended_is_kept_for_ninety_days_and_an_open_one_until_it_ends(database: Database) -> None:
    runs = SqlRuns(database)
    activate(runs, SqlLeases(database), "forward#1")
    runs.end(A, at=LATER, counts={})
    runs.forget_open(A)
    runs.create(run(B), records(B))
    runs.create(run(C, created_at=NOW + KEEP_RUNS), [])
    assert runs.runs(limit=5) == [C, B, A]
    later = "01JWNP30F0DDDDDDDDDDDDDDDD"
    runs.create(run(later, created_at=NOW + KEEP_RUNS + timedelta(seconds=1)), [])
    assert runs.runs(limit=5) == [later, C, B]
    assert (runs.symbols(A), runs.occurred("forward#1")) == ([], False)
    assert len(runs.symbols(B)) == len(SERIES)


def test_the_end_of_a_run_is_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "candle_collector")
    LogEvents("local").collection_ended(run(), {"complete": 3}, ms_of_hour(first_hour_of("2025-06-01")))
    LogEvents("local").collection_ended(run(), {}, None)
    with_candles, without = caplog.records
    assert with_candles.getMessage() == "collection ended"
    assert vars(with_candles) | {
        "run_id": A,
        "mode": "backward",
        "counts": {"complete": 3},
        "latest_candle": "2025-06-01T00:00:00Z",
    } == vars(with_candles)
    assert vars(without)["latest_candle"] is None
