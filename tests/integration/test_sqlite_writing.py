"""Several processes write into one SQLite file: each in its turn, and nobody waits for what is stuck for ever."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from candle_collector.adapters.sql import sqlite_writing
from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.series import SqlSeries
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.errors import DatabaseUnavailableError

from tests.hourly import hourly

FULL, NORMAL = 2, 1


def opened(folder: Path, busy_seconds: float = 30) -> Database:
    """Open a database; each has what a process of its own would have."""
    return Database(f"sqlite:///{folder}/candles.db", busy_seconds=busy_seconds)


def write(database: Database, symbol: str = "BTCUSDT") -> None:
    series = hourly(symbol)
    store = SqlSeries(database)
    store.put(SeriesRecord(series, revision=store.get(series).revision))


def test_who_writes_all_the_time_lets_others_have_their_turn(tmp_path: Path) -> None:
    busy, other = opened(tmp_path), opened(tmp_path)
    owners: list[str] = []
    is_over = threading.Event()

    def write_on() -> None:
        while not is_over.is_set():
            with busy.write():
                owners.append("busy")
                time.sleep(0.004)

    threads = [threading.Thread(target=write_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        before = len(owners)
        with other.write():
            owners.append("other")
        # the one that writes, and the one that has waited for longer
        assert len(owners) - before <= 4, owners
        time.sleep(0.002)
    is_over.set()
    for thread in threads:
        thread.join(10)
    assert owners.count("busy") > 20
    busy.close()
    other.close()


def test_no_write_of_two_processes_is_lost(tmp_path: Path) -> None:
    databases = [opened(tmp_path) for _ in range(3)]

    def write_each(database: Database, number: int) -> None:
        for count in range(30):
            write(database, f"S{number}N{count}USDT")

    threads = [
        threading.Thread(target=write_each, args=(database, number)) for number, database in enumerate(databases)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(list(SqlSeries(databases[0]).all())) == 90
    for database in databases:
        database.close()


def test_a_program_that_knows_nothing_of_turns_is_waited_for(tmp_path: Path) -> None:
    database = opened(tmp_path)
    with closing(sqlite3.connect(tmp_path / "candles.db", isolation_level=None, check_same_thread=False)) as program:
        program.execute("BEGIN IMMEDIATE")
        end = threading.Timer(0.3, lambda: program.execute("COMMIT"))
        begun = time.monotonic()
        end.start()
        write(database)
        assert 0.25 < time.monotonic() - begun < 5
        end.join()
    database.close()


def test_a_process_that_is_stopped_while_it_is_next_is_named_and_passed_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sqlite_writing, "NEXT_SECONDS", 0.2)
    database = opened(tmp_path)
    write(database)
    stuck = os.open(tmp_path / "candles.db.turn", os.O_RDONLY)
    fcntl.flock(stuck, fcntl.LOCK_EX)
    begun = time.monotonic()
    for _ in range(100):
        write(database)
    assert 0.2 <= time.monotonic() - begun < 10  # were each to wait, 40 s
    assert [line.levelname for line in caplog.records] == ["WARNING"]
    os.close(stuck)
    database.close()


def test_a_database_has_one_file_for_turns_by_whatever_name_it_is_opened(tmp_path: Path) -> None:
    other_name = tmp_path / "link"
    other_name.mkdir()
    opened(tmp_path).close()
    (other_name / "candles.db").symlink_to(tmp_path / "candles.db")
    database = opened(other_name)
    write(database)
    assert not (other_name / "candles.db.turn").exists()
    assert (tmp_path / "candles.db.turn").exists()
    database.close()


def test_a_folder_that_takes_no_file_for_turns_takes_writes(tmp_path: Path) -> None:
    (tmp_path / "candles.db.turn").mkdir()
    database = opened(tmp_path)
    write(database)
    database.close()


def test_others_are_waited_for_as_long_after_a_turn_as_before_it(tmp_path: Path) -> None:
    database = opened(tmp_path, busy_seconds=7)
    with database.write() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 7000
    other = opened(tmp_path, busy_seconds=0.1)
    with database.write(), pytest.raises(DatabaseUnavailableError, match="locked by another program"):
        write(other)
    database.close()
    other.close()


# what another transaction follows


def synchronous(database: Database, *, followed: bool) -> Any:
    with database.write(followed=followed) as connection:
        return connection.exec_driver_sql("PRAGMA synchronous").scalar()


def test_what_is_followed_reaches_the_disk_with_what_follows_and_only_where_that_is_said(tmp_path: Path) -> None:
    database = opened(tmp_path)
    assert synchronous(database, followed=True) == FULL
    database.are_followed = True
    for followed in (True, False, True, False):
        assert synchronous(database, followed=followed) == (NORMAL if followed else FULL)
    database.close()


def test_a_postgresql_that_may_end_alone_has_everything_on_the_disk(new_postgres_url: str) -> None:
    database = Database(new_postgres_url)
    database.are_followed = True
    with database.write(followed=True) as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    database.close()
