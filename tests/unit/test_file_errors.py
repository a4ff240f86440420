"""What the file system refuses is a sentence with its path and a remedy, and ends with 2; nothing unfinished stays."""

from __future__ import annotations

import errno
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from background.files import write_private
from cli.file_errors import refusal_of
from cli.main import main
from tests.fakes.exchange import synthetic_candle
from tests.hourly import first_hour_of
from tests.unit.archive import Archive, line

START = first_hour_of("2024-01-01")
CANDLES = 24 * 40


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the archive at home hold a symbol."""
    Archive().stand_for_the_database(monkeypatch)
    file = tmp_path / "BTCUSDT-1h-2024.csv"
    file.write_text("".join(line(synthetic_candle("BTCUSDT", START + hour)) for hour in range(CANDLES)))
    assert main(["import", str(file)]) == 0
    file.unlink()


@contextmanager
def no_room(room: int = 2048) -> Iterator[None]:
    """Let no file take more than some bytes, as a disk does that is nearly full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let a folder, with what it holds now, lie on a file system that may only be read."""
    bind = ["mount", "--bind", str(folder), str(folder)]
    if subprocess.run(bind, capture_output=True, check=False).returncode:  # noqa: S603 - the system's own program
        pytest.skip("only root can mount")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)  # noqa: S603, S607 - the same
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S603, S607 - the same


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("name", ["x.csv", "x.parquet", "x"])
def test_an_export_without_room_says_so_and_leaves_nothing(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / name
    with no_room():
        assert main(["export", str(target)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"{target}: File too large.\n  Remedy: allow larger files")
    assert list(tmp_path.iterdir()) == []
    assert main(["export", str(target)]) == 0


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("target", ["/proc/x.csv", "/proc/x.parquet", "/proc/x"])
def test_an_export_to_where_nothing_can_be_made_names_the_path_that_was_given(
    target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", target]) == 2
    assert capsys.readouterr().err == f"{target}: No such file or directory.\n  Remedy: look at the path.\n"


@pytest.mark.parametrize("command", ["up", "collect", "serve", "down"])
def test_a_folder_that_cannot_be_made_is_named(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOCAL_DIR", "/proc/nowhere")
    words = [] if command == "down" else ["--exchange", "simulated"]
    assert main([command, *words]) == 2
    said = "".join(capsys.readouterr())
    assert "/proc/nowhere: No such file or directory.\n  Remedy: look at the path." in said


@pytest.mark.parametrize("command", ["up", "collect"])
@pytest.mark.parametrize("folder", ["data", "data/simulated"])
def test_a_file_system_that_may_only_be_read_is_named_before_anything_is_started(
    folder: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data" / "simulated").mkdir(parents=True)
    monkeypatch.setenv("LOCAL_DIR", str(tmp_path / "data"))
    with read_only(tmp_path / folder):
        assert main([command, "--exchange", "simulated"]) == 2
    shown = capsys.readouterr()
    assert f"{tmp_path}/{folder}" in shown.err
    assert "Read-only file system.\n  Remedy: let it be written to, or name another folder; LOCAL_DIR" in shown.err
    assert "starting" not in shown.out


def test_a_file_of_ones_own_that_cannot_be_written_is_named_and_stays_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    write_private(path, "before")
    with no_room(), pytest.raises(OSError, match=f"File too large: '{path}'"):
        write_private(path, "x" * 9000)
    assert [(file, file.read_text()) for file in tmp_path.iterdir()] == [(path, "before")]


def test_what_the_network_refuses_is_not_taken_for_a_file() -> None:
    for error in (requests.ConnectionError("no"), ConnectionResetError(errno.ECONNRESET, "reset"), TimeoutError()):
        assert refusal_of(error) is None
    full = refusal_of(OSError(errno.ENOSPC, "No space left on device"))
    assert "A file that was being written: No space left on device." in str(full)
