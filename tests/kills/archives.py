"""Archives that are started, killed with their whole process group, and looked into past the application."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import requests
from candle_collector.domain.series import series_named
from sqlalchemy import NullPool, create_engine, text

from tests.kills.server import Aim, Start
from tests.standalone.running import ROOT, environment, worker_pids


class Archive:
    """A process of the runtime.

    Attributes
    ----------
    pid
        Of the process, and of its group.
    began
        When it was started, in seconds of `time.monotonic`.
    """

    def __init__(self, pid: int, log: Path, key_file: Path) -> None:
        self.pid = pid
        self.began = time.monotonic()
        self._log = log
        self._from = log.stat().st_size if log.exists() else 0
        self._key_file = key_file
        self._address = ""
        with suppress(ProcessLookupError):  # dead already
            self._alive: int | None = None
            self._alive = os.pidfd_open(pid)

    def is_dead(self, seconds: float = 0) -> bool:
        """Whether it has died, within so many seconds."""
        return self._alive is None or bool(select.select([self._alive], [], [], seconds)[0])

    def kill(self) -> None:
        """Kill it and whatever it started, and return when it is dead."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        assert self.is_dead(10)

    def kill_server(self) -> None:
        """Kill the server alone: its worker processes have to end by themselves."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def kill_worker(self) -> None:
        """Kill a worker process, if there is one."""
        for pid in worker_pids(self.pid)[:1]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        """Let it end by itself."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        assert self.is_dead(15)

    def close(self) -> None:
        """Forget it, when no process of it is left."""
        if not self.is_dead():
            self.kill()
        until = time.monotonic() + 15
        with suppress(ProcessLookupError):
            while True:
                os.killpg(self.pid, 0)
                assert time.monotonic() < until, "a worker process outlives its server"
                time.sleep(0.02)
        if self._alive is not None:
            os.close(self._alive)
            self._alive = None

    @property
    def address(self) -> str:
        """Where its API is; empty until it has started."""
        if not self._address:
            self._address = next((line["address"] for line in self.logged("started")), "")
        return self._address

    def lines(self) -> list[dict[str, Any]]:
        """Return what it has logged so far; what is not JSON is a message alone."""
        with self._log.open(encoding="utf-8", errors="replace") as log:
            log.seek(self._from)
            written = log.read()
        found = []
        for line in written.splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                found.append({"message": line})
        return found

    def logged(self, message: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line["message"] == message]

    def ask(self, method: str, path: str, *, within: float = 40, **how: Any) -> Any:
        """Return the parsed answer to a call with the admin key; None where the process does not answer in time."""
        try:
            headers = {"X-API-Key": self._key_file.read_text().strip()}
            return requests.request(method, self.address + path, headers=headers, timeout=within, **how).json()
        except (requests.RequestException, OSError):
            return None


class Launcher:
    """Starts archives."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(
        self,
        folder: Path,
        exchange_url: str,
        *,
        aim: Aim | None = None,
        busy_seconds: float | None = None,
        **settings: str,
    ) -> Archive:
        """Start an archive whose key and log are in a folder, and its file unless DATABASE_URL is set."""
        log = folder / "log"
        arguments = ["--port", "0", "--key-file", str(folder / "key")]
        start = Start(environment(folder, exchange_url, **settings), arguments, str(log), aim, busy_seconds)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        log.touch()
        size = log.stat().st_size
        self._process.stdin.write(start.line() + "\n")
        self._process.stdin.flush()
        archive = Archive(int(self._process.stdout.readline()), log, folder / "key")
        archive._from = size
        return archive


@contextmanager
def launching() -> Iterator[Launcher]:
    """Have what starts archives."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.kills.server"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Launcher(process)
        finally:
            process.terminate()


class Stored:
    """What a database holds, read while nobody works on it.

    Attributes
    ----------
    counts
        The candles of each symbol.
    outcomes
        What each symbol of each run has come to, by run and symbol.
    runs
        The records of the runs by their ids, oldest first.
    dead
        How many dead letters there are.
    """

    def __init__(self, url: str) -> None:
        driver = url.replace("postgresql:", "postgresql+psycopg:")
        engine = create_engine(driver, poolclass=NullPool)
        self._url = driver
        with closing(engine.connect()) as connection:
            tables = set(engine.dialect.get_table_names(connection))
            is_made = "archive_schema" in tables
            assert is_made or not tables, "half a schema"

            def rows(query: str) -> Any:
                return connection.execute(text(query)).all() if is_made else []

            self.counts: dict[str, int] = dict(
                rows(
                    "SELECT symbol, count(*) FROM candles JOIN series ON series.series_id = candles.series_id "
                    "GROUP BY symbol"
                )
            )
            self.outcomes: dict[tuple[str, str], str] = {
                (run_id, series_named(series).symbol): outcome
                for run_id, series, outcome in rows("SELECT run_id, series, outcome FROM run_series")
            }
            self.runs: dict[str, dict[str, Any]] = {
                run_id: json.loads(body) for run_id, body in rows("SELECT run_id, body FROM runs ORDER BY run_id")
            }
            self.dead = len(rows("SELECT position FROM messages WHERE dead"))

    def candles(self) -> list[tuple[Any, ...]]:
        """Return all rows, in order, as the view for people has them."""
        engine = create_engine(self._url, poolclass=NullPool)
        with closing(engine.connect()) as connection:
            found = connection.execute(text("SELECT * FROM readable_candles ORDER BY symbol, open_time_utc")).all()
        return [tuple(row) for row in found]


@contextmanager
def copied(folder: Path, scratch: Path) -> Iterator[str]:
    """Copy an SQLite file as a dead process left it, and yield the URL of the copy.

    Opening the file itself would bring it in order, and that is what the next start of the runtime must do.
    """
    scratch.mkdir(exist_ok=True)
    for name in ("candles.db", "candles.db-wal"):
        (scratch / name).unlink(missing_ok=True)
        (scratch / f"{name}-shm").unlink(missing_ok=True)
        if (folder / name).exists():
            shutil.copyfile(folder / name, scratch / name)
    (scratch / "candles.db-shm").unlink(missing_ok=True)
    yield f"sqlite:///{scratch / 'candles.db'}"
