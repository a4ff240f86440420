"""Which home a command means, which settings are in force, and what a home refuses before it stops anything."""

from __future__ import annotations

import argparse
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from background.exchange_choice import SIMULATED
from background.home import LOCAL_AWS, STANDALONE, program_of
from background.kept_settings import KeptSettings, as_expressions
from background.places import Places, default_local_dir
from background.processes import Background
from background.progress import StackError
from background.standalone_home import StandaloneHome, without_password
from cli.archives import Database
from cli.homes import home_of, name_of
from localstack.running import LocalStack


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    for name in ("ON", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return Places(tmp_path, tmp_path / "logs", 1, 2, 3)


@pytest.fixture
def emulator(places: Places) -> Iterator[Background]:
    """Let something run that stands for the emulator."""
    program = program_of(LOCAL_AWS, places)
    program.start(["-c", "import time; time.sleep(600)"], os.environ, "a test", places.local_dir)
    yield program
    program.stop(within_s=10)


def words(on: str = "") -> argparse.Namespace:
    return argparse.Namespace(on=on)


def test_it_is_the_server_of_one_process_unless_something_else_is_said(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(home_of(words(), places), StandaloneHome)
    assert isinstance(home_of(words(LOCAL_AWS), places), LocalStack)
    monkeypatch.setenv("ON", LOCAL_AWS)
    assert name_of(words(), places) == LOCAL_AWS
    assert name_of(words(STANDALONE), places) == STANDALONE
    monkeypatch.setenv("ON", "the moon")
    with pytest.raises(StackError, match="ON=the moon is not known"):
        name_of(words(), places)


@pytest.mark.usefixtures("emulator")
def test_what_runs_is_meant_where_nothing_is_said(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    assert name_of(words(), places) == LOCAL_AWS
    home_of(words(STANDALONE), places).down()
    assert "the local AWS is: ON=local-aws stops it." in capsys.readouterr().out
    assert program_of(LOCAL_AWS, places).running() is not None


def test_settings_are_kept_until_they_are_changed(tmp_path: Path) -> None:
    kept = KeptSettings(tmp_path / "settings.json", {"TOP_N_CRYPTOS", "MAX_RETRIES"})
    assert kept.with_those_of({"TOP_N_CRYPTOS": "", "OTHER": "x"}) == {}
    kept.keep(kept.with_those_of({"TOP_N_CRYPTOS": "5", "OTHER": "x"}))
    assert stat.S_IMODE((tmp_path / "settings.json").stat().st_mode) == 0o600
    assert kept.with_those_of({"MAX_RETRIES": "1"}) == {"TOP_N_CRYPTOS": "5", "MAX_RETRIES": "1"}
    assert kept.with_those_of({"TOP_N_CRYPTOS": "default"}) == {}


@pytest.mark.parametrize(
    ("before", "after", "dropped"),
    [
        ({"INTERVALS": "1m,1h"}, {"INTERVALS": "1m"}, "1h"),
        ({}, {"INTERVALS": "1m,1d"}, "1h"),
        ({"INTERVALS": "5m,15m"}, {}, "5m and 15m"),
        ({"INTERVALS": "1h"}, {"INTERVALS": "1m,1h"}, None),
        ({"INTERVALS": "1h"}, {}, None),
    ],
)
def test_intervals_that_are_collected_no_longer_are_named(
    before: dict[str, str],
    after: dict[str, str],
    dropped: str | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept = KeptSettings(tmp_path / "settings.json", {"INTERVALS"})
    kept.keep(before)
    assert capsys.readouterr().out == "", "nothing was collected before"
    kept.keep(after)
    said = capsys.readouterr().out
    assert (f"candles of {dropped} are collected no longer by schedule. What is stored stays" in said) == bool(dropped)
    assert bool(said) == bool(dropped)


def test_only_who_brings_it_up_sets_what_its_schedules_collect(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERVALS", "1m")
    monkeypatch.setenv("TOP_N_CRYPTOS", "7")
    for on in (STANDALONE, LOCAL_AWS):
        by_up = home_of(words(on), places, goes_on_by_itself=True)
        by_another = home_of(words(on), places)
        state = places.local_dir
        assert by_up._kept(state).changed_by(by_up._given) == ["INTERVALS", "TOP_N_CRYPTOS"]
        assert by_another._kept(state).changed_by(by_another._given) == ["TOP_N_CRYPTOS"]


def test_what_is_collected_no_longer_of_another_exchange_is_reported(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    home = StandaloneHome(places)
    server = program_of(STANDALONE, places)
    server.start(["-c", "import time; time.sleep(600)"], os.environ, "a test", places.local_dir)
    try:
        reported = {"state_dir": str(places.local_dir / "binance"), "exchange": "binance"}
        places.stack_file.write_text(json.dumps(reported))
        home._say_left(SIMULATED, places.local_dir / "binance")
        assert capsys.readouterr().out == ""
        home._say_left(SIMULATED, places.local_dir / "simulated")
        said = capsys.readouterr().out
        assert "from now on it is simulated, and nothing more of binance" in said
        assert "`make up EXCHANGE=binance` goes back to it." in said
    finally:
        server.stop(within_s=10)


def test_a_home_is_gone_when_its_program_has_ended_and_nobody_starts_it_again(
    places: Places, emulator: Background
) -> None:
    home = LocalStack(places)
    assert not home.is_gone()
    emulator.stop(within_s=10)
    assert home.is_gone()
    with home._alone():
        assert not LocalStack(places).is_gone(), "a command is at work that may start it"


@pytest.mark.usefixtures("emulator")
def test_a_dry_run_stops_no_other_home(places: Places) -> None:
    with (
        pytest.raises(StackError, match=r"a dry run stops nothing(.|\n)*ON=local-aws"),
        StandaloneHome(places).unchanged(""),
    ):
        pass
    assert program_of(LOCAL_AWS, places).running() is not None


def test_a_dry_run_starts_no_emulator_in_which_an_interrupted_run_would_go_on(places: Places) -> None:
    home = LocalStack(places)
    with (
        pytest.raises(StackError, match=r"a dry run starts none(.|\n)*make up ON=local-aws EXCHANGE=simulated"),
        home.unchanged("simulated"),
    ):
        pass
    assert program_of(LOCAL_AWS, places).running() is None
    assert {path.name for path in places.local_dir.iterdir()} == {"up.lock"}


def test_an_empty_gap_fill_schedule_is_kept_and_an_empty_variable_of_make_is_not(tmp_path: Path) -> None:
    kept = KeptSettings(tmp_path / "settings.json", {"COLLECTION_SCHEDULE", "GAP_FILL_SCHEDULE"})
    kept.keep(kept.with_those_of({"COLLECTION_SCHEDULE": "", "GAP_FILL_SCHEDULE": ""}))
    assert kept.with_those_of({}) == as_expressions({"GAP_FILL_SCHEDULE": ""}) == {"GAP_FILL_SCHEDULE": ""}
    assert kept.with_those_of({"GAP_FILL_SCHEDULE": "default"}) == {}


def test_a_server_without_gap_fill_is_started_so(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAP_FILL_SCHEDULE", "")
    environment = StandaloneHome(places)._server_environment(places.local_dir, "http://127.0.0.1:1")
    assert environment["GAP_FILL_SCHEDULE"] == ""
    assert "COLLECTION_SCHEDULE" not in environment


def test_schedules_become_expressions_and_a_wrong_one_is_named() -> None:
    assert as_expressions({"COLLECTION_SCHEDULE": "0 */6 * * *"}) == {"COLLECTION_SCHEDULE": "cron(0 0/6 * * ? *)"}
    with pytest.raises(StackError, match="COLLECTION_SCHEDULE"):
        as_expressions({"COLLECTION_SCHEDULE": "often"})


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://me:se@cret@host:5432/name", "postgresql+psycopg://me:***@host:5432/name"),
        ("postgresql://host/name?user=me&password=secret&x=1", "postgresql://host/name?user=me&password=***&x=1"),
        ("postgresql://me@host/name", "postgresql://me@host/name"),
        ("sqlite:////a/file.db", "sqlite:////a/file.db"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown
    assert Database(url).name == shown


def test_the_database_of_the_last_run_is_found_without_the_server(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_DIR", str(places.local_dir))
    with pytest.raises(StackError, match="Nothing has run here yet"):
        Database.at_home()
    (places.local_dir / "last-state-standalone").write_text("binance\n")
    assert Database.at_home().url == f"sqlite:///{places.local_dir}/binance/candles.db"
    monkeypatch.setenv("DATABASE_URL", "sqlite:////another.db")
    assert Database.at_home().url == "sqlite:////another.db"
    monkeypatch.setenv("DATABASE_URL", "default")
    assert Database.at_home().url == f"sqlite:///{places.local_dir}/binance/candles.db"


def test_a_local_aws_at_another_port_is_refused_with_the_port_that_its_queues_have(places: Places) -> None:
    home = LocalStack(places)
    home._check_port(places.local_dir)
    (places.local_dir / "aws-port").write_text("4566\n")
    with pytest.raises(StackError, match=r"queues at port 4566(.|\n)*LOCAL_AWS_PORT=4566"):
        home._check_port(places.local_dir)


def test_a_local_aws_keeps_no_secret_of_a_webhook_that_it_cannot_call(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_EMAIL", "me@example.org")
    monkeypatch.setenv("NOTIFY_WEBHOOK_URL", "https://example.org/hook")
    monkeypatch.setenv("NOTIFY_WEBHOOK_SECRET", "Bearer 1234")
    settings = LocalStack(places)._kept(places.local_dir).with_those_of(os.environ)
    assert settings == {"NOTIFY_EMAIL": "me@example.org"}


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"HOME": "/home/me"}, "/home/me/.local/share/candle-collector"),
        ({"HOME": "/home/me", "XDG_DATA_HOME": "/data"}, "/data/candle-collector"),
        ({"HOME": "/home/me", "XDG_DATA_HOME": "relative"}, "/home/me/.local/share/candle-collector"),
    ],
)
def test_an_installed_package_keeps_its_data_in_the_users_folder(environment: dict[str, str], folder: str) -> None:
    assert default_local_dir(environment, is_clone=False) == Path(folder)
