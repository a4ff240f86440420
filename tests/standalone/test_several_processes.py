"""A server whose workers run in two processes: it is stopped, either of them is killed, and nothing is left over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from standalone.log_rotation import BYTES, EVERY_SECONDS
from tests.exchange import RunningExchange, running_exchange
from tests.standalone.running import ROOT, Archive, eventually, running_archive, started_archive, worker_pids

SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT", "DOGEUSDT")
TWO = {"WORKER_PROCESSES": "2"}
ENDED = "a worker process ended; others do what it had in hand, and it is started again"
START = (datetime.now(UTC) - timedelta(days=200)).date().isoformat()


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningExchange]:
    with running_exchange("--simulated") as running:
        yield running


@pytest.fixture(autouse=True)
def slow(exchange: RunningExchange) -> None:
    exchange.settings(latency_ms=600, weight_limit=100_000)
    exchange.reset()


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and is nobody's child any more is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def worker_of(archive: Archive) -> int:
    """Return the worker process, once it works."""
    pid: int = eventually(lambda: worker_pids(archive.process.pid))[0]
    eventually(lambda: "worker_process" in Path(f"/proc/{pid}/cmdline").read_text())
    eventually(lambda: len(list(Path(f"/proc/{pid}/task").iterdir())) > 5)  # its workers have begun
    return pid


def open_files(pid: int) -> set[str]:
    """Return what a process has open: paths, and sockets and pipes by their numbers."""
    found = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(str(file.readlink()))
    return found


def test_both_processes_work_and_the_metrics_count_what_either_did(exchange: RunningExchange, tmp_path: Path) -> None:
    with running_archive(tmp_path, exchange.url, **TWO) as archive:
        assert worker_pids(archive.process.pid) == []  # an idle server is one process
        run_id = archive.trigger(*SYMBOLS, start=START)
        worker = worker_of(archive)
        kept_by_both = open_files(archive.process.pid) & open_files(worker)
        assert not any(file.startswith("socket") or file.endswith(".lock") for file in kept_by_both)
        exchange.settings(latency_ms=0)
        results = archive.ended(run_id)
        assert results["complete"] == len(SYMBOLS)
        counted = archive.metrics()
        assert counted['symbols_ended_total{outcome="complete"}'] == len(SYMBOLS)
        assert counted["candles_stored_total"] == results["total_records"]
        assert archive.key not in Path(f"/proc/{worker}/cmdline").read_text()
        assert archive.end() == 0
        assert not is_alive(worker)
    assert {line["symbol"] for line in archive.logged("turn done")} == set(SYMBOLS)


def test_a_worker_process_that_is_killed_is_named_and_others_do_its_work_at_once(
    exchange: RunningExchange, tmp_path: Path
) -> None:
    exchange.settings(latency_ms=4000)  # however late the worker process begins, series are left for it
    with running_archive(tmp_path, exchange.url, **TWO) as archive:
        run_id = archive.trigger(*SYMBOLS, start=START)
        worker = worker_of(archive)
        eventually(lambda: exchange.stats(0)["klines_by_symbol"].keys() >= set(SYMBOLS))  # more than the server's own
        os.kill(worker, signal.SIGKILL)
        (ended,) = eventually(lambda: archive.logged(ENDED))
        assert (ended["ended_by"], ended["level"]) == (-signal.SIGKILL, "ERROR")
        assert ended["in_hand"] > 0
        exchange.settings(latency_ms=0)
        begun = time.monotonic()
        results = archive.ended(run_id)
        assert time.monotonic() - begun < 15  # neither a claim nor a message's visibility is waited for
        assert (results["complete"], results["partial"], results["failed"]) == (len(SYMBOLS), 0, 0)
        assert archive.metrics()["worker_processes_ended_total"] == 1
        assert eventually(lambda: worker_pids(archive.process.pid)) != [worker]
        assert archive.end() == 0


def test_a_worker_process_does_not_outlive_its_server_and_keeps_nothing_of_it(
    exchange: RunningExchange, tmp_path: Path
) -> None:
    with running_archive(tmp_path, exchange.url, **TWO) as archive:
        run_id = archive.trigger(*SYMBOLS, start=START)
        worker, port = worker_of(archive), archive.url.rpartition(":")[2]
        exchange.settings(latency_ms=4000)  # its answers in hand are under way while the next server starts
        time.sleep(0.5)
        archive.process.kill()
        archive.process.wait()
        assert is_alive(worker)
        with started_archive(tmp_path, exchange.url, TWO, port=port) as following:
            exchange.settings(latency_ms=0)
            eventually(lambda: not is_alive(worker), 15)
            results = following.ended(run_id)
            assert (results["complete"], results["partial"], results["failed"]) == (len(SYMBOLS), 0, 0)
            assert following.end() == 0


@pytest.mark.parametrize(
    ("number", "to_group"),
    [
        pytest.param(signal.SIGINT, True, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, False, id="docker stop"),
    ],
)
def test_a_signal_to_the_server_or_to_its_group_ends_all_of_it_in_order(
    exchange: RunningExchange, tmp_path: Path, number: int, *, to_group: bool
) -> None:
    with started_archive(tmp_path, exchange.url, TWO, own_group=True) as archive:
        run_id = archive.trigger(*SYMBOLS, start=START)
        worker = worker_of(archive)
        begun = time.monotonic()
        if to_group:
            os.killpg(archive.process.pid, number)
        assert archive.end(number) == 0
        assert time.monotonic() - begun < 10
        assert not is_alive(worker)
        assert {json.loads(line)["level"] for line in archive.lines} <= {"INFO"}
    exchange.settings(latency_ms=0)
    with running_archive(tmp_path, exchange.url, **TWO) as archive:
        assert not any(line["held"] or line["hidden"] for line in archive.logged("an open run goes on"))
        assert archive.ended(run_id)["complete"] == len(SYMBOLS)


def test_both_processes_go_on_in_the_new_log_when_the_old_one_is_put_aside(
    exchange: RunningExchange, tmp_path: Path
) -> None:
    log = tmp_path / "server.log"
    with started_archive(tmp_path, exchange.url, TWO, log=log) as archive:
        archive.trigger(*SYMBOLS, start=START)
        worker = worker_of(archive)
        assert Path(f"/proc/{worker}/fd/1").readlink() == log
        with log.open("a") as large:
            large.write("{}\n" * (BYTES // 3 + 1))
        eventually((tmp_path / "server.log.1").exists, 3 * EVERY_SECONDS)
        outputs = [Path(f"/proc/{worker}/fd/{number}") for number in (1, 2)]
        eventually(lambda: all(output.readlink() == log for output in outputs))
        assert archive.end() == 0


def test_a_worker_process_of_other_sources_than_the_servers_leaves_the_database_alone(tmp_path: Path) -> None:
    """Newer ones would bring it to a form that the server does not know."""
    command = [sys.executable, "-m", "standalone.worker_process", "--sources", "others", "--threads", "1"]
    database = tmp_path / "candles.db"
    ended = subprocess.run(  # noqa: S603 - the project's own program
        [*command, "--orders", "0", "--reports", "1"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": f"sqlite:///{database}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, database.exists()) == (2, False), ended.stderr
    assert "start it again" in ended.stdout
