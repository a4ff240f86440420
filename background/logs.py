"""Shows logs that lie in files: the last lines or new ones as they come, all or those of a run or a symbol."""

from __future__ import annotations

import json
import re
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from background.progress import say

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAST_LINES = 20
BETWEEN_LOOKS_S = 0.3


@dataclass(frozen=True)
class Wanted:
    """Which lines are shown: those that name the run and one of the symbols, each where it is given.

    Attributes
    ----------
    run_id
        Empty for every run.
    symbols
        Empty for every symbol.
    """

    run_id: str = ""
    symbols: tuple[str, ...] = ()

    @property
    def is_all(self) -> bool:
        """Whether every line is shown."""
        return not self.run_id and not self.symbols

    def takes(self, line: str) -> bool:
        """Return whether a line is shown; one that names a symbol inside a longer name is not."""
        if self.is_all:
            return True
        text = _plain(line)
        named = "|".join(map(re.escape, self.symbols))
        return self.run_id in text and (not named or re.search(rf"(?<!\w)({named})(?!\w)", text) is not None)

    def __str__(self) -> str:
        """Return what is looked for, in words."""
        parts = [f"run {self.run_id}"] if self.run_id else []
        return " and ".join([*parts, *([", ".join(self.symbols)] if self.symbols else [])])


ALL = Wanted()


def _plain(line: str) -> str:
    """Return a line of JSON with its letters as they are, such as those of a symbol that is not ASCII."""
    if "\\u" not in line:
        return line
    try:
        return json.dumps(json.loads(line), ensure_ascii=False)
    except ValueError:
        return line


def show(folder: Path, wanted: Wanted = ALL) -> dict[Path, int]:
    """Print the last lines of every function; give how far each file was read, in bytes.

    Where some lines only are wanted, they are looked for in the files that were put aside too.
    """
    read: dict[Path, int] = {}
    found = False
    for file in sorted(folder.glob("*.log")):
        read[file] = file.stat().st_size
        last: deque[str] = deque(maxlen=LAST_LINES)
        for each in (file,) if wanted.is_all else (*_put_aside(file), file):
            last.extend(line for line in _lines(each) if wanted.takes(line))
        for line in last:
            say(f"{file.stem}: {line}")
        found |= bool(last)
    if not read:
        say(f"No function has logged anything in {folder} yet.")
    elif not found and not wanted.is_all:
        say(f"No line in {folder} is about {wanted}.")
    return read


def _put_aside(file: Path) -> list[Path]:
    """Return the older parts of a log, the oldest first."""
    parts = [part for part in file.parent.glob(f"{file.name}.*") if part.suffix[1:].isdigit()]
    return sorted(parts, key=lambda part: int(part.suffix[1:]), reverse=True)


def _lines(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8", errors="replace") as lines:
        yield from (line.rstrip("\n") for line in lines)


def follow(folder: Path, wanted: Wanted = ALL) -> None:
    """Print the last lines, then every new one, until it is interrupted."""
    read = show(folder, wanted)
    while True:
        time.sleep(BETWEEN_LOOKS_S)
        for file in sorted(folder.glob("*.log")):
            read[file] = print_new(file, read.get(file, 0), wanted)


def print_new(file: Path, already: int, wanted: Wanted = ALL) -> int:
    """Print the whole lines that were written since, and give how far the file is read now, in bytes.

    Parameters
    ----------
    already
        The bytes read so far; more than the file holds means that it was put aside, so that the rest of the older part
        is printed, and then the new one from its beginning.
    """
    try:
        size = file.stat().st_size
    except FileNotFoundError:  # put aside in this moment, and not there again yet
        return already
    start = already
    if size < already:
        start = 0
        if (older := file.with_name(f"{file.name}.1")).is_file() and older.stat().st_size > already:
            _print_rest(file, older, already, wanted)
    return _print_rest(file, file, start, wanted)


def _print_rest(named: Path, file: Path, start: int, wanted: Wanted) -> int:
    """Print the whole lines of a file from a position on, as those of the log `named`, and return where they end."""
    with file.open("rb") as lines:
        lines.seek(start)
        new = lines.read()
    whole = new[: new.rfind(b"\n") + 1]
    for line in whole.decode(errors="replace").splitlines():
        if wanted.takes(line):
            say(f"{named.stem}: {line}")
    return start + len(whole)
