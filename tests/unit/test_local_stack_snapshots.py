"""Snapshots are complete pictures of the moment they were asked for, taken when something has changed."""

import copy
import io
import json
import os
import threading
from pathlib import Path

import pytest

from localstack import snapshots
from localstack.snapshots import Snapshots, dump_at_once


class Kept:
    """A state that can be saved to a file."""

    def __init__(self, file: Path) -> None:
        self.values: dict[str, int] = {"stored": 1}
        self._file = file

    def save(self) -> None:
        unfinished = self._file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps({**copy.deepcopy(self.values), "saved by": os.getpid()}))
        unfinished.replace(self._file)

    def saved(self) -> dict[str, int]:
        content: dict[str, int] = json.loads(self._file.read_text())
        return content


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "state.json")


@pytest.fixture
def lock(tmp_path: Path) -> int:
    return os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)


def test_a_snapshot_is_on_the_disk_when_it_returns_and_written_by_another_process(kept: Kept, lock: int) -> None:
    taken = Snapshots(kept.save, lock)
    taken.save_now()
    assert kept.saved()["stored"] == 1
    assert kept.saved()["saved by"] != os.getpid()
    kept.values["stored"] = 2
    assert kept.saved()["stored"] == 1
    taken.save_now()
    assert kept.saved()["stored"] == 2


def test_a_change_is_saved_by_the_timer(kept: Kept, lock: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "SECONDS_BETWEEN", 0.01)
    taken = Snapshots(kept.save, lock)
    taken.note_change()
    taken.start()
    while taken.has_changes():
        pass
    taken.stop()
    assert kept.saved()["stored"] == 1


class Watched(Snapshots):
    """Says when the timer has looked for changes a second time, and so has dealt with the first."""

    looks = 0
    looked_twice: threading.Event

    def has_changes(self) -> bool:
        self.looks += 1
        if self.looks == 2:
            self.looked_twice.set()
        return super().has_changes()


def test_nothing_is_written_where_nothing_has_changed(kept: Kept, lock: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "SECONDS_BETWEEN", 0.01)
    taken = Watched(kept.save, lock)
    taken.looked_twice = threading.Event()
    taken.save_now()
    first = kept.saved()["saved by"]
    taken.start()
    assert taken.looked_twice.wait(60)
    taken.stop()
    assert kept.saved()["saved by"] == first


def test_a_value_is_dumped_as_json_dumps_it() -> None:
    file = io.StringIO()
    dump_at_once({"a": {1}}, file, default=sorted)
    assert json.loads(file.getvalue()) == {"a": [1]}
