"""The whole archive as a process over an SQLite file: it collects, ends, is killed and goes on."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.exchange import RunningExchange, running_exchange
from tests.standalone.running import ROOT, Archive, command, environment, eventually, running_archive

SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT", "DOGEUSDT")
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningExchange]:
    with running_exchange("--simulated") as running:
        yield running


@pytest.fixture(autouse=True)
def fast(exchange: RunningExchange) -> None:
    exchange.settings(latency_ms=0, weight_limit=100_000)
    exchange.reset()


def days_ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).date().isoformat()


def rows(archive: Archive, symbol: str, start: str) -> list[list[Any]]:
    """Return all that the archive holds of a symbol, page by page."""
    first = round(datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp() * 1000)
    found: list[list[Any]] = []
    while True:
        params = {"symbol": symbol, "interval": "1h", "startTime": str(first), "limit": "1000"}
        page = archive.ask("GET", "/api/v3/klines", params=params)
        if not page:
            return found
        found += page
        first = page[-1][0] + HOUR_MS


def assert_equal_to(exchange: RunningExchange, archive: Archive, symbol: str, start: str) -> None:
    """Compare what is held with what the exchange has: every closed candle, none twice."""
    held = rows(archive, symbol, start)
    first = held[0][0]
    assert first == round(datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp() * 1000)
    assert [row[0] for row in held] == list(range(first, held[-1][0] + 1, HOUR_MS))
    # a run without an end goes up to yesterday, and the day may have changed since it began
    assert held[-1][0] >= exchange.now_ms() - 26 * HOUR_MS
    for begin in range(0, len(held), 1000):
        page = held[begin : begin + 1000]
        printed = exchange.klines(symbol, startTime=page[0][0], limit=len(page))
        assert [[float(value) for value in row[:11]] for row in page] == [
            [float(value) for value in row[:11]] for row in printed
        ]


def test_a_run_by_http_ends_complete_with_the_exchanges_candles(exchange: RunningExchange, tmp_path: Path) -> None:
    start = days_ago(100)
    with running_archive(tmp_path, exchange.url) as archive:
        results = archive.ended(archive.trigger(*SYMBOLS[:3], start=start))
        assert (results["complete"], results["partial"], results["failed"]) == (3, 0, 0)
        for symbol in SYMBOLS[:3]:
            assert_equal_to(exchange, archive, symbol, start)
        begun = time.monotonic()
        key = archive.key
        requests.get(f"{archive.url}/api/v3/ping", params={"api_key": key}, timeout=10).raise_for_status()
        assert archive.end() == 0
        assert time.monotonic() - begun < 10
    assert [line["exit_code"] for line in archive.logged("stopped")] == [0]
    keys = [set(line) for line in map(json.loads, archive.lines)]
    assert all({"function_name", "function_request_id", "cold_start"} <= found for found in keys)
    assert key not in "".join(archive.lines)
    assert "api_key" not in "".join(archive.lines)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_a_process_that_is_stopped_in_mid_run_requeues_and_the_next_goes_on(
    exchange: RunningExchange, tmp_path: Path
) -> None:
    start = days_ago(200)
    exchange.settings(latency_ms=750)
    with running_archive(tmp_path, exchange.url) as archive:
        run_id = archive.trigger(*SYMBOLS, start=start)
        time.sleep(1.5)
        begun = time.monotonic()
        assert archive.end() == 0
        assert time.monotonic() - begun < 10
        assert not archive.logged("turns did not end in time")
    exchange.settings(latency_ms=0)
    with running_archive(tmp_path, exchange.url) as archive:
        assert not any(line["held"] for line in archive.logged("an open run goes on"))
        results = archive.ended(run_id)
        assert results["complete"] == len(SYMBOLS)
        assert_equal_to(exchange, archive, SYMBOLS[-1], start)


def test_a_process_that_is_killed_at_any_moment_goes_on_by_itself(exchange: RunningExchange, tmp_path: Path) -> None:
    start = days_ago(200)
    exchange.settings(latency_ms=250)
    run_id, held = "", 0
    for number, moment in enumerate((0.4, 0.2, 0.5)):
        with running_archive(tmp_path, exchange.url) as archive:
            if number == 0:
                run_id = archive.trigger(*SYMBOLS, start=start)
            time.sleep(moment)
            assert archive.end(signal.SIGKILL) == -signal.SIGKILL
            held += sum(line["held"] for line in archive.logged("an open run goes on"))
    assert held > 2  # it was killed in mid-run
    exchange.settings(latency_ms=0)
    with running_archive(tmp_path, exchange.url) as archive:
        begun = time.monotonic()
        results = archive.ended(run_id)
        assert time.monotonic() - begun < 20  # long before a claim is over
        assert results["complete"] == len(SYMBOLS)
        assert results["end_reason"] is None
        for symbol in SYMBOLS:
            assert_equal_to(exchange, archive, symbol, start)
        assert not archive.logged("a message is a dead letter: it was received %d times")
        again = archive.ended(archive.trigger(*SYMBOLS, start=start))
        assert again["skipped"] == len(SYMBOLS)
        assert archive.end() == 0
    with closing(sqlite3.connect(tmp_path / "candles.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_second_process_on_the_same_database_is_refused_with_a_sentence(
    exchange: RunningExchange, tmp_path: Path
) -> None:
    with running_archive(tmp_path, exchange.url) as archive:
        second = refused(tmp_path, environment(tmp_path, exchange.url))
        assert f"pid {archive.process.pid}" in second
        assert archive.url in second
        assert archive.ask("GET", "/api/v3/ping") == {}


def refused(folder: Path, variables: dict[str, str], *more: str) -> str:
    """Return the sentence with which a process refuses to start."""
    ended = subprocess.run(  # noqa: S603 - the project's own program
        [*command(folder), *more], cwd=ROOT, env=variables, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 2, ended.stderr
    (sentence,) = ended.stderr.splitlines()
    return sentence


def test_what_cannot_start_says_why_and_exits_with_2(tmp_path: Path) -> None:
    good = environment(tmp_path, "http://127.0.0.1:19")
    assert "DATABASE_URL is not set" in refused(tmp_path, {**good, "DATABASE_URL": ""})
    assert "DATABASE_URL is of the kind mysql" in refused(tmp_path, {**good, "DATABASE_URL": "mysql://u:secret@h/d"})
    for openness in ({"API_KEY_REQUIRED": "false"}, {"PUBLIC_READS": "true"}):
        assert "this machine alone" in refused(tmp_path, {**good, **openness}, "--host", "0.0.0.0")  # noqa: S104 - refused
    assert "WORKER_TIMEOUT" in refused(tmp_path, {**good, "WORKER_TIMEOUT": "7"})
    (tmp_path / "noise.db").write_text("this is not a database, and long enough to be looked at" * 100)
    noise = refused(tmp_path, {**good, "DATABASE_URL": f"sqlite:///{tmp_path}/noise.db"})
    assert "not an SQLite database" in noise
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"port {port}" in refused(tmp_path, good, "--port", port)
    (tmp_path / "folder").mkdir()
    assert "key file" in refused(tmp_path, good, "--key-file", str(tmp_path / "folder"))
    (tmp_path / "candles.db.lock").unlink()
    (tmp_path / "candles.db.lock").mkdir()
    assert "candles.db.lock beside the database cannot be written" in refused(tmp_path, good)
    unreachable = {**good, "DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/d"}
    sentence = refused(tmp_path, unreachable)
    assert "does not answer" in sentence
    assert "secret" not in sentence


WITHOUT_AWS = """
import sys
class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"boto3", "botocore", "pynamodb"}:
            raise ImportError(name)
sys.meta_path.insert(0, NotInstalled())
"""


def test_it_starts_where_nothing_of_aws_is_installed(tmp_path: Path) -> None:
    code = "import os, standalone.server\nfrom standalone import functions\nfunctions.load()\nprint('loaded')"
    variables = environment(tmp_path, "http://127.0.0.1:19", POWERTOOLS_METRICS_NAMESPACE="n")
    loaded = subprocess.run(  # noqa: S603 - this Python
        [command(tmp_path)[0], "-c", WITHOUT_AWS + code],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert loaded.stdout == "loaded\n", loaded.stderr


def test_a_worker_that_dies_ends_the_process_and_says_so(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys\n"
        "from standalone import ending, server, workers\n"
        "def die(self):\n    raise RuntimeError('broken')\n"
        "workers.Workers.work = die\n"
        "ending.leave(server.serve(os.environ, host='127.0.0.1', port=0, key_file=pathlib.Path(sys.argv[1])))\n"
    )
    ended = subprocess.run(  # noqa: S603 - the project's own program
        [command(tmp_path)[0], "-c", code, str(tmp_path / "key")],
        cwd=ROOT,
        env=environment(tmp_path, "http://127.0.0.1:19"),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    said = [json.loads(line)["message"] for line in ended.stdout.splitlines()]
    assert "a thread died, so the process ends" in said
    assert said[-1] == "stopped"


def test_a_scheduled_start_that_fails_is_logged_with_its_reason(tmp_path: Path) -> None:
    due = (datetime.now(UTC) + timedelta(seconds=2)).replace(microsecond=0)
    code = (
        "import datetime, os, pathlib, sys\n"
        "from standalone import ending, schedules, server\n"
        f"due = iter([datetime.datetime.fromisoformat({due.isoformat()!r})])\n"
        "real = schedules.next_time\n"
        "schedules.next_time = lambda expression, after: next(due, None) or real(expression, after)\n"
        "ending.leave(server.serve(os.environ, host='127.0.0.1', port=0, key_file=pathlib.Path(sys.argv[1])))\n"
    )
    off = {"GAP_FILL_SCHEDULE": "", "MAX_RETRIES": "0"}
    variables = environment(tmp_path, "http://127.0.0.1:19", SCHEDULES_ENABLED="true", **off)
    with subprocess.Popen(  # noqa: S603 - the project's own program
        [command(tmp_path)[0], "-c", code, str(tmp_path / "key")],
        cwd=ROOT,
        env=variables,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        archive = Archive(process, tmp_path / "key")
        (failed,) = eventually(
            lambda: archive.logged("a scheduled start failed; it is tried again at its next time"), 20
        )
        assert failed["level"] == "ERROR"
        assert failed["mode"] == "forward"
        assert "exchange" in failed["reason"]
        assert datetime.fromisoformat(failed["next"]) > datetime.now(UTC)
        assert archive.end(signal.SIGINT) == 0
    assert json.loads(archive.lines[-1])["message"] == "stopped"
