"""A log that is written all the time stays small, and no line of it is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from background.logs import print_new
from standalone.log_rotation import PARTS, LogRotation
from tests.exchange import ROOT

WRITER = """
import os, sys
from pathlib import Path
from standalone.log_rotation import LogRotation
rotation = LogRotation(Path(sys.argv[1]), most=2000)
for number in range(1000):
    print(f"line {number:04}", flush=True)
    os.write(2, b"an error\\n")
    rotation.look()
"""


def parts(log: Path) -> list[Path]:
    return [log.with_name(f"{log.name}.{number}") for number in range(PARTS, 0, -1)] + [log]


def test_output_and_errors_go_on_in_a_new_file_and_some_older_parts_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with log.open("ab") as output:
        subprocess.run(  # noqa: S603 - the lines above
            [sys.executable, "-c", WRITER, str(log)], stdout=output, stderr=output, cwd=ROOT, check=True
        )
    assert sorted(tmp_path.iterdir()) == sorted(parts(log))
    assert all(part.stat().st_size <= 2100 for part in parts(log))
    text = "".join(part.read_text() for part in parts(log))
    numbers = [int(line[5:]) for line in text.splitlines() if line.startswith("line")]
    assert numbers == list(range(numbers[0], 1000))
    assert text.count("an error") == len(numbers)
    assert log.stat().st_mode & 0o077 == 0


def test_a_log_that_is_not_this_process_s_output_is_let_be(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    assert not LogRotation(log, most=10).look()
    log.write_text("x" * 100)
    assert not LogRotation(log, most=10).look()
    assert list(tmp_path.iterdir()) == [log]


def test_who_follows_the_log_sees_the_rest_of_the_part_that_was_put_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "server.log"
    log.write_text("one\n")
    read = print_new(log, 0)
    log.write_text("one\ntwo\n")
    log.rename(tmp_path / "server.log.1")
    assert print_new(log, read) == read
    log.write_text("3\n")
    assert print_new(log, read) == 2
    assert capsys.readouterr().out == "server: one\nserver: two\nserver: 3\n"
