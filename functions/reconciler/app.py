"""Looks after the open runs every few minutes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from candle_collector import bootstrap
from candle_collector.collecting.reconcile_runs import reconcile_runs
from candle_collector.observability import logger

log = logger()
bootstrap.load("leases", "runs", "series", "candles", "queue", "events")
metrics = Metrics()


@log.inject_lambda_context
@metrics.log_metrics
def handler(_event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Tend the runs, and say the age of the oldest open one and how many symbols were silent."""
    container = bootstrap.container()
    visibility = timedelta(seconds=container.settings.queue_visibility)
    reconciled = reconcile_runs(container.closing_ports(), container.queue, visibility=visibility)
    metrics.add_metric("OpenRunAge", MetricUnit.Seconds, reconciled.oldest_seconds)
    metrics.add_metric("SymbolsResent", MetricUnit.Count, reconciled.resent)
    return {"resent": reconciled.resent, "closed": reconciled.closed, "oldest_seconds": reconciled.oldest_seconds}
