"""Shows the functions' logs that the local stack keeps in files, the last lines or as they come."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from background.progress import say

if TYPE_CHECKING:
    from pathlib import Path

LAST_LINES = 20
BETWEEN_LOOKS_S = 0.3


def show(folder: Path) -> dict[Path, int]:
    """Print the last lines of every function; give how far each file was read, in bytes."""
    read: dict[Path, int] = {}
    for file in sorted(folder.glob("*.log")):
        content = file.read_bytes()
        read[file] = len(content)
        for line in content.decode(errors="replace").splitlines()[-LAST_LINES:]:
            say(f"{file.stem}: {line}")
    if not read:
        say(f"No function has logged anything in {folder} yet.")
    return read


def follow(folder: Path) -> None:
    """Print the last lines, then every new one, until it is interrupted."""
    read = show(folder)
    while True:
        time.sleep(BETWEEN_LOOKS_S)
        for file in sorted(folder.glob("*.log")):
            read[file] = print_new(file, read.get(file, 0))


def print_new(file: Path, already: int) -> int:
    """Print the whole lines that were written since, and give how far the file is read now, in bytes.

    Parameters
    ----------
    already
        The bytes read so far; more than the file holds means that it was rotated, so it is read from its beginning.
    """
    start = 0 if file.stat().st_size < already else already
    with file.open("rb") as lines:
        lines.seek(start)
        new = lines.read()
    whole = new[: new.rfind(b"\n") + 1]
    for line in whole.decode(errors="replace").splitlines():
        say(f"{file.stem}: {line}")
    return start + len(whole)
