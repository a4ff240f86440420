"""Progress, past what pytest keeps for itself."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Write a line."""
    assert sys.__stderr__ is not None
    sys.__stderr__.write(f"  {text}\n")
    sys.__stderr__.flush()
