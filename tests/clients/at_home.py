"""An archive at home that holds recorded candles and answers reads without a key, and the clients that read it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from background.places import PROJECT
from localstack.environments import Environment
from tests.clients.snippets import snippet
from tests.exchange import KLINES, running_exchange
from tests.standalone.running import running_archive

NAUTILUS = Environment(PROJECT / ".local" / "venvs" / "nautilus")
NAUTILUS_PYTHON = (3, 12)
NODE = PROJECT / ".local" / "clients-node"
MANIFESTS = PROJECT / "tests" / "clients" / "node"
SECONDS = 300


@dataclass(frozen=True)
class HomeArchive:
    """The archive, and how snippets are run against it."""

    url: str
    key: str

    def python(self, heading: str, *, then: str, changes: Mapping[str, str] | None = None) -> Any:
        """Run a snippet of docs/reading.md in Python, and return the JSON that what follows it prints."""
        return self._printed([str(NAUTILUS.python), "-c", f"{snippet(heading, changes)}\n{then}"], NODE.parent)

    def node(self, heading: str, *, then: str, changes: Mapping[str, str] | None = None) -> Any:
        """Do as `python` does, in node."""
        program = NODE / "snippet.mjs"
        program.write_text(f"{snippet(heading, changes)}\n{then}\n")
        return self._printed(["node", str(program)], NODE)

    def _printed(self, command: list[str], folder: Path) -> Any:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "ARCHIVE_URL": self.url,
            "ARCHIVE_KEY": self.key,
        }
        ended = subprocess.run(  # noqa: S603 - our own documentation
            command, env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=SECONDS
        )
        assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-4000:]
        return json.loads(ended.stdout.splitlines()[-1])


@contextmanager
def open_archive(folder: Path) -> Iterator[HomeArchive]:
    """Collect the recorded candles of a symbol into an archive of its own, which answers reads without a key."""
    with (
        running_exchange("--replay", str(KLINES)) as exchange,
        running_archive(folder, exchange.url, PUBLIC_READS="true") as archive,
    ):
        held = archive.ended(archive.trigger("BTCUSDT", start="2024-01-01", end_date="2025-12-31"))
        assert held["complete"] == 1, held
        yield HomeArchive(archive.url, archive.key)


def need_nautilus() -> None:
    """Install nautilus_trader, where this Python is new enough for it."""
    if sys.version_info < NAUTILUS_PYTHON:
        pytest.skip("nautilus_trader needs Python 3.12")
    subprocess.run(["sh", "scripts/setup.sh", "nautilus"], cwd=PROJECT, check=True)  # noqa: S607 - sh, wherever it is


def need_node_clients() -> None:
    """Install npm's clients, where node is there, unless that was done."""
    if not shutil.which("npm"):
        pytest.skip("node is not there")
    lock = "package-lock.json"
    if (NODE / lock).is_file() and (NODE / lock).read_bytes() == (MANIFESTS / lock).read_bytes():
        return
    NODE.mkdir(parents=True, exist_ok=True)
    (NODE / "package.json").write_bytes((MANIFESTS / "package.json").read_bytes())
    installing = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    (NODE / lock).write_bytes((MANIFESTS / lock).read_bytes())
    try:
        subprocess.run(installing, cwd=NODE, check=True, timeout=SECONDS)  # noqa: S603 - npm, wherever it is
    except BaseException:
        (NODE / lock).unlink()
        raise
