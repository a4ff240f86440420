"""The command `candles` on the server of one process: brought up, asked, stopped; its settings, ports and database."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from background.standalone_home import SETTINGS
from cli.main import parser_for
from tests.clients.snippets import snippet
from tests.integration.databases import new_postgres_url, postgres_server, postgres_url

__all__ = ["new_postgres_url", "postgres_server", "postgres_url"]  # fixtures

PROJECT = Path(__file__).resolve().parents[2]
SYMBOLS = ("--exchange", "simulated", "--symbols", "BTCUSDT", "--start", "2025-01-01", "--end", "2025-01-10")


def free_ports(number: int) -> list[int]:
    held = [socket.socket() for _ in range(number)]
    for probe in held:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in held]
    for probe in held:
        probe.close()
    return ports


@dataclass
class Person:
    """Somebody at a terminal, with a folder and ports of their own."""

    folder: Path
    environment: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def candles(self, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run the command and return how it ended."""
        return subprocess.run(  # noqa: S603 - the project's own command
            [sys.executable, "-m", "cli", *words],
            env=self.environment | settings,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def done(self, *words: str, **settings: str) -> str:
        """Run the command, which must end with 0, and return what it printed."""
        ended = self.candles(*words, **settings)
        assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    @property
    def stack(self) -> dict[str, Any]:
        """What stack.json says."""
        content: dict[str, Any] = json.loads((self.folder / "data" / "stack.json").read_text())
        return content

    def is_up(self) -> bool:
        """Return whether the server and the exchange answer."""
        try:
            headers = {"X-API-Key": self.stack["api_key"]}
            urls = [f"{self.stack[name]}/api/v3/ping" for name in ("api_url", "exchange_url")]
            return all(requests.get(url, headers=headers, timeout=30).ok for url in urls)
        except (FileNotFoundError, requests.ConnectionError):
            return False

    def info(self) -> dict[str, Any]:
        """Ask the API how it is."""
        headers = {"X-API-Key": self.stack["api_key"]}
        url = f"{self.stack['api_url']}/api/admin/system/info"
        content: dict[str, Any] = requests.get(url, headers=headers, timeout=30).json()
        return content


@contextmanager
def somebody(folder: Path) -> Iterator[Person]:
    api, aws, exchange = free_ports(3)
    kept = {name: text for name, text in os.environ.items() if name not in SETTINGS | {"ON"}}
    own = {"LOCAL_DIR": str(folder / "data"), "LOCAL_API_PORT": str(api), "LOCAL_AWS_PORT": str(aws)}
    own |= {"LOCAL_EXCHANGE_PORT": str(exchange), "PYTHONPATH": ""}
    person = Person(folder, kept | own)
    yield person
    for process in person.started:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    if (folder / "data").exists():
        person.candles("down")


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    """Give somebody for whom nothing ever ran."""
    with somebody(tmp_path) as person:
        yield person


@pytest.fixture(scope="module")
def first_collection() -> list[str]:
    """Return what the first collection of `collector` printed."""
    return []


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory, first_collection: list[str]) -> Iterator[Person]:
    """Give somebody who has collected SYMBOLS; a test that changes a setting, or what is stored, takes `person`."""
    with somebody(tmp_path_factory.mktemp("collector")) as person:
        # what began by a schedule would meet the tests' own runs, at five past 0, 6, 12 and 18 UTC
        person.environment["SCHEDULES_ENABLED"] = "false"
        first_collection.append(person.done("collect", *SYMBOLS))
        yield person


@pytest.fixture
def running(collector: Person) -> Person:
    """Give the same one, whose server and exchange run, whatever a test before has stopped."""
    if not collector.is_up():
        collector.done("collect", *SYMBOLS)
    return collector


def test_a_collection_starts_what_it_needs_reports_its_result_and_leaves_the_api_there(
    running: Person, first_collection: list[str]
) -> None:
    person, text = running, first_collection[0]
    assert "240 candles stored" in text
    assert f"lie in sqlite:///{person.folder}/data/simulated/candles.db." in text
    stack = person.stack
    assert stack["on"] == "standalone"
    assert set(stack["pids"]) == {"server", "exchange"}
    assert {"api_url", "api_key", "exchange_url", "exchange", "state_dir", "logs_dir", "database_url"} <= set(stack)
    assert person.info()["store"]["candles"] == 240
    assert "0 requests" in person.done("collect", *SYMBOLS, "--dry-run").replace("0 hours are missing, ", "")
    assert "skipped" in person.done("collect", *SYMBOLS)
    assert person.done("status", "--ping") == ""
    status = person.done("status")
    health, run = person.info()["health"], person.info()["collection"]["last_run"]["run_id"]
    assert status.splitlines()[:2] == [
        health["sentence"],
        f"run       {run} (backward): 1/1 series (100%) | 0 candles | 0 requests | 1 skipped",
    ]
    assert health["sentence"].startswith("OK: 1 crypto stored, the newest candle is of ")
    assert "240 candles of 1 symbol" in status
    assert "collects  idle" in status


def test_the_logs_of_a_run_and_a_symbol_are_found(running: Person) -> None:
    run = running.info()["collection"]["last_run"]["run_id"]
    every = running.done("logs", "--run", run).splitlines()
    assert every
    assert all(run in line for line in every)
    assert "is about run" in running.done("logs", "--run", run, "--symbols", "eth/usdt")
    ended = running.candles("logs", "--run", "yesterday")
    assert (ended.returncode, "is not a run's id" in ended.stderr) == (2, True)


def test_what_reads_the_tables_works_while_the_server_is_down(running: Person) -> None:
    person = running
    key = person.done("keys", "create", "--name", "reader", "--scope", "read").strip()
    answer = requests.get(f"{person.stack['api_url']}/api/v3/ping", headers={"X-API-Key": key}, timeout=30)
    assert answer.status_code == 200
    assert "is down. What it stored stays." in person.done("down")
    assert not (person.folder / "data" / "stack.json").exists()
    assert "240 candles of 1 symbol" in person.done("export", "all.csv")
    assert "reader" in person.done("keys", "list")
    assert "No candle of BTCUSDT was replaced" in person.done("revisions", "btc/usdt")
    assert "240 were there" in person.done("import", "all.csv", "--symbol", "BTCUSDT")
    program = f"{snippet('pandas')}\nprint(len(frame), frame.symbol.unique().tolist())"
    shown = subprocess.run(  # noqa: S603 - the documentation's own lines
        [sys.executable, "-c", program], env=person.environment, capture_output=True, text=True, check=False
    )
    assert (shown.stdout, shown.stderr) == ("60 ['BTCUSDT']\n", "")
    for words in ("coverage", "cancel"):
        ended = person.candles(words)
        assert ended.returncode == 2
        assert "The server does not run." in ended.stderr
    ended = person.candles("status")
    assert (ended.returncode, ended.stdout) == (1, "The server is down.\n")


def test_an_archive_with_an_end_of_long_ago_is_complete(running: Person) -> None:
    text = " ".join(running.done("coverage").split())
    assert "100.00%" in text
    assert "not requested yet" not in text
    assert "the newest candle of all, which no run has asked for; `make collect MODE=forward` has them." in text
    assert "100.00%" not in running.done("coverage", "--end", "2025-12-31")


def test_settings_stay_until_they_are_changed_and_are_shown(person: Person) -> None:
    person.done("up", "--exchange", "simulated", TOP_N_CRYPTOS="7", COLLECTION_SCHEDULE="0 */3 * * *")
    pid = person.stack["pids"]["server"]
    text = person.done("up")
    assert person.stack["pids"]["server"] == pid, text
    assert person.info()["settings"]["top_n_cryptos"] == 7
    assert "TOP_N_CRYPTOS=7" in person.done("status")
    person.done("up", TOP_N_CRYPTOS="8")
    settings = person.info()["settings"]
    assert (settings["top_n_cryptos"], settings["collection_schedule"]) == (8, "cron(0 0/3 * * ? *)")
    person.done("up", TOP_N_CRYPTOS="default")
    assert person.info()["settings"]["top_n_cryptos"] == 100


def test_who_brings_it_up_wants_its_schedules_and_a_collection_alone_does_not(person: Person) -> None:
    person.done("collect", *SYMBOLS)
    assert person.info()["settings"]["schedules_enabled"] is False
    person.done("up")
    assert person.info()["settings"]["schedules_enabled"] is True
    person.done("collect", *SYMBOLS)
    assert person.info()["settings"]["schedules_enabled"] is True


@pytest.mark.parametrize("settings", [{"TOP_N_CRYPTOS": "many"}, {"COLLECTION_SCHEDULE": "0 25 * * *"}])
def test_a_setting_that_is_wrong_stops_nothing_that_runs(running: Person, settings: dict[str, str]) -> None:
    person = running
    pid = person.stack["pids"]["server"]
    ended = person.candles("up", **settings)
    assert ended.returncode == 2
    assert next(iter(settings)) in ended.stderr
    assert person.stack["pids"]["server"] == pid
    assert person.info()["settings"]["top_n_cryptos"] == 100


def test_a_database_that_is_wrong_stops_nothing_and_is_not_kept(running: Person, new_postgres_url: str) -> None:
    person, folder = running, running.folder
    text, foreign = folder / "text.db", folder / "foreign.db"
    text.write_text("no database, but a text of some length\n" * 40)
    with closing(sqlite3.connect(foreign)) as other:
        other.execute("CREATE TABLE runs (id INTEGER)")
    before = {path: path.read_bytes() for path in (text, foreign)}
    wrong = {
        "mysql://a:secret@b/c": "is of the kind mysql",
        f"sqlite:///{text}": "is not an SQLite database",
        f"sqlite:///{foreign}": "another program made",
        "sqlite:////nowhere/at/all/x.db": "cannot be written: No such file or directory",
        "sqlite:///rel.db": "is another file in each folder",
        new_postgres_url.replace("postgres@", "nobody:secret@"): "does not let this user in",
    }
    pid = person.stack["pids"]["server"]
    for url, why in wrong.items():
        ended = person.candles("up", DATABASE_URL=url)
        assert (ended.returncode, why in ended.stderr, "secret" in ended.stderr) == (2, True, False), ended.stderr
        assert "DATABASE_URL=default" in ended.stderr
        assert "stopping" not in ended.stdout
        assert (person.stack["pids"]["server"], person.info()["store"]["candles"]) == (pid, 240)
    assert {path: path.read_bytes() for path in (text, foreign)} == before
    assert {path.name for path in folder.glob("*.db*")} == {"text.db", "foreign.db"}
    person.done("collect", *SYMBOLS)
    assert person.stack["pids"]["server"] == pid, "what was refused is not kept"


def test_a_database_that_another_server_works_on_stops_nothing(running: Person, tmp_path: Path) -> None:
    pid, own = running.stack["pids"]["server"], running.stack["database_url"]
    with somebody(tmp_path) as other:
        other.done("up", "--exchange", "simulated")
        ended = running.candles("up", DATABASE_URL=other.stack["database_url"])
    assert (ended.returncode, "The archive is running already" in ended.stderr) == (2, True)
    assert running.stack["pids"]["server"] == pid
    running.done("up", DATABASE_URL=own)
    assert running.info()["store"]["candles"] == 240, "what it holds itself is free for it"
    running.done("up", DATABASE_URL="default")


def test_settings_are_kept_once_the_server_answers(person: Person) -> None:
    person.done("up", "--exchange", "simulated", TOP_N_CRYPTOS="7")
    kept = person.folder / "data" / "simulated" / "settings-standalone.json"
    before = kept.read_text()
    person.done("down")
    with socket.socket() as holder:  # which does not listen, and so is not found before the server starts
        holder.bind(("127.0.0.1", 0))
        ended = person.candles("up", TOP_N_CRYPTOS="8", LOCAL_API_PORT=str(holder.getsockname()[1]))
    assert (ended.returncode, kept.read_text()) == (2, before)
    assert "ended at once" in ended.stderr


def test_a_port_that_is_taken_is_found_before_anything_is_stopped(running: Person) -> None:
    person = running
    pid = person.stack["pids"]["server"]
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ended = person.candles("up", LOCAL_API_PORT=str(other.getsockname()[1]))
    assert ended.returncode == 2
    assert "is taken by another program" in ended.stderr
    assert person.stack["pids"]["server"] == pid
    assert person.info()["collection"]["state"] == "idle"


def test_a_database_does_not_take_the_candles_of_two_exchanges(person: Person) -> None:
    url = f"sqlite:///{person.folder}/one.db"
    person.done("collect", *SYMBOLS, DATABASE_URL=url)
    recorded = person.folder / "klines"
    recorded.mkdir()
    (recorded / "BTCUSDT-1h-2024.csv").write_text("")
    ended = person.candles("up", "--exchange", f"replay:{recorded}", DATABASE_URL=url)
    assert ended.returncode == 2
    assert "keeps the candles of another exchange (simulated)" in ended.stderr
    assert person.info()["store"]["candles"] == 240


def test_a_postgresql_is_kept_as_the_database_and_its_password_is_nowhere_to_read(
    person: Person, new_postgres_url: str
) -> None:
    url = new_postgres_url.replace("postgres@", "postgres:secret@")
    text = person.done("collect", *SYMBOLS, DATABASE_URL=url)
    assert "240 candles stored" in text
    assert person.stack["database_url"] == url.replace("secret", "***")
    status = person.done("status")
    assert "240 candles of 1 symbol" in status
    person.done("down")
    assert "240 candles of 1 symbol" in person.done("export", "all.csv")
    assert "240 hours" not in (again := person.done("collect", *SYMBOLS))
    private = {path.name for path in (person.folder / "data").rglob("*.*") if b"secret" in path.read_bytes()}
    assert private == {"settings-standalone.json"}
    assert "secret" not in text + status + again


@pytest.mark.parametrize(
    ("url", "reported"), [("mysql://a:secret@b/c", "mysql"), ("sqlite:////nowhere/at/all/x.db", "nowhere")]
)
def test_a_database_that_cannot_be_had_is_said_in_a_sentence(person: Person, url: str, reported: str) -> None:
    ended = person.candles("up", "--exchange", "simulated", DATABASE_URL=url)
    assert ended.returncode == 2
    assert reported in ended.stderr
    assert "secret" not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr


def test_serving_in_a_terminal_ends_with_its_signal_and_can_be_used_meanwhile(person: Person) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "serve", "--exchange", "simulated"],
        env=person.environment,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    person.started.append(process)
    deadline = time.monotonic() + 60
    while not (person.folder / "data" / "stack.json").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "240 candles stored" in person.done("collect", *SYMBOLS)
    again = person.candles("serve")
    assert again.returncode == 2
    assert "The server runs already." in again.stderr
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    assert not (person.folder / "data" / "stack.json").exists()
    assert "is down" in person.candles("status").stdout


def test_who_watches_a_run_hears_at_once_that_the_server_was_killed(person: Person) -> None:
    person.done("up", "--exchange", "simulated")
    server = person.stack["pids"]["server"]
    watching = subprocess.Popen(
        [sys.executable, "-m", "cli", "collect", "--intervals", "1m", "--top", "20", "--start", "2025-01-01"],
        env=person.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    person.started.append(watching)
    assert watching.stdout is not None
    while "series (" not in watching.stdout.readline():
        assert watching.poll() is None
    os.kill(server, signal.SIGKILL)
    killed = time.monotonic()
    said = " ".join(watching.communicate(timeout=60)[0].split())
    assert watching.returncode == 2
    assert time.monotonic() - killed < 20, "it waits for a server that is up again in 90 s"
    assert "What collects has ended before run" in said
    assert "`make up` starts it again, and `make status` shows the run." in said
    person.done("up")
    person.done("cancel")


def test_a_home_that_is_stopped_in_mid_run_says_that_the_run_goes_on_and_keeps_its_ports(person: Person) -> None:
    person.done("up", "--exchange", "simulated")
    stack = person.stack
    body = {"mode": "backward", "top_n": 20, "intervals": ["1m"], "start_date": "2025-01-01", "end_date": "2025-06-30"}
    url, headers = f"{stack['api_url']}/api/admin/collect/trigger", {"X-API-Key": stack["api_key"]}
    began = requests.post(url, json=body, headers=headers, timeout=30).json()["run_id"]
    assert f"Run {began} was active: it goes on with the next `make up`." in person.done("down")
    for name in ("LOCAL_API_PORT", "LOCAL_EXCHANGE_PORT"):
        person.environment.pop(name)
    person.done("up")
    assert [person.stack[name] for name in ("api_url", "exchange_url")] == [stack["api_url"], stack["exchange_url"]]


def test_a_run_is_cancelled_and_retried_at_the_terminal(running: Person) -> None:
    person = running
    while person.info()["collection"]["state"] != "idle":  # a series that a killed server held is closed by a round
        time.sleep(0.5)
    ended = person.candles("cancel")
    assert (ended.returncode, "No run is active." in ended.stderr) == (2, True)
    ended = person.candles("retry")
    assert ended.returncode == 2
    assert "NOTHING_TO_RETRY" in ended.stdout


def test_who_is_notified_is_checked_before_anything_starts_and_no_secret_is_shown(person: Person) -> None:
    ended = person.candles("up", "--exchange", "simulated", NOTIFY_WEBHOOK_URL="ftp://t0ken.example.org")
    assert (ended.returncode, "NOTIFY_WEBHOOK_URL cannot be used" in ended.stderr) == (2, True)
    assert "t0ken" not in ended.stderr
    assert not (person.folder / "data" / "stack.json").exists()
    notified = {"NOTIFY_WEBHOOK_URL": "https://hooks.example.org/t0ken", "NOTIFY_WEBHOOK_SECRET": "Bearer t0ken"}
    shown = person.done("up", "--exchange", "simulated", NOTIFY_RUNS="all", **notified) + person.done("status")
    assert "NOTIFY_RUNS=all" in shown
    assert "NOTIFY_WEBHOOK_URL=***" in shown
    files = [(person.folder / "data" / name).read_text() for name in ("stack.json", "logs/server.log")]
    assert not any("t0ken" in text for text in (shown, *files))


def test_an_exchange_that_dies_is_named_by_status(person: Person) -> None:
    # the server remembers for a minute that it answered, so this one has not been asked for it
    person.done("up", "--exchange", "simulated")
    os.kill(person.stack["pids"]["exchange"], signal.SIGKILL)
    ended = person.candles("status")
    assert ended.returncode == 1
    assert "does not answer" in ended.stdout


def test_the_wheel_works_without_the_project(person: Person) -> None:
    built = person.folder / "built"
    subprocess.run(  # noqa: S603 - the project's own build
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)],
        cwd=PROJECT,
        check=True,
        capture_output=True,
    )
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(person.folder / "installed")
    # before the linked project: what is imported is what the wheel has
    person.environment["PYTHONPATH"] = str(person.folder / "installed")
    del person.environment["LOCAL_DIR"]
    person.environment |= {"XDG_DATA_HOME": str(person.folder / "users"), "HOME": str(person.folder)}
    try:
        assert "240 candles stored" in person.done("collect", *SYMBOLS)
        assert (person.folder / "users" / "candle-collector" / "simulated" / "candles.db").is_file()
        assert "240 candles" in person.done("export", "all.csv")
        ended = person.candles("up", "--on", "local-aws")
        assert (ended.returncode, "needs the project's sources" in ended.stderr) == (2, True)
    finally:
        person.done("down")


def test_every_subcommand_of_the_home_takes_on() -> None:
    for name in ("up", "down", "collect", "status", "coverage", "logs", "verify", "cancel", "retry"):
        assert parser_for([name]).parse_args([name, "--on", "local-aws"]).on == "local-aws"
