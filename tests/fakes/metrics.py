"""Metrics that a test reads: what was reported, and by which fake clock when."""

from __future__ import annotations

from collections.abc import Mapping

from candle_collector.domain.run import SymbolRecord
from candle_collector.ports import ArchiveFigures


class FakeMetrics:
    """Remembers what it was reported."""

    def __init__(self) -> None:
        self.symbols: list[SymbolRecord] = []
        self.runs: list[tuple[str, dict[str, int], int]] = []
        self.figures: list[ArchiveFigures] = []
        self.refused = 0

    def symbol_ended(self, record: SymbolRecord) -> None:
        """Remember a symbol's record."""
        self.symbols.append(record)

    def run_ended(self, run_id: str, counts: Mapping[str, int], missing_hours: int) -> None:
        """Remember a run's end."""
        self.runs.append((run_id, dict(counts), missing_hours))

    def archive_stands(self, figures: ArchiveFigures) -> None:
        """Remember how the archive stood."""
        self.figures.append(figures)

    def key_refused(self) -> None:
        """Count a refusal."""
        self.refused += 1
