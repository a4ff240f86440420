"""The environment moves a local stack's folders and ports."""

import json
from pathlib import Path

import pytest

from background.places import Places
from background.progress import StackError


def test_without_settings_it_is_the_stack_that_people_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("background.places.PROJECT", tmp_path)
    places = Places.from_environment({"LOCAL_DIR": "", "LOCAL_API_PORT": ""})
    assert places.api_url == "http://localhost:5000"
    assert places.aws_url == "http://127.0.0.1:4566"
    assert places.stack_file == tmp_path / ".local" / "stack.json"
    assert places.logs_dir == tmp_path / "logs"


def test_a_stack_that_is_moved_writes_nothing_beside_its_own_folder(tmp_path: Path) -> None:
    places = Places.from_environment({"LOCAL_DIR": str(tmp_path), "LOCAL_API_PORT": "5900"})
    assert places.api_url == "http://localhost:5900"
    assert all(path.is_relative_to(tmp_path) for path in (places.logs_dir, places.run_dir, places.stack_file))


def test_a_port_stays_until_it_is_changed(tmp_path: Path) -> None:
    where = {"LOCAL_DIR": str(tmp_path)}
    given = Places.from_environment(where | {"LOCAL_API_PORT": "5900", "LOCAL_EXCHANGE_PORT": "5901"})
    assert Places.from_environment(where).api_port == 5000, "what was not brought up is not kept"
    given.ports_file.write_text(json.dumps(given.ports_to_keep()))
    kept = Places.from_environment(where)
    assert kept == given
    other = Places.from_environment(where | {"LOCAL_API_PORT": "default", "LOCAL_EXCHANGE_PORT": "5902"})
    assert (other.api_port, other.exchange_port) == (5000, 5902)
    given.ports_file.write_text("half wri")
    assert Places.from_environment(where).api_port == 5000


@pytest.mark.parametrize("port", ["x", "0", "65536", "-1", "\u0665"])
def test_what_is_not_a_port_is_refused_by_the_variables_name(port: str) -> None:
    with pytest.raises(StackError, match="LOCAL_API_PORT"):
        Places.from_environment({"LOCAL_API_PORT": port})


def test_two_parts_on_one_port_are_refused() -> None:
    with pytest.raises(StackError, match="LOCAL_AWS_PORT=5000"):
        Places.from_environment({"LOCAL_AWS_PORT": "5000"})
