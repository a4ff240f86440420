"""The state of the whole deployment: the exchange, what is stored, what is being collected, limits and settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from candle_collector import answers
from candle_collector.domain import dates
from candle_collector.domain.interval import interval_named
from candle_collector.domain.market import Market
from candle_collector.domain.rate_limit import RateLimiterState
from candle_collector.domain.run import Run, RunState
from candle_collector.ports import (
    Clock,
    ExchangeProbe,
    FailedStartStore,
    LeaseStore,
    RateLimiter,
    RunStore,
    SeriesStore,
)
from candle_collector.reading.report_health import Known, Schedules, look, report_health
from candle_collector.reading.report_runs import run_line


@dataclass(frozen=True)
class SystemPorts:
    """What the report needs."""

    market: Market
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
    stale_after_hours: int = 0,
    outage: str | None = None,
) -> answers.SystemInfo:
    """Return the state of the deployment, from the series' records and the newest run: no table is scanned.

    Parameters
    ----------
    stale_after_hours
        As `Schedules` has it.
    outage
        Why the database stores nothing; None where it does.
    """
    on = settings.schedules_enabled
    collection, gap_fill = (settings.collection_schedule, settings.gap_fill_schedule) if on else (None, None)
    intervals = frozenset(map(interval_named, settings.intervals))
    known = look(ports, Schedules(collection, gap_fill, stale_after_hours, intervals))
    now, current, health = known.now, known.run, report_health(known, ports.runs, outage=outage)
    return answers.SystemInfo(
        service="candle-collector",
        version=version,
        stage=stage,
        timestamp=dates.format_moment(now),
        health=answers.HealthInfo(health.state, health.sentence, health.remedy),
        exchange=_exchange(settings.exchange_base_url, known.rate_limiter, current, ports, now),
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
    base_url: str, state: RateLimiterState, run: Run | None, ports: SystemPorts, now: datetime
) -> answers.ExchangeInfo:
    """Return what is known of the exchange; it is not asked while it wants no requests."""
    until, reason = state.closed(now) or (None, None)
    limit = run.limit if run else ports.market.limit  # each run keeps what the exchange said when it started
    period = limit.period_at(now + timedelta(milliseconds=state.clock_offset_ms))
    return answers.ExchangeInfo(
        base_url=base_url,
        reachable=until is None and ports.probe.answers(),
        used_weight=state.reserved if state.period == period else 0,
        weight_limit=run.weight_limit if run else None,
        weight_seconds=run.weight_seconds if run else None,
        blocked_until=dates.format_moment(until) if until else None,
        blocked_reason=reason,
    )


def _store(known: Known) -> answers.StoreInfo:
    stored = [record for record in known.series if record.last is not None]
    first = min(
        (record.series.interval.open_ms(record.first) for record in stored if record.first is not None), default=None
    )
    return answers.StoreInfo(
        symbols=len({record.symbol for record in stored}),
        series=len(stored),
        candles=sum(sum(record.years.values()) for record in stored),
        first_candle=None if first is None else dates.format_ms(first),
        latest_candle=None if known.newest is None else dates.format_ms(known.newest),
        lag_hours=known.lag_hours,
    )


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else dates.format_moment(moment)
