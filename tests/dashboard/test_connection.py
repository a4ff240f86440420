"""Which archive is shown, with which key; a key goes to its own address alone, and is not shown."""

from __future__ import annotations

import json
import socket
import tomllib
from pathlib import Path
from typing import Any

import pytest

from background.places import PROJECT, Places
from dashboard.__main__ import PORT_VARIABLE, main
from dashboard.connection import Connection, find_connection, forget_typed, keep_typed

URL, KEY = "https://abc.execute-api.us-east-1.amazonaws.com/dev", "cck_1_2_3"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Return a place on this machine where an archive runs."""
    found = Places.from_environment({"LOCAL_DIR": str(tmp_path)})
    found.stack_file.write_text(json.dumps({"api_url": "http://localhost:5000", "api_key": "cck_local"}))
    return found


def test_what_runs_on_this_machine_is_shown_if_nothing_else_is_named(places: Places) -> None:
    found = find_connection({}, {}, places)
    assert found == Connection("http://localhost:5000", "cck_local", str(places.stack_file))
    places.stack_file.unlink()
    assert find_connection({}, {}, places) is None


def test_the_environment_comes_first_and_its_archive_does_not_get_the_key_of_another(places: Places) -> None:
    named = find_connection({}, {"CANDLES_URL": f"{URL}/", "CANDLES_API_KEY": KEY}, places)
    assert named is not None
    assert (named.url, named.key) == (URL, KEY)
    without = find_connection({}, {"CANDLES_URL": URL}, places)
    assert without is not None
    assert without.key == ""


def test_what_is_typed_comes_before_all_until_it_is_forgotten(places: Places) -> None:
    session: dict[str, Any] = {}
    assert keep_typed(session, f" {URL}/ ", f" {KEY} ") is None
    assert find_connection(session, {"CANDLES_URL": "https://other.example"}, places) == Connection(URL, KEY, "typed")
    forget_typed(session)
    found = find_connection(session, {}, places)
    assert found is not None
    assert found.key == "cck_local"


def test_a_connection_does_not_show_its_key() -> None:
    assert KEY not in repr(Connection(URL, KEY, "typed"))


@pytest.mark.parametrize("port", ["0", "65536", "eighty", "-1"])
def test_what_is_not_a_port_is_refused(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv(PORT_VARIABLE, port)
    with pytest.raises(SystemExit, match="is not a port"):
        main()


def test_a_port_that_another_program_has_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setenv(PORT_VARIABLE, str(other.getsockname()[1]))
        with pytest.raises(SystemExit, match=r"(?s)Another program has the port.*LOCAL_DASHBOARD_PORT="):
            main()


def test_the_server_answers_this_machine_alone_and_says_nothing_to_anybody_else() -> None:
    settings = tomllib.loads((PROJECT / "dashboard" / ".streamlit" / "config.toml").read_text())
    assert settings["server"]["address"] == "127.0.0.1"
    assert settings["server"]["allowedHosts"] == ["localhost", "127.0.0.1"]
    assert settings["server"]["enableXsrfProtection"] is True
    assert settings["server"]["enableCORS"] is True
    assert settings["browser"]["gatherUsageStats"] is False
    assert settings["client"]["showErrorDetails"] == "none"
