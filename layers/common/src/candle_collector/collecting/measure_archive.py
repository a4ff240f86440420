"""What is measured every few minutes: how the archive stands, and whether a run or the exchange needs somebody."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from candle_collector.domain.closing import lag_hours, newest_slots
from candle_collector.domain.health import counted_lag
from candle_collector.domain.interval import Interval
from candle_collector.ports import ArchiveFigures, RateLimiter, RunStore, SeriesStore


def measure_archive(
    runs: RunStore, series: SeriesStore, rate_limiter: RateLimiter, now: datetime, intervals: Collection[Interval]
) -> ArchiveFigures:
    """Return the figures of this moment, the lag that of the `intervals` that are collected.

    It reads the series, the rate limiter, each open run and the newest one.
    """
    state = rate_limiter.state()
    closed = state.closed(now)
    newest = newest_slots(series.all(), intervals)
    open_runs = [run for run_id in runs.open_runs() if (run := runs.get(run_id)) is not None]
    lag: float = lag_hours(newest, now, clock_offset_ms=state.clock_offset_ms) or 0
    last = next((run for run_id in runs.runs(limit=1) if (run := runs.get(run_id)) is not None), None)
    if last is not None:
        expected = timedelta(seconds=last.estimated_seconds)
        lag = counted_lag(lag, last.mode, now - last.created_at, expected=expected)
    return ArchiveFigures(
        lag_hours=lag,
        overdue_seconds=max([0.0, *((now - run.deadline).total_seconds() for run in open_runs)]),
        blocked_seconds=(closed[0] - now).total_seconds() if closed else 0.0,
    )
