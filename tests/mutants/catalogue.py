"""The list of mutants: read from `defects/*.toml`, and what makes an entry right."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
DEFECTS = Path(__file__).parent / "defects"
PACKAGE = "layers/common/src/candle_collector"


class WrongEntryError(Exception):
    """An entry that does not fit the code; the message names it."""


@dataclass(frozen=True)
class Mutant:
    """A defect of one line.

    Attributes
    ----------
    file
        The changed file, from the project's folder.
    old, new
        A part of a line, and what takes its place.
    after
        A text that stands once in the file; `old` is looked for behind it. Empty where `old` itself stands once.
    tests
        What pytest takes: files or node ids, the likeliest to notice first.
    slow
        Whether its tests take too long for a sample in `make test`.
    survives
        Why no test notices; empty where one must.
    """

    file: str
    old: str
    new: str
    after: str = ""
    tests: tuple[str, ...] = ()
    slow: bool = False
    survives: str = ""

    @property
    def name(self) -> str:
        """What is changed, on one line."""
        return f"{self.file.removeprefix(PACKAGE + '/')}: {self.old.strip()} -> {self.new.strip() or '(removed)'}"

    def apply(self, source: str) -> str:
        """Return the source with the defect.

        Raises
        ------
        WrongEntryError
            The text to change is not there, or is there more than once.
        """
        if self.old == self.new or "\n" in self.old + self.new:
            raise WrongEntryError(f"{self.name}: it does not change one line")
        anchor = self.after or self.old
        if (times := source.count(anchor)) != 1:
            raise WrongEntryError(f"{self.name}: {anchor!r} stands {times} times in the file instead of once")
        start = source.index(anchor) + len(self.after)
        at = source.find(self.old, start)
        if at < 0:
            raise WrongEntryError(f"{self.name}: the text to change does not stand behind {self.after!r}")
        return source[:at] + self.new + source[at + len(self.old) :]


def read_mutants(folder: Path = DEFECTS) -> list[Mutant]:
    """Return every mutant, in the order of the files and of their entries.

    Raises
    ------
    WrongEntryError
        An entry has a key too many or too few.
    """
    return [
        _mutant(file, {"tests": area["tests"], "slow": area.get("slow", False), **entry})
        for path in sorted(folder.glob("*.toml"))
        for file, area in tomllib.loads(path.read_text(encoding="utf-8")).items()
        for entry in area["mutants"]
    ]


def _mutant(file: str, entry: Mapping[str, Any]) -> Mutant:
    in_package = f"{PACKAGE}/{file}"
    path = in_package if (PROJECT / in_package).is_file() else file
    try:
        return Mutant(path, **{**entry, "tests": tuple(entry["tests"])})
    except TypeError as error:
        raise WrongEntryError(f"{file}: {dict(entry)}: {error}") from error
