"""What the server makes of its worker processes: their reports, their deaths, its orders."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from candle_collector.adapters.sql.database import Outages
from candle_collector.ports import ReceivedMessage

from standalone import worker_processes
from standalone.environment import function_environment
from standalone.metrics import PrometheusMetrics
from standalone.worker_processes import Server, WorkerProcesses, shares
from tests.standalone.running import eventually
from tests.standalone.stand_in_worker import message

ENDED = "a worker process ended; others do what it had in hand, and it is started again"


class Stand:
    """A server of two stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stopping = threading.Event()
        self.outages = Outages()
        self.looks = 0
        self.sent_again: list[ReceivedMessage] = []
        self.metrics = PrometheusMetrics(version="1", stage="local")
        self.processes = WorkerProcesses(
            [1, 1],
            Server(self.metrics, sent=self.look, send_again=self.sent_again.append),
            outages=self.outages.of_another_process,
            stopping=self.stopping,
            log_file=None,
        )
        self.threads = [threading.Thread(target=process.run, daemon=True) for process in self.processes.each]

    def look(self) -> None:
        self.looks += 1

    def prepare(self, *lives: str) -> None:
        (self.folder / "lives").write_text("\n".join(lives))
        for thread in self.threads:
            thread.start()

    def start(self, *lives: str) -> None:
        self.prepare(*lives)
        self.processes.want()

    @property
    def begun(self) -> list[int]:
        """The ids of all that have begun."""
        return [int(text) for path in self.folder.glob("begun-*") if (text := path.read_text())]

    @property
    def orders(self) -> bytes:
        path = self.folder / "orders"
        return path.read_bytes() if path.exists() else b""

    def stop(self) -> None:
        self.stopping.set()
        self.processes.stop()
        for thread in self.threads:
            if thread.ident is not None:
                thread.join(10)
                assert not thread.is_alive()


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    monkeypatch.setattr(worker_processes, "MODULE", "tests.standalone.stand_in_worker")
    monkeypatch.setenv("STAND_IN", str(tmp_path))
    monkeypatch.setattr(worker_processes, "FIRST_WAIT", 0.1)
    stand = Stand(tmp_path)
    yield stand
    stand.stop()


def test_none_is_started_before_there_is_work(stand: Stand) -> None:
    stand.prepare("obey")
    stand.processes.announce()
    time.sleep(0.3)
    assert stand.begun == []
    stand.processes.want()
    eventually(lambda: len(stand.begun) == 2)


def test_what_one_sends_wakes_the_server_and_the_others_and_not_itself(stand: Stand) -> None:
    stand.start("obey", "send; obey")  # the one that begins second sends
    eventually(lambda: stand.looks == 1)
    eventually(lambda: stand.orders == b"q")
    stand.processes.announce()
    eventually(lambda: stand.orders == b"qqq")
    stand.processes.renew_log()
    eventually(lambda: stand.orders == b"qqqll")
    assert stand.looks == 1


def test_the_server_counts_what_worker_processes_did_and_knows_their_outages(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("candle_collector.adapters.sql.database.LASTING_SECONDS", 0.0)
    stand.start("end BTCUSDT; end ETHUSDT; fail the disk is full; obey", "end BNBUSDT; obey")
    eventually(lambda: 'symbols_ended_total{outcome="complete"} 3.0' in stand.metrics.text())
    assert "candles_stored_total 21.0" in stand.metrics.text()
    assert eventually(stand.outages.current) == "the disk is full"


def test_an_outage_of_a_worker_process_is_over_when_it_says_so(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("candle_collector.adapters.sql.database.LASTING_SECONDS", 0.0)
    stand.start("fail the disk is full; recover; send; obey", "obey")
    eventually(lambda: stand.looks == 1)
    assert stand.outages.current() is None


def test_what_a_dead_one_had_in_hand_is_sent_again_and_it_is_started_again_after_growing_waits(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    died = "take A; take B; do A; die"
    stand.start("obey", died, died, died, "obey")
    eventually(lambda: len(stand.begun) == 5)
    assert stand.sent_again == [message("B")] * 3
    said = [vars(line) for line in caplog.records if line.getMessage() == ENDED]
    assert [(line["levelname"], line["ended_by"], line["in_hand"]) for line in said] == [("ERROR", -9, 1)] * 3
    assert [line["again_in_seconds"] for line in said] == [0.1, 0.2, 0.4]


def test_one_that_the_system_does_not_start_is_started_later(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    executable = sys.executable
    monkeypatch.setattr(sys, "executable", "/does/not/exist")
    stand.start("obey", "obey")
    eventually(lambda: len(caplog.records) >= 4)
    monkeypatch.setattr(sys, "executable", executable)
    eventually(lambda: len(stand.begun) == 2)
    assert "No such file" in vars(caplog.records[0])["ended_by"]


def test_one_that_ends_while_the_server_stops_is_not_started_again(stand: Stand) -> None:
    stand.start("obey", "take A; obey")
    eventually(lambda: len(stand.begun) == 2)
    stand.stop()
    assert len(stand.begun) == 2
    for pid in stand.begun:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_one_that_does_not_end_is_killed_at_last(stand: Stand) -> None:
    stand.start("obey", "obey")
    eventually(lambda: len(stand.begun) == 2)
    for process in stand.processes.each:
        process.orders = type(process.orders)()  # it never hears that it is to end
    stand.stopping.set()
    stand.processes.kill()
    for thread in stand.threads:
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("workers", "processes", "each"),
    [
        (5, 1, [5]),
        (5, 2, [2, 3]),
        (2, 2, [1, 1]),
        (2, 4, [1, 1]),
        (20, 3, [6, 7, 7]),
        (8, 3, [2, 3, 3]),
    ],
)
def test_workers_are_shared_out_with_the_server_having_least(workers: int, processes: int, each: list[int]) -> None:
    assert shares(workers, processes) == each


@pytest.mark.parametrize(("cores", "processes"), [({3}, "1"), ({0, 1}, "2"), (set(range(64)), "2")])
def test_there_are_no_more_processes_than_cores_that_may_be_used(
    monkeypatch: pytest.MonkeyPatch, cores: set[int], processes: str
) -> None:
    monkeypatch.setattr("standalone.environment.os", SimpleNamespace(sched_getaffinity=lambda _: cores))
    given = {"DATABASE_URL": "sqlite:////a.db"}
    assert function_environment(given)["WORKER_PROCESSES"] == processes
    assert function_environment(given | {"WORKER_PROCESSES": "3"})["WORKER_PROCESSES"] == "3"


def test_where_the_system_knows_of_no_such_limit_all_cores_count(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, processes in ((8, "2"), (1, "1"), (None, "1")):
        monkeypatch.setattr("standalone.environment.os", SimpleNamespace(cpu_count=lambda cores=cores: cores))
        assert function_environment({"DATABASE_URL": "sqlite:////a.db"})["WORKER_PROCESSES"] == processes
