"""The snippets of docs/reading.md, so that what is tried is what a reader is reported."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

READING = Path(__file__).resolve().parents[2] / "docs" / "reading.md"

_BLOCK = re.compile(r"```(?:python|bash|javascript)\n(.*?)```", re.DOTALL)


def snippet(heading: str, changes: Mapping[str, str] | None = None) -> str:
    """Return the first snippet below a heading of the second level.

    Parameters
    ----------
    changes
        What a reader puts in place of the snippet's own interval and first moment.

    Raises
    ------
    ValueError
        There is no such heading or snippet, or nothing of it that is to be changed.
    """
    _, found, below = READING.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    block = _BLOCK.search(below.partition("\n## ")[0])
    if not found or block is None:
        raise ValueError(f"docs/reading.md has no snippet for {heading}")
    text = block[1]
    for own, other in (changes or {}).items():
        if own not in text:
            raise ValueError(f"the snippet for {heading} has no {own}")
        text = text.replace(own, other)
    return text
