"""What is measured every few minutes: how the archive stands, and whether a run or the exchange needs somebody."""

from __future__ import annotations

from datetime import datetime

from candle_collector.domain.closing import lag_hours
from candle_collector.ports import ArchiveFigures, RateLimiter, RunStore, SeriesStore


def measure_archive(runs: RunStore, series: SeriesStore, rate_limiter: RateLimiter, now: datetime) -> ArchiveFigures:
    """Return the figures of this moment: one read of the series, one of the rate limiter, one of each open run."""
    state = rate_limiter.state()
    closed = state.closed(now)
    newest = (record.last for record in series.all())
    open_runs = [run for run_id in runs.open_runs() if (run := runs.get(run_id)) is not None]
    return ArchiveFigures(
        lag_hours=lag_hours(newest, now, clock_offset_ms=state.clock_offset_ms) or 0,
        overdue_seconds=max([0.0, *((now - run.deadline).total_seconds() for run in open_runs)]),
        blocked_seconds=(closed[0] - now).total_seconds() if closed else 0.0,
    )
