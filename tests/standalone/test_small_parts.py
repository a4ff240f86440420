"""The environment, the admin key, the threads, and the lock on an SQLite file."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from candle_collector.adapters.sql.database import Database
from candle_collector.api.create_key import create_key
from candle_collector.bootstrap import Container, SqlContainer
from candle_collector.domain.api_key import ApiKey, Scope
from candle_collector.errors import SettingError
from candle_collector.settings import Settings

from standalone import runtime_lock
from standalone.admin_key import ensure_key
from standalone.environment import function_environment, reconciled_every
from standalone.runtime_lock import AlreadyRunningError
from standalone.threads import Threads
from tests.fakes.keys import KeysInMemory
from tests.logs import written

URL = {"DATABASE_URL": "sqlite:////tmp/a.db"}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_functions_find_what_the_template_would_give_them() -> None:
    found = function_environment(
        {**URL, "COLLECTION_SCHEDULE": "0 */6 * * *", "TOP_N_CRYPTOS": "", "LOG_LEVEL": "DEBUG"}
    )
    settings = Settings(found)
    assert settings.stage == "local"
    assert settings.worker_concurrency == 8
    assert settings.collection_schedule == "cron(0 0/6 * * ? *)"
    assert (settings.worker_timeout, settings.queue_visibility) == (60, 360)
    assert settings.top_n == 100
    assert found["POWERTOOLS_METRICS_DISABLED"] == "true"
    assert found["POWERTOOLS_LOG_LEVEL"] == "DEBUG"


def test_a_visibility_follows_the_workers_timeout() -> None:
    assert function_environment({**URL, "WORKER_TIMEOUT": "5"})["QUEUE_VISIBILITY"] == "30"
    with pytest.raises(SettingError, match="six times"):
        function_environment({**URL, "WORKER_TIMEOUT": "5", "QUEUE_VISIBILITY": "360"})


def test_an_empty_gap_fill_schedule_switches_it_off() -> None:
    assert Settings(function_environment({**URL, "GAP_FILL_SCHEDULE": ""})).gap_fill_schedule == ""


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"DATABASE_URL": ""}, "DATABASE_URL is not set"),
        ({"COLLECTION_SCHEDULE": "61 * * * *"}, "COLLECTION_SCHEDULE: '61' is wrong for the minute"),
        ({"WORKER_CONCURRENCY": "none"}, "WORKER_CONCURRENCY is 'none'"),
        ({"BATCH_SIZE": "5000"}, "BATCH_SIZE"),
        ({"EXCHANGE_BASE_URL": "http://example.org"}, "EXCHANGE_BASE_URL"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_starts(variables: dict[str, str], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        function_environment({**URL, **variables})


def test_the_reconciler_looks_every_minute_unless_it_is_set() -> None:
    assert reconciled_every({}) == timedelta(minutes=1)
    assert reconciled_every({"RECONCILER_SCHEDULE": "rate(5 minutes)"}) == timedelta(minutes=5)
    with pytest.raises(SettingError, match="RECONCILER_SCHEDULE"):
        reconciled_every({"RECONCILER_SCHEDULE": "rate(1 hour)"})


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    store, path = KeysInMemory(), tmp_path / "folder" / "key"
    assert ensure_key(path, store, NOW)
    text = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert not ensure_key(path, store, NOW)
    assert path.read_text() == text
    key = ApiKey.parse(text.strip())
    assert key is not None
    assert store.records[key.key_id].scope is Scope.ADMIN


def test_a_key_that_the_database_does_not_know_or_that_may_not_do_it_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key"
    ensure_key(path, KeysInMemory(), NOW)
    store = KeysInMemory()
    assert ensure_key(path, store, NOW)
    reading, _ = create_key(store, name="reading", scope=Scope.READ, now=NOW)
    for text in (reading.text, "noise", ""):
        path.write_text(text)
        assert ensure_key(path, store, NOW)
        assert not ensure_key(path, store, NOW)


@pytest.mark.parametrize("fails", [True, False])
def test_a_thread_that_ends_early_ends_the_process(*, fails: bool) -> None:
    stopping, died = threading.Event(), threading.Event()
    threads = Threads(stopping, on_death=died.set)

    def work() -> None:
        if fails:
            raise RuntimeError("broken")

    with written():
        threads.start("lasting", stopping.wait)  # type: ignore[arg-type] # what it returns is not read
        threads.start("short", work)
        assert died.wait(10)
    assert threads.died
    assert not threads.join(time.monotonic() + 0.05)
    stopping.set()
    assert threads.join(time.monotonic() + 10)


def test_each_thread_has_its_own_connections_to_the_exchange() -> None:
    container = SqlContainer(Settings(function_environment(URL)))
    mine: list[Any] = [container.exchange, container.prefetch]
    assert [container.exchange, container.prefetch] == mine
    others: list[Any] = []
    thread = threading.Thread(target=lambda: others.extend([container.exchange, container.prefetch]))
    thread.start()
    thread.join()
    assert not set(map(id, mine)) & set(map(id, others))
    handed_in: Any = object()
    assert SqlContainer(Settings(URL), exchange=handed_in).exchange is handed_in
    on_aws: Container = Container(Settings(function_environment(URL)))
    assert on_aws.exchange is on_aws.exchange


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/a b.db")
    yield made
    made.close()


def test_a_second_runtime_on_a_file_is_refused_and_names_the_first(database: Database, tmp_path: Path) -> None:
    lock = runtime_lock.take(database)
    lock.announce("http://127.0.0.1:5000")
    with pytest.raises(AlreadyRunningError, match=rf"pid {os.getpid()}\) and answers at http://127.0.0.1:5000"):
        runtime_lock.take(database)
    lock.release()
    runtime_lock.take(database).release()
    other = Database(f"sqlite:///{tmp_path}/other.db")
    lock = runtime_lock.take(database)
    runtime_lock.take(other).release()
    lock.release()
    other.close()


HOLDS = """
import sys, time
from candle_collector.adapters.sql.database import Database
from standalone import runtime_lock
lock = runtime_lock.take(Database(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_the_system_releases_the_lock_of_a_process_that_is_killed(database: Database) -> None:
    url = database.engine.url.render_as_string()
    with subprocess.Popen([sys.executable, "-c", HOLDS, url], stdout=subprocess.PIPE, text=True) as holder:  # noqa: S603 - this Python
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunningError, match=f"pid {holder.pid}"):
            runtime_lock.take(database)
        holder.kill()
    runtime_lock.take(database).release()
