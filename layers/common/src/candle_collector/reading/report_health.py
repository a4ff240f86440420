"""How the archive stands: the facts of the sentence that is said first, from what is cheap to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from candle_collector.domain.health import STALE_LEAST_HOURS, FailedStart, Health, HealthFacts, RunFacts, judge_health
from candle_collector.domain.rate_limit import RateLimiterState
from candle_collector.domain.run import Outcome, Run, RunState, SymbolRecord
from candle_collector.domain.schedule import longest_pause
from candle_collector.domain.series import Series
from candle_collector.ports import RunStore

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Known:
    """What a report on the system has read already.

    Attributes
    ----------
    run
        The run that is active, else the last that ended.
    lag_hours
        How far the newest candle is behind the last closed hour.
    schedule
        When new candles are collected; None where nothing starts by itself.
    """

    now: datetime
    run: Run | None
    series: Sequence[Series]
    rate_limiter: RateLimiterState
    newest: int | None
    lag_hours: int | None
    schedule: str | None
    next_start: datetime | None
    next_gap_fill: datetime | None
    failed_start: FailedStart | None
    outage: str | None


def report_health(known: Known, runs: RunStore) -> Health:
    """Return how things stand. The symbols of the run are read only where some of them are not complete."""
    offset = timedelta(milliseconds=known.rate_limiter.clock_offset_ms)
    blocked, refused = known.rate_limiter.blocked_until, known.rate_limiter.refused_until
    failed = [series.failed_windows for series in known.series if series.failed_windows]
    return judge_health(
        HealthFacts(
            now=known.now,
            symbols=sum(series.last is not None for series in known.series),
            newest=known.newest,
            lag_hours=known.lag_hours,
            stale_after_hours=_stale_after(known.schedule, known.now),
            run=None if known.run is None else _facts_of(known.run, runs),
            failed_start=known.failed_start,
            blocked_until=blocked - offset if blocked and blocked - offset > known.now else None,
            refused=(known.rate_limiter.refusal_reason or "the exchange refuses us")
            if refused and refused - offset > known.now
            else None,
            failed_hours=sum(window.hours for windows in failed for window, *_ in windows),
            failed_symbols=len(failed),
            next_start=known.next_start,
            next_gap_fill=known.next_gap_fill,
            outage=known.outage,
        )
    )


def _stale_after(schedule: str | None, now: datetime) -> int | None:
    """Return after how many hours without a new candle two starts of the schedule were missed."""
    if schedule is None:
        return None
    pause = longest_pause(schedule, now.replace(hour=0, minute=0, second=0, microsecond=0))
    return STALE_LEAST_HOURS if pause is None else max(STALE_LEAST_HOURS, 2 * -(-pause // _HOUR) + 1)


def _facts_of(run: Run, runs: RunStore) -> RunFacts:
    counts = run.counts or {}
    incomplete: list[SymbolRecord] = []
    if counts.get("partial") or counts.get("failed"):
        incomplete = [item for item in runs.symbols(run.run_id) if item.outcome in {Outcome.PARTIAL, Outcome.FAILED}]
    reasons = Counter(record.failure.message for record in incomplete if record.failure)
    return RunFacts(
        run_id=run.run_id,
        mode=run.mode,
        done=len(run.symbols) - len(run.open),
        total=len(run.symbols),
        created_at=run.created_at,
        deadline=run.deadline,
        ended_at=run.ended_at if run.state is RunState.ENDED else None,
        incomplete=len(incomplete),
        missing_hours=sum(record.missing_hours for record in incomplete),
        reason=reasons.most_common(1)[0][0] if reasons else None,
    )
