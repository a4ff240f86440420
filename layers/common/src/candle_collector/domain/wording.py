"""Numbers and sentences as people read them, the same wherever they are printed."""

from __future__ import annotations

REASON_MOST = 200
"""The most characters of a reason inside a sentence."""


def counted(number: int, noun: str) -> str:
    """Write `1 request`, `2,160 candles`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def split_reason(message: str, *, at: str = ". ") -> tuple[str, str | None]:
    """Return what a failure says on one line without its full stop, and the remedy that follows it, if there is one.

    A failure's message is a sentence; the sentences after the first one are its remedy.

    Parameters
    ----------
    at
        What stands before the remedy.
    """
    said, _, remedy = " ".join(message.split()).partition(at)
    said = said.rstrip(".")
    if len(said) > REASON_MOST:
        said = f"{said[: REASON_MOST - 3]}..."
    return said, f"{remedy[:1].upper()}{remedy[1:].rstrip('.')}." if remedy else None
