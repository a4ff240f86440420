"""A dry run changes nothing, and a run's intervals are its own: what the schedules collect stays as it is."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import requests

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
    assert {name for name in kept(person) if not name.startswith(("simulated/admin-key-", "databases"))} == set()
    assert person.candles("status").stdout == "The server is down.\n"


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
