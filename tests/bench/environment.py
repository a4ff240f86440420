"""The environment of the clients that are compared with: theirs alone, because they pin what we do not."""

import subprocess

from background.places import PROJECT
from localstack.environments import Environment

BENCH = Environment(PROJECT / ".local" / "venvs" / "bench")


def install() -> None:
    """Install it, if it is not there."""
    subprocess.run(["sh", "scripts/setup.sh", "bench"], cwd=PROJECT, check=True)  # noqa: S607 - sh, wherever it is
