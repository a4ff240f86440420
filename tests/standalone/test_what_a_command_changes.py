"""A dry run changes nothing, and a run's intervals are its own: what the schedules collect stays as it is."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
import requests

from background.processes import command_line
from tests.standalone.test_homes import SYMBOLS, Person, person

__all__ = ["person"]  # a fixture


def kept(person: Person) -> dict[str, bytes]:
    """Return what is kept beside the candles: the settings, the exchange, the addresses and the key."""
    data = person.folder / "data"
    paths = [*data.glob("last-*"), *data.glob("*.json"), *data.glob("*/settings-*"), *data.glob("*/admin-key-*")]
    return {str(path.relative_to(data)): path.read_bytes() for path in paths}


def series(person: Person) -> list[dict[str, Any]]:
    """Ask the API what is stored."""
    headers = {"X-API-Key": person.stack["api_key"]}
    answer = requests.get(f"{person.stack['api_url']}/api/admin/coverage", headers=headers, timeout=30)
    found: list[dict[str, Any]] = answer.json()["symbols"]
    return found


MINUTES = 10 * 24 * 60
FOUR = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"]


def interrupted(person: Person) -> None:
    """Have a run be killed with its server in the midst of MINUTES of FOUR, while the exchange goes on.

    Two were worked on, and two messages waited for a worker.
    """
    person.done(
        "up", "--exchange", "simulated", SCHEDULES_ENABLED="false", WORKER_CONCURRENCY="2", WORKER_PROCESSES="1"
    )
    stack = person.stack
    settings = f"{stack['exchange_url']}/_exchange/settings"
    assert requests.put(settings, json={"latency_ms": 200}, timeout=30).ok
    body = {"mode": "backward", "symbols": FOUR, "intervals": ["1m"]}
    body |= {"start_date": "2025-01-01", "end_date": "2025-01-10"}
    url, headers = f"{stack['api_url']}/api/admin/collect/trigger", {"X-API-Key": stack["api_key"]}
    assert requests.post(url, json=body, headers=headers, timeout=30).status_code == 202
    until(lambda: bool(rows(person)["candles"]))
    os.kill(stack["pids"]["server"], signal.SIGKILL)
    until(lambda: not command_line(stack["pids"]["server"]))
    assert requests.put(settings, json={"latency_ms": 0}, timeout=30).ok


def rows(person: Person) -> dict[str, list[Any]]:
    """Return what the database holds, but when keys were used and what the exchange was last asked."""
    with closing(sqlite3.connect(person.folder / "data" / "simulated" / "candles.db")) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        read = {name: f'SELECT * FROM "{name}"' for name in names if name not in {"api_keys", "states"}}  # noqa: S608 - our own names
        return {name: database.execute(query).fetchall() for name, query in read.items()}


def until(is_so: Callable[[], bool], within_s: float = 60) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_dry_run_changes_nothing_of_what_runs(person: Person) -> None:
    person.done("up", "--exchange", "simulated", INTERVALS="1h,1d", TOP_N_CRYPTOS="7")
    before = kept(person)
    text = person.done("collect", *SYMBOLS, "--intervals", "5m", "--dry-run", INTERVALS="5m")
    assert "2,880 candles are missing" in text
    assert kept(person) == before
    assert person.info()["settings"]["intervals"] == ["1h", "1d"]
    refused = {
        "with the exchange simulated, and a dry run changes nothing": (["--exchange", "binance"], {}),
        "A dry run changes no setting, and the server runs with another TOP_N_CRYPTOS": ([], {"TOP_N_CRYPTOS": "8"}),
    }
    for sentence, (words, settings) in refused.items():
        ended = person.candles("collect", "--symbols", "BTCUSDT", *words, "--dry-run", **settings)
        assert ended.returncode == 2
        assert sentence in ended.stderr
    assert kept(person) == before
    assert person.is_up()


def test_a_dry_run_where_nothing_runs_leaves_nothing_running_and_nothing_kept(person: Person) -> None:
    text = person.done("collect", *SYMBOLS, "--intervals", "1m", "--dry-run", INTERVALS="1m", TOP_N_CRYPTOS="7")
    assert "14,400 candles are missing" in text
    assert "is up" not in text
    data = person.folder / "data"
    left = {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}
    assert left == {"up.lock", "logs/server.log", "run/exchange.log"}
    assert not (data / "simulated").exists()
    assert person.candles("status").stdout == "The server is down.\n"


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
def test_a_dry_run_that_is_ended_leaves_nothing_running(person: Person, ended_by: signal.Signals) -> None:
    process = subprocess.Popen(  # noqa: S603 - the project's own command
        [sys.executable, "-m", "cli", "collect", *SYMBOLS, "--dry-run"],
        env=person.environment,
        cwd=person.folder,
        text=True,
        # what a shell starts in the background ignores Ctrl-C, these tests where make starts them
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no thread runs here
    )
    person.started.append(process)
    record = person.folder / "data" / "run" / "server.json"
    until(record.exists)
    process.send_signal(ended_by)
    assert process.wait(timeout=60) == 128 + ended_by
    assert not record.exists()
    assert not (person.folder / "data" / "run" / "exchange.json").exists()
    assert not (person.folder / "data" / "simulated").exists()


def test_a_dry_run_does_nothing_of_a_run_that_was_interrupted(person: Person) -> None:
    interrupted(person)
    stored, stack, exchange = rows(person), person.stack, person.stack["pids"]["exchange"]
    before = kept(person)
    assert 0 < len(stored["candles"]) < len(FOUR) * MINUTES
    assert stored["messages"]
    text = person.done("collect", *SYMBOLS, "--dry-run")
    assert "240 candles are missing" in text
    assert rows(person) == stored
    assert kept(person) == before
    assert requests.get(f"{stack['exchange_url']}/api/v3/ping", timeout=30).ok
    recorded = person.folder / "klines"
    recorded.mkdir()
    (recorded / "BTCUSDT-1h-2024.csv").write_text("")
    ended = person.candles("collect", "--symbols", "BTCUSDT", "--exchange", f"replay:{recorded}", "--dry-run")
    assert ended.returncode == 2
    assert "The exchange that runs here is another one, and a dry run stops nothing." in ended.stderr
    assert "simulator" in command_line(exchange)
    assert kept(person) == before
    person.done("up")
    assert person.stack["pids"]["exchange"] == exchange
    until(lambda: len(rows(person)["candles"]) == len(FOUR) * MINUTES)


def test_two_collections_at_once_have_each_its_intervals_and_change_none(person: Person) -> None:
    person.done("up", "--exchange", "simulated", INTERVALS="1h")
    before = kept(person)
    ran = []
    for name in ("5m", "15m"):
        process = subprocess.Popen(  # noqa: S603 - the project's own command
            [sys.executable, "-m", "cli", "collect", *SYMBOLS, "--intervals", name],
            env=person.environment | {"INTERVALS": name},
            cwd=person.folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        person.started.append(process)
        ran.append((name, process))
    for name, process in ran:
        said = " ".join(process.communicate(timeout=100)[0].split())
        assert process.returncode == 0, said
        assert "goes on by itself with candles of 1h (INTERVALS)" in said
        assert f"Candles of {name} were collected once, and stay; `make up INTERVALS={name},1h` has it go on" in said
    assert kept(person) == before
    assert {(item["interval"], item["stored"]) for item in series(person)} == {("5m", 2880), ("15m", 960)}
    assert "INTERVALS does not name it: no schedule collects it" in person.done("coverage", "--symbols", "BTCUSDT")
    assert "BTCUSDT 15m" not in (shown := person.done("coverage", "--symbols", "BTCUSDT", "--intervals", "5m"))
    assert "BTCUSDT 5m: first candle" in shown
    ended = person.candles("coverage", "--intervals", "5m,1d")
    assert (ended.returncode, "Nothing was collected of 1d." in ended.stderr) == (2, True)
    person.done("verify", "--intervals", "5m", "--exchange", "simulated", INTERVALS="5m")
    assert kept(person) == before


def test_an_interval_that_is_switched_off_is_named(person: Person) -> None:
    person.done("up", "--exchange", "simulated", INTERVALS="1m,1h")
    text = person.done("up", INTERVALS="1m")
    assert "INTERVALS is 1m now, and was 1m,1h: candles of 1h are collected no longer by schedule." in text
    assert "It goes on by itself with candles of 1m" in text
    assert "no longer" not in person.done("up", INTERVALS="1m,1h")


def test_a_dry_run_leaves_its_key_to_the_next_where_a_database_is_named(person: Person) -> None:
    url = f"sqlite:///{person.folder}/named.db"
    for _ in range(2):
        assert "240 candles are missing" in person.done("collect", *SYMBOLS, "--dry-run", DATABASE_URL=url)
    with closing(sqlite3.connect(person.folder / "named.db")) as database:
        assert database.execute("SELECT count(*) FROM api_keys").fetchall() == [(1,)]
    assert [name.partition("-")[0] for name in kept(person)] == ["simulated/admin"]
