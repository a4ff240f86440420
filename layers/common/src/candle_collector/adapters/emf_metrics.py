"""Metrics as lines of the log, in CloudWatch's embedded metric format; a function loads it where it reports one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from candle_collector.domain.run import Outcome, RunSeriesRecord, degraded_percent
from candle_collector.ports import ArchiveFigures


class _Metric(NamedTuple):
    name: str
    unit: MetricUnit
    value: float


class EmfMetrics:
    """The `Metrics` of CloudWatch: lines of its embedded metric format, each printed at once.

    Not at the end of the invocation, which a function that is killed does not reach. The one dimension is `service`,
    the stack's name; a run's id and a symbol are metadata, which a search of the log finds and nobody pays for.
    CloudWatch's ten metrics that are free each month are all used: docs/operations.md lists them.
    """

    def symbol_ended(self, record: RunSeriesRecord) -> None:
        """Print what a run did for one symbol."""
        _print(
            _Metric("CandlesStored", MetricUnit.Count, record.records),
            _Metric("Requests", MetricUnit.Count, record.requests),
            _Metric("SymbolsPartial", MetricUnit.Count, record.outcome is Outcome.PARTIAL),
            _Metric("SymbolsFailed", MetricUnit.Count, record.outcome is Outcome.FAILED),
            run_id=record.run_id,
            symbol=record.symbol,
            outcome=record.outcome,
            missing_candles=record.missing_slots,
            reason=record.failure.message if record.failure else None,
        )

    def run_ended(self, run_id: str, counts: Mapping[str, int], missing_slots: int) -> None:
        """Print how a run ended."""
        _print(
            _Metric("RunDegraded", MetricUnit.Percent, degraded_percent(counts)),
            _Metric("MissingCandles", MetricUnit.Count, missing_slots),
            run_id=run_id,
        )

    def archive_stands(self, figures: ArchiveFigures) -> None:
        """Print how the archive stands; CloudWatch has no unit for hours."""
        _print(
            _Metric("LagHours", MetricUnit.Count, figures.lag_hours),
            _Metric("OpenRunOverdue", MetricUnit.Seconds, figures.overdue_seconds),
            _Metric("BlockedSeconds", MetricUnit.Seconds, figures.blocked_seconds),
        )

    def key_refused(self) -> None:
        """Print that a caller was refused."""
        _print(_Metric("KeysRefused", MetricUnit.Count, 1))


def _print(*metrics: _Metric, **metadata: str | float | None) -> None:
    line = EphemeralMetrics()
    for metric in metrics:
        line.add_metric(metric.name, metric.unit, metric.value)
    for name, value in metadata.items():
        if value is not None:
            line.add_metadata(name, value)
    line.flush_metrics()
