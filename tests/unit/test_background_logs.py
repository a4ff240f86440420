"""The logs that are shown are whole lines, each once, also over a rotation."""

from pathlib import Path

import pytest

from background.logs import print_new, show


def test_new_lines_are_shown_once_and_half_a_line_waits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "worker.log"
    file.write_text("one\ntw")
    read = print_new(file, 0)
    assert capsys.readouterr().out == "worker: one\n"
    file.write_text("one\ntwo\n")
    read = print_new(file, read)
    assert capsys.readouterr().out == "worker: two\n"
    assert print_new(file, read) == read
    assert capsys.readouterr().out == ""


def test_a_rotated_file_is_shown_from_its_beginning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "worker.log"
    file.write_text("new\n")
    print_new(file, already=1000)
    assert capsys.readouterr().out == "worker: new\n"


def test_where_nothing_was_logged_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(tmp_path / "logs") == {}
    assert "No function has logged" in capsys.readouterr().out
