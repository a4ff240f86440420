"""What a worker's own work takes, as `python -m tests.model.measure` has measured it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("measured.toml")


@dataclass(frozen=True)
class Cpu:
    """Seconds of a whole core.

    Attributes
    ----------
    cold
        Loading the function.
    turn
        What a turn takes beside its batches: claim, coverage, records, outcome.
    fetch
        A request: granted, sent, its answer read and checked.
    store
        An answer: judged, written, noted.
    """

    cold: float
    turn: float
    fetch: float
    store: float


@dataclass(frozen=True)
class Sizes:
    """Bytes of items in the runs table."""

    symbol_record: int
    run: int
    run_symbol: int


@dataclass(frozen=True)
class Figures:
    """All that was measured, on which machine and when."""

    measured: str
    cpu: Cpu
    sizes: Sizes


def figures() -> Figures:
    """Read the file."""
    read = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return Figures(read["measured"], Cpu(**read["cpu"]), Sizes(**read["sizes"]))
