"""The lines that a whole system emits, as CloudWatch would get them, with the times of a fake clock."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout

from candle_collector.adapters.emf_metrics import EmfMetrics
from candle_collector.domain.run import RunSeriesRecord
from candle_collector.ports import ArchiveFigures

from tests.emf import Emitted, emitted
from tests.fakes.clock import FakeClock


class RecordedMetrics:
    """The functions' own metrics, whose lines are kept instead of printed.

    Attributes
    ----------
    values
        What CloudWatch would make of the lines so far.
    bytes
        How long the lines are, for what a log costs.
    """

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._printed = EmfMetrics()
        self.values: list[Emitted] = []
        self.lines = 0
        self.bytes = 0

    def symbol_ended(self, record: RunSeriesRecord) -> None:
        """Keep a symbol's line."""
        self._keep(lambda: self._printed.symbol_ended(record))

    def run_ended(self, run_id: str, counts: Mapping[str, int], missing_candles: int) -> None:
        """Keep a run's line."""
        self._keep(lambda: self._printed.run_ended(run_id, counts, missing_candles))

    def archive_stands(self, figures: ArchiveFigures) -> None:
        """Keep a round's line."""
        self._keep(lambda: self._printed.archive_stands(figures))

    def key_refused(self) -> None:
        """Keep a refusal's line."""
        self._keep(self._printed.key_refused)

    def _keep(self, report: Callable[[], None]) -> None:
        with redirect_stdout(io.StringIO()) as printed:
            report()
        text = printed.getvalue()
        now = self._clock.now().timestamp()
        self.values += [value._replace(at=now) for value in emitted(text)]
        self.lines += text.count("\n")
        self.bytes += len(text.encode())
