"""The disk is full in mid-run, wholly or nearly: a sentence, no half batch, and the run goes on when there is room."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path

import pytest

from tests.exchange import RunningExchange
from tests.kills.archives import Launcher, copied
from tests.kills.collection import Collection, Rows
from tests.kills.outages import collect_with_outages
from tests.standalone.running import worker_pids

_SIZE = 64 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 64 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(  # noqa: S603 - the system's own program
        ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "none", str(folder)],  # noqa: S607 - wherever it is
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S603, S607 - the same


class Disk:
    """A small disk that something else fills.

    Attributes
    ----------
    left
        How many bytes it leaves.
    """

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    def fill(self, left: int) -> None:
        """Leave so many bytes."""
        with self._ballast.open("ab", buffering=0) as ballast, suppress(OSError):
            while ballast.write(bytes(1 << 16)):
                pass
        free = os.statvfs(self._ballast.parent)
        size = self._ballast.stat().st_size - max(0, left - free.f_bavail * free.f_frsize)
        os.truncate(self._ballast, max(0, size))

    def clear(self) -> None:
        """Make room."""
        self._ballast.unlink(missing_ok=True)


class Quota:
    """A limit on the size of the files of a server and its worker processes, as a quota is."""

    def __init__(self, pid: int, folder: Path) -> None:
        self._pid = pid
        self._folder = folder

    def fill(self, left: int) -> None:
        """Let its largest file grow by so many bytes."""
        largest = max((path.stat().st_size for path in self._folder.glob("candles.db*")), default=0)
        self._limit(largest + left)

    def clear(self) -> None:
        """Lift the limit."""
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        for pid in (self._pid, *worker_pids(self._pid)):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_full_disk_costs_nothing_and_the_run_goes_on_by_itself(
    launcher: Launcher, exchange: RunningExchange, reference: Rows, small_disk: Path, tmp_path: Path
) -> None:
    collection = Collection(exchange, lambda: copied(small_disk, tmp_path / "copy"))
    archive = launcher.start(tmp_path, exchange.url, DATABASE_URL=f"sqlite:///{small_disk}/candles.db")
    disk = Disk(small_disk)
    lefts = cycle((0, 50_000, 150_000))  # not a page, not a batch, not much more
    collect_with_outages(
        archive, collection, lambda _: disk.fill(next(lefts)), disk.clear, said="the disk is full", times=6
    )
    archive.end()
    archive.close()
    assert collection.check_end() == reference


def test_a_quota_costs_nothing_and_the_run_goes_on_by_itself(
    launcher: Launcher, exchange: RunningExchange, reference: Rows, tmp_path: Path
) -> None:
    collection = Collection(exchange, lambda: copied(tmp_path, tmp_path / "copy"))
    archive = launcher.start(tmp_path, exchange.url)
    quota = Quota(archive.pid, tmp_path)
    lefts = cycle((0, 50_000))
    collect_with_outages(
        archive, collection, lambda _: quota.fill(next(lefts)), quota.clear, said="failed to read or write", times=4
    )
    archive.end()
    archive.close()
    assert collection.check_end() == reference
