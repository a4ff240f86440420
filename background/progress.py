"""Says a person what a long step does and how long it took, one line a step."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class StackError(Exception):
    """Something a person must know about: what is wrong, and the remedy."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}\n  Remedy: {remedy}" if remedy else problem)


def say(line: str) -> None:
    """Print one line at once, also where the output goes to a file or a pipe."""
    print(line, flush=True)


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
