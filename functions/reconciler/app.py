"""Looks after the open runs every few minutes, and reports how the archive stands."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from candle_collector import bootstrap
from candle_collector.collecting.measure_archive import measure_archive
from candle_collector.collecting.reconcile_runs import reconcile_runs
from candle_collector.observability import logger

log = logger()
bootstrap.load("leases", "runs", "series", "candles", "queue", "events", "rate_limiter", "metrics")


@log.inject_lambda_context
def handler(_event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Look after the runs, and return how many symbols were sent again and closed."""
    container = bootstrap.container()
    visibility = timedelta(seconds=container.settings.queue_visibility)
    try:
        reconciled = reconcile_runs(container.closing_ports(), container.queue, visibility=visibility)
    finally:  # a round that fails is when the figures are needed
        now = container.clock.now()
        figures = measure_archive(
            container.runs, container.series, container.rate_limiter, now, container.settings.intervals
        )
        container.metrics.archive_stands(figures)
    return {"resent": reconciled.resent, "closed": reconciled.closed}
