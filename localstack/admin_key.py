"""The admin key of the local stack: made once for each state, kept in its stack.json, which only its owner can read.

No file but one of that name holds a key.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

from localstack.deployment import aws_environment, stack_name
from localstack.places import MAIN_ENVIRONMENT, PROJECT, Places
from localstack.progress import StackError

if TYPE_CHECKING:
    from pathlib import Path


def read(state: Path) -> str | None:
    """Give the key of this state, None where none was made yet."""
    try:
        kept: dict[str, str] = json.loads((state / "stack.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return kept.get("api_key")


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


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    unfinished.replace(path)
