"""Runs the archive as its own process for a test: ``python -m standalone`` over an SQLite file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).parents[2]
_SECONDS = 30


class Archive:
    """A process that has started.

    Attributes
    ----------
    lines
        What it has logged so far.
    """

    def __init__(self, process: subprocess.Popen[str], key_file: Path, log: Path | None = None) -> None:
        self.process = process
        self._key_file = key_file
        self._log = log
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = ""

    @property
    def lines(self) -> list[str]:
        return list(self._lines) if self._log is None else self._log.read_text().splitlines()

    @property
    def key(self) -> str:
        return self._key_file.read_text().strip()

    def ask(self, method: str, path: str, **how: Any) -> Any:
        """Return the parsed answer to a call with the admin key."""
        headers = {"X-API-Key": self.key}
        return requests.request(method, self.url + path, headers=headers, timeout=_SECONDS, **how).json()

    def trigger(self, *symbols: str, start: str, **body: Any) -> str:
        """Start a run and return its id."""
        sent = {"mode": "backward", "symbols": symbols, "start_date": start, **body}
        started = self.ask("POST", "/api/admin/collect/trigger", json=sent)
        assert started.get("success"), started
        run_id: str = started["run_id"]
        return run_id

    def status(self, run_id: str) -> Any:
        return self.ask("GET", "/api/admin/collect/status", params={"run_id": run_id})

    def ended(self, run_id: str) -> Any:
        """Wait until a run has ended, and return its results."""

        def results() -> Any:
            found = self.status(run_id)["last_results"]
            return found if found and found["ended_at"] else None

        return eventually(results, pause=0.25)  # each look is work for the server that is waited for

    def logged(self, message: str) -> list[dict[str, Any]]:
        """Return the lines so far that say it; every line is JSON."""
        return [line for line in map(json.loads, self.lines) if line["message"] == message]

    def metrics(self) -> dict[str, float]:
        """Return the metrics by their names, without what all of ours begin with."""
        text = requests.get(f"{self.url}/metrics", headers={"X-API-Key": self.key}, timeout=_SECONDS).text
        lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
        return {name.removeprefix("candle_collector_"): float(value) for name, _, value in lines}

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return what the process exited with."""
        self.process.send_signal(number)
        code = self.process.wait(15)
        self._reader.join(5)
        return code

    def _read(self) -> None:
        if self.process.stdout is None:
            return
        for line in self.process.stdout:
            self._lines.append(line)


def eventually(look: Callable[[], Any], seconds: float = _SECONDS, pause: float = 0.05) -> Any:
    """Return what `look` finds, once it finds something."""
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until
        time.sleep(pause)
    return found


def worker_pids(server: int) -> list[int]:
    """Return the ids of a server's worker processes."""
    found: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        for task in Path(f"/proc/{server}/task").iterdir():
            found += map(int, (task / "children").read_text(encoding="utf-8").split())
    return found


def command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "standalone", "--port", "0", "--key-file", str(folder / "key")]


def environment(folder: Path, exchange_url: str, **settings: str) -> dict[str, str]:
    known = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    where = {"DATABASE_URL": f"sqlite:///{folder}/candles.db", "EXCHANGE_BASE_URL": exchange_url}
    # what began by a schedule would meet the tests' own runs, at five past 0, 6, 12 and 18 UTC
    return {**known, **where, "SCHEDULES_ENABLED": "false", **settings}


def running_archive(folder: Path, exchange_url: str, **settings: str) -> AbstractContextManager[Archive]:
    """Start the archive at a free port, and kill it in the end if it still runs."""
    return started_archive(folder, exchange_url, settings)


@contextmanager
def started_archive(
    folder: Path,
    exchange_url: str,
    settings: Mapping[str, str],
    *,
    log: Path | None = None,
    port: str = "0",
    own_group: bool = False,
) -> Iterator[Archive]:
    """Start the archive, wait until it answers, and kill it in the end if it still runs.

    Parameters
    ----------
    log
        A file that gets what it writes, and is put aside when it is large.
    own_group
        Whether it gets a process group of its own.
    """
    with ExitStack() as stack:
        output = subprocess.PIPE if log is None else stack.enter_context(log.open("ab"))
        process = stack.enter_context(
            subprocess.Popen(  # noqa: S603 - the project's own program
                [*command(folder), "--port", port, *(["--log-file", str(log)] if log else [])],
                cwd=ROOT,
                env=environment(folder, exchange_url, **settings),
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                process_group=0 if own_group else None,
            )
        )
        archive = Archive(process, folder / "key", log)
        try:
            (started,) = eventually(lambda: archive.logged("started"))
            archive.url = started["address"]
            yield archive
        finally:
            archive.end(signal.SIGKILL)
