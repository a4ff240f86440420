"""What commands read must be there: an address with a mistake in it makes none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from candle_collector.adapters.sql.database import Database

from background.progress import StackError
from cli.archives import open_archive
from cli.main import main


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of a database that is not there; DATABASE_URL names it too."""
    url = f"sqlite:///{tmp_path}/nope.db"
    monkeypatch.setenv("DATABASE_URL", url)
    return url


@pytest.mark.parametrize(
    "words", ["copy --from {0} --to {0}-copy", "export {1}/x.csv", "revisions BTCUSDT", "keys list"]
)
def test_what_is_read_must_be_there_and_is_not_made(
    words: str, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.format(address, tmp_path).split()) == 2
    assert f"There is no archive at {address}." in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_reads_makes_nothing_either(address: str, tmp_path: Path) -> None:
    with pytest.raises(StackError, match=f"There is no archive at {address}"):
        open_archive()
    assert list(tmp_path.iterdir()) == []


def test_a_copy_of_an_archive_without_a_series_is_not_done_and_makes_no_target(address: str, tmp_path: Path) -> None:
    Database(address).close()
    words = ["copy", "--from", address, "--to", f"sqlite:///{tmp_path}/target.db"]
    ended = subprocess.run([sys.executable, "-m", "cli", *words], capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert ended.returncode == 2
    assert f"{address} holds no series: there is nothing to copy." in ended.stderr
    assert not (tmp_path / "target.db").exists()


@pytest.mark.parametrize("option", ["from", "to"])
def test_a_relative_address_is_refused_with_the_whole_one(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {"from": f"sqlite:///{tmp_path}/a.db", "to": f"sqlite:///{tmp_path}/b.db"} | {option: "sqlite:///rel.db"}
    assert main(["copy", "--from", places["from"], "--to", places["to"]]) == 2
    assert f"give its whole path: sqlite:///{tmp_path}/rel.db" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
