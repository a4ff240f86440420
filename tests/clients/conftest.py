"""A local stack that holds the recorded candles, and the clients in an environment of their own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from background.places import PROJECT
from localstack.environments import Environment
from tests.clients.snippets import snippet
from tests.e2e.conftest import RECORDED_CANDLES, _own_stack
from tests.e2e.driving import Api

CLIENTS = Environment(PROJECT / ".local" / "venvs" / "clients")
HELD = {"BTCUSDT": "2018-01-01", "ETHUSDT": "2023-01-01"}
SECONDS = 1200


@dataclass(frozen=True)
class Archive:
    """The stack, and how snippets are run against it."""

    url: str
    key: str

    def run(self, heading: str, *, then: str = "", folder: Path, changes: Mapping[str, str] | None = None) -> str:
        """Run a snippet of docs/reading.md and what follows in a folder; return what it printed, keep all in `said`.

        Raises
        ------
        AssertionError
            It failed; the message is what it said.
        """
        shell = snippet(heading, changes)
        program = CLIENTS.folder / "bin"
        command = ["bash", "-euc", shell] if heading == "freqtrade" else [str(CLIENTS.python), "-c", f"{shell}\n{then}"]
        environment = {
            "PATH": f"{program}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "ARCHIVE_URL": self.url,
            "ARCHIVE_KEY": self.key,
        }
        ended = subprocess.run(  # noqa: S603 - our own documentation
            command, env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=SECONDS
        )
        (folder / "said").write_text(ended.stdout + ended.stderr)
        assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-4000:]
        return ended.stdout


def need_clients() -> None:
    """Install the clients of Python."""
    subprocess.run(["sh", "scripts/setup.sh", "clients"], cwd=PROJECT, check=True)  # noqa: S607 - sh, wherever it is


@pytest.fixture(scope="session")
def archive() -> Iterator[Archive]:
    """Collect the recorded candles into a stack of its own."""
    if not RECORDED_CANDLES.is_dir():
        pytest.skip(f"the recorded candles are missing: {RECORDED_CANDLES}")
    need_clients()
    for stack in _own_stack("clients", f"replay:{RECORDED_CANDLES}"):
        api = Api(stack)
        for symbol, start in HELD.items():
            held = api.run(symbols=[symbol], start_date=start, end_date="2025-12-31")
            assert held["complete"] == 1, held
        yield Archive(stack.api_url, stack.api_key)
