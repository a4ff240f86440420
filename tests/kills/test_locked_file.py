"""Another program locks the file for a while: a sentence where it is long, and the run goes on by itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.exchange import RunningExchange
from tests.kills.archives import Launcher, copied
from tests.kills.collection import Collection, Rows
from tests.kills.outages import collect_with_outages

BUSY_SECONDS = 1.5


@pytest.mark.parametrize(
    "lock", [((0.3, 1.2), ""), ((5, 7), "is locked by another program")], ids=["a while", "too long"]
)
def test_a_file_that_another_program_locks_costs_nothing_and_the_run_goes_on_by_itself(
    launcher: Launcher,
    exchange: RunningExchange,
    reference: Rows,
    tmp_path: Path,
    lock: tuple[tuple[float, float], str],
) -> None:
    seconds, said = lock
    collection = Collection(exchange, lambda: copied(tmp_path, tmp_path / "copy"))
    # a turn of 5 s, so that a lock outlasts claims too
    archive = launcher.start(tmp_path, exchange.url, busy_seconds=BUSY_SECONDS, WORKER_TIMEOUT="5")
    with closing(sqlite3.connect(tmp_path / "candles.db", isolation_level=None, timeout=30)) as other:
        collect_with_outages(
            archive,
            collection,
            lambda _: other.execute("BEGIN EXCLUSIVE"),
            lambda: other.execute("ROLLBACK"),
            said=said,
            times=4,
            seconds=seconds,
        )
    failed = archive.logged("the database failed, and the turn is done again")
    assert bool(failed) == bool(said)
    archive.end()
    archive.close()
    assert collection.check_end() == reference
