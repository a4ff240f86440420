"""The snippets of docs/reading.md, so that what is tried is what a reader is reported."""

from __future__ import annotations

import re
from pathlib import Path

READING = Path(__file__).resolve().parents[2] / "docs" / "reading.md"

_BLOCK = re.compile(r"```(?:python|bash|javascript)\n(.*?)```", re.DOTALL)


def snippet(heading: str) -> str:
    """Return the first snippet below a heading of the second level.

    Raises
    ------
    ValueError
        There is no such heading or snippet.
    """
    _, found, below = READING.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    block = _BLOCK.search(below.partition("\n## ")[0])
    if not found or block is None:
        raise ValueError(f"docs/reading.md has no snippet for {heading}")
    return block[1]
