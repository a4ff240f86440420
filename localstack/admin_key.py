"""The admin key of the local stack: made once for each state, kept in its stack.json, which only its owner can read.

No file but one of that name holds a key.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from background.files import read_object, write_private
from background.places import PROJECT, Places
from background.progress import StackError
from localstack.deployment import aws_environment, stack_name
from localstack.environments import MAIN_ENVIRONMENT

if TYPE_CHECKING:
    from pathlib import Path


def read(state: Path) -> str | None:
    """Give the key of this state, None where none was made yet."""
    key = read_object(state / "stack.json").get("api_key")
    return key if isinstance(key, str) else None


def make(places: Places, state: Path) -> str:
    """Make a key with `candles keys create`, and keep it.

    Raises
    ------
    StackError
        The command failed.
    """
    made = subprocess.run(
        [str(MAIN_ENVIRONMENT.python), "-m", "cli", "keys", "create", "--stack-name", stack_name()],
        env=aws_environment(places),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode or not made.stdout.strip():
        raise StackError(f"No admin key could be made:\n{made.stderr.strip()}", "`make logs` may say more.")
    key = made.stdout.strip()
    write_private(state / "stack.json", json.dumps({"api_key": key}) + "\n")
    return key
