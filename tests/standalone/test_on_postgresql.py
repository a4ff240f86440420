"""The runtime on a PostgreSQL server: its lock, and a server that goes away in mid-run."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from candle_collector.adapters.sql.database import Database

from standalone import runtime_lock
from standalone.runtime_lock import AlreadyRunningError
from tests.exchange import running_exchange
from tests.integration.databases import PostgresServer, new_postgres_url, postgres_server, postgres_url
from tests.standalone.running import environment, running_archive
from tests.standalone.test_runtime import SYMBOLS, assert_equal_to, refused

__all__ = ["new_postgres_url", "postgres_server", "postgres_url"]  # fixtures

ADDRESS = "http://127.0.0.1:5000"


@pytest.fixture
def database(new_postgres_url: str) -> Iterator[Database]:
    made = Database(new_postgres_url, patience_seconds=5)
    yield made
    made.close()


def test_a_second_runtime_on_a_server_is_refused_and_names_the_first(database: Database) -> None:
    lock = runtime_lock.take(database)
    lock.announce(ADDRESS)
    with pytest.raises(AlreadyRunningError, match=rf"pid {os.getpid()}\) and answers at {ADDRESS}"):
        runtime_lock.take(database)
    lock.release()
    runtime_lock.take(database).release()


def test_the_lock_is_taken_again_when_the_server_was_restarted(
    database: Database, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_lock, "WATCHED_SECONDS", 0.05)
    stopping = threading.Event()
    lock = runtime_lock.take(database)
    lock.announce(ADDRESS)
    watching = threading.Thread(target=lock.watch, args=(stopping,))
    watching.start()
    postgres_server.stop("immediate")
    time.sleep(0.3)
    postgres_server.start()
    time.sleep(0.5)
    with pytest.raises(AlreadyRunningError, match=ADDRESS):
        runtime_lock.take(database)
    stopping.set()
    watching.join(10)
    lock.release()


def test_a_runtime_whose_lock_another_one_took_ends(
    database: Database, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_lock, "WATCHED_SECONDS", 0.05)
    lock = runtime_lock.take(database)
    postgres_server.stop("immediate")
    postgres_server.start()
    other = runtime_lock.take(database)
    with pytest.raises(AlreadyRunningError):
        lock.watch(threading.Event())
    other.release()


def test_a_run_goes_on_over_a_server_that_is_killed_and_a_runtime_that_is_killed(
    new_postgres_url: str, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    start = (datetime.now(UTC) - timedelta(days=300)).date().isoformat()
    settings = {"DATABASE_URL": new_postgres_url, "WORKER_TIMEOUT": "5"}
    with running_exchange("--simulated") as exchange:
        with running_archive(tmp_path, exchange.url, **settings) as archive:
            exchange.settings(latency_ms=200)
            run_id = archive.trigger(*SYMBOLS[:4], start=start)
            time.sleep(0.5)
            postgres_server.stop("immediate")
            time.sleep(0.5)
            postgres_server.start()
            assert archive.ended(run_id)["complete"] == 4
            run_id = archive.trigger(*SYMBOLS[4:], start=start)
            time.sleep(0.3)
            archive.end(signal.SIGKILL)
            exchange.settings(latency_ms=0)
        with running_archive(tmp_path, exchange.url, **settings) as archive:
            again = refused(tmp_path, environment(tmp_path, exchange.url, **settings))
            assert f"pid {archive.process.pid}" in again
            assert archive.ended(run_id)["complete"] == len(SYMBOLS) - 4
            for symbol in SYMBOLS[2:6]:
                assert_equal_to(exchange, archive, symbol, start)
            assert archive.end() == 0
