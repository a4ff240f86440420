"""Says a person what a long step does and how long it took, one line a step."""

from __future__ import annotations

import re
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


IS_CLONE = (Path(__file__).resolve().parents[1] / "template.yaml").is_file()
"""Whether this is a clone of the project, with its Makefile and its template, and not an installed wheel."""
_TARGETS = "up|down|serve|collect|status|logs|coverage|verify|cancel|retry"
_SET_UP, _OPTIONS = ("up", "serve"), ("EXCHANGE", "ON")
"""The commands that take settings from the environment, and the two of their variables that are options instead."""


def as_typed(text: str, *, is_clone: bool = IS_CLONE) -> str:
    """Return a text in which commands are written as they can be typed: make's in a clone, else those of `candles`."""

    def command(found: re.Match[str]) -> str:
        given = re.findall(r"([A-Z_]+)=([^\s`]+)", found[2])
        settings = [f"{name}={value}" for name, value in given if found[1] in _SET_UP and name not in _OPTIONS]
        options = [f"--{name.lower()} {value}" for name, value in given if f"{name}={value}" not in settings]
        return " ".join([*settings, "candles", found[1], *options])

    return text if is_clone else re.sub(rf"\bmake ({_TARGETS})\b((?: [A-Z_]+=[^\s`]+)*)", command, text)


class StackError(Exception):
    """Something a person must know about: what is wrong, and the remedy."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(as_typed(f"{problem}\n  Remedy: {remedy}" if remedy else problem))


def say(line: str) -> None:
    """Print one line at once, also where the output goes to a file or a pipe."""
    print(as_typed(line), flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Show a step while it runs and its seconds when it has ended; a step that fails says so."""
    live = sys.stdout.isatty()
    if live:
        print(f"  {what} ...", end="", flush=True)
    began = time.monotonic()
    try:
        yield
    except BaseException:
        say(f"{_over(live=live)}  {what}: failed after {time.monotonic() - began:.1f} s")
        raise
    say(f"{_over(live=live)}  {what}: {time.monotonic() - began:.1f} s")


def _over(*, live: bool) -> str:
    # Back to the line's start, and the old text cleared.
    return "\r\033[K" if live else ""
