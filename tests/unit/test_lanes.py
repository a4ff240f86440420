"""What runs the tests says of each lane whether it passed, and passes none that did not end."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from tests import lanes

COMMANDS = lanes.COMMANDS
PASSES = f"{shlex.quote(sys.executable)} -c ''"
FAILS = f"{shlex.quote(sys.executable)} -c 'raise SystemExit(3)'"


@pytest.fixture(autouse=True)
def _in_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lanes, "SHOWN", "first")


def test_all_lanes_that_pass_are_a_success(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(lanes, "COMMANDS", {"first": [PASSES, PASSES], "second": [PASSES]})
    assert lanes.main() == 0
    assert capsys.readouterr().out.count("passed") == 2


def test_a_command_that_fails_is_named_and_those_after_it_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    last = f"{shlex.quote(sys.executable)} -c 'print(\"it ran\")'"
    monkeypatch.setattr(lanes, "COMMANDS", {"first": [PASSES], "second": [FAILS, last]})
    assert lanes.main() == 1
    shown = capsys.readouterr().out
    assert "it ran" in shown
    assert FAILS in shown


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_lane_that_cannot_be_run_has_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lanes, "COMMANDS", {"first": [PASSES], "second": [shlex.quote(str(tmp_path / "nothing"))]})
    assert lanes.main() == 1
    assert "it did not end" in capsys.readouterr().out


def test_a_first_run_compiles_what_the_lanes_import_before_they_begin_and_no_other_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def noting(word: str) -> str:
        code = f"from pathlib import Path; Path('noted').open('a').write('{word} ')"
        return f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"

    monkeypatch.setattr(lanes, "COMPILED_BY", noting("compiled"))
    monkeypatch.setattr(lanes, "COMMANDS", {"first": [noting("tested")], lanes.MEANWHILE: [PASSES]})
    assert (lanes.main(), lanes.main()) == (0, 0)
    assert (tmp_path / "noted").read_text() == "compiled tested tested "
    assert lanes.MEANWHILE in COMMANDS
