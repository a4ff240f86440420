"""No metrics, where nothing reads them: an archive at home answers with what it has."""

from __future__ import annotations

from collections.abc import Mapping

from candle_collector.domain.run import RunSeriesRecord
from candle_collector.ports import ArchiveFigures


class NoMetrics:
    """The `Metrics` of an archive at home."""

    def symbol_ended(self, record: RunSeriesRecord) -> None:
        """Leave it to the record."""

    def run_ended(self, run_id: str, counts: Mapping[str, int], missing_slots: int) -> None:
        """Leave it to the record."""

    def archive_stands(self, figures: ArchiveFigures) -> None:
        """Leave it to whoever asks."""

    def key_refused(self) -> None:
        """Leave it to the log."""
