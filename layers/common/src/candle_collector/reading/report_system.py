"""The state of the whole deployment: the exchange, what is stored, what is being collected, limits and settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from candle_collector import answers
from candle_collector.domain import dates
from candle_collector.domain.closing import closed_end_at
from candle_collector.domain.rate_limit import RateLimiterState
from candle_collector.domain.run import Run, RunState
from candle_collector.domain.schedule import next_occurrence
from candle_collector.domain.weight_limit import WeightLimit
from candle_collector.ports import (
    Clock,
    ExchangeProbe,
    FailedStartStore,
    LeaseStore,
    RateLimiter,
    RunStore,
    SeriesStore,
)
from candle_collector.reading.report_health import Known, report_health
from candle_collector.reading.report_runs import current_run, run_line

_WEIGHT_SECONDS = 60
"""Binance counts weight by the minute; each run keeps what the exchange said when it started."""


@dataclass(frozen=True)
class SystemPorts:
    """What the report needs."""

    runs: RunStore
    leases: LeaseStore
    series: SeriesStore
    failed_starts: FailedStartStore
    rate_limiter: RateLimiter
    probe: ExchangeProbe
    clock: Clock


def report_system(
    *,
    version: str,
    stage: str,
    settings: answers.SettingsInForce,
    limits: answers.Limits,
    ports: SystemPorts,
) -> answers.SystemInfo:
    """Return the state of the deployment, from the series' records and the newest run: no table is scanned."""
    now = ports.clock.now()
    current = current_run(ports.runs, ports.leases, now)
    state = ports.rate_limiter.state()
    series = list(ports.series.all())
    newest = max((record.last for record in series if record.last is not None), default=None)
    closed_end = closed_end_at(round(now.timestamp() * 1000) + min(0, state.clock_offset_ms))
    schedule = settings.collection_schedule if settings.schedules_enabled else None
    known = Known(
        now=now,
        run=current,
        series=series,
        rate_limiter=state,
        newest=newest,
        lag_hours=None if newest is None else max(0, closed_end - 1 - newest),
        schedule=schedule,
        next_start=_next(schedule, now),
        next_gap_fill=_next(settings.gap_fill_schedule if settings.schedules_enabled else None, now),
        failed_start=ports.failed_starts.get(),
        outage=None,
    )
    health = report_health(known, ports.runs)
    return answers.SystemInfo(
        service="candle-collector",
        version=version,
        stage=stage,
        timestamp=dates.format_moment(now),
        health=answers.HealthInfo(health.state, health.sentence, health.remedy),
        exchange=_exchange(settings.exchange_base_url, state, current, ports.probe, now),
        store=_store(known),
        collection=answers.CollectionInfo(
            state="running" if current and current.state is not RunState.ENDED else "idle",
            last_run=run_line(current) if current else None,
            next_scheduled=_moment(known.next_start),
            next_gap_fill=_moment(known.next_gap_fill),
        ),
        limits=limits,
        settings=settings,
    )


def _exchange(
    base_url: str, state: RateLimiterState, run: Run | None, probe: ExchangeProbe, now: datetime
) -> answers.ExchangeInfo:
    """Return what is known of the exchange; it is not asked while it wants no requests."""
    until, reason = state.closed(now) or (None, None)
    limit = WeightLimit(0, run.weight_seconds if run else _WEIGHT_SECONDS)
    period = limit.period_at(now + timedelta(milliseconds=state.clock_offset_ms))
    return answers.ExchangeInfo(
        base_url=base_url,
        reachable=until is None and probe.answers(),
        used_weight=state.reserved if state.period == period else 0,
        weight_limit=run.weight_limit if run else None,
        weight_seconds=run.weight_seconds if run else None,
        blocked_until=dates.format_moment(until) if until else None,
        blocked_reason=reason,
    )


def _store(known: Known) -> answers.StoreInfo:
    stored = [record for record in known.series if record.last is not None]
    first = min((record.first for record in stored if record.first is not None), default=None)
    return answers.StoreInfo(
        symbols=len(stored),
        candles=sum(sum(record.years.values()) for record in stored),
        first_candle=None if first is None else dates.format_hour(first),
        latest_candle=None if known.newest is None else dates.format_hour(known.newest),
        lag_hours=known.lag_hours,
    )


def _next(expression: str | None, now: datetime) -> datetime | None:
    return next_occurrence(expression, now) if expression else None


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else dates.format_moment(moment)
