"""Which sources a process runs: a worker process may be started days after its server, and has to run the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import candle_collector

import functions
import standalone


def _files() -> Iterator[str]:
    for package in (candle_collector, functions, standalone):
        for folder in package.__path__:
            for path in sorted(Path(folder).rglob("*.py")):
                status = path.stat()
                yield f"{path} {status.st_size} {status.st_mtime_ns}"


SOURCES = hashlib.sha256("\n".join(_files()).encode()).hexdigest()[:16]
"""By names, sizes and times of change, when the process began."""
