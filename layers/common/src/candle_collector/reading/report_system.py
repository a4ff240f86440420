"""How the whole stands: the exchange, what is stored, what is being collected, the limits and settings in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from candle_collector.domain import dates
from candle_collector.domain.closing import closed_end_at
from candle_collector.domain.run import Run, RunState
from candle_collector.domain.schedule import next_occurrence
from candle_collector.ports import Clock, ExchangeProbe, RateLimiter, RateLimiterState, RunStore, SeriesStore
from candle_collector.reading.report_runs import current_run, run_line

_WEIGHT_SECONDS = 60
"""Binance counts weight by the minute; each run keeps what the exchange said when it started."""


@dataclass(frozen=True)
class SystemPorts:
    """What telling of the whole needs."""

    runs: RunStore
    series: SeriesStore
    rate_limiter: RateLimiter
    probe: ExchangeProbe
    clock: Clock


@dataclass(frozen=True)
class Schedules:
    """When collection starts by itself, as EventBridge takes it.

    Attributes
    ----------
    enabled
        Whether it does at all.
    gap_fill
        Empty where there is none.
    """

    enabled: bool
    forward: str
    gap_fill: str


def report_system(
    facts: Mapping[str, Any],
    settings: Mapping[str, Any],
    limits: Mapping[str, int],
    schedules: Schedules,
    ports: SystemPorts,
) -> dict[str, Any]:
    """Return how the whole stands, from the series' records and the newest run: no candle is read, no table is scanned.

    Parameters
    ----------
    facts
        Service, version and stage.
    settings
        The settings in force.
    limits
        What the API takes at most.
    """
    now = ports.clock.now()
    current = current_run(ports.runs, now)
    state = ports.rate_limiter.state()
    return {
        **facts,
        "timestamp": dates.format_moment(now),
        "exchange": {"base_url": settings["exchange_base_url"], **_exchange(state, current, ports.probe, now)},
        "store": _store(ports.series, state, now),
        "collection": {
            "state": "running" if current and current.state is not RunState.ENDED else "idle",
            "last_run": run_line(current) if current else None,
            "next_scheduled": _next(schedules.forward, schedules, now),
            "next_gap_fill": _next(schedules.gap_fill, schedules, now),
        },
        "limits": limits,
        "settings": {**settings, "schedules_enabled": schedules.enabled}
        | {"collection_schedule": schedules.forward, "gap_fill_schedule": schedules.gap_fill or None},
    }


def _exchange(state: RateLimiterState, run: Run | None, probe: ExchangeProbe, now: datetime) -> dict[str, Any]:
    """Return what is known of the exchange; it is asked nothing while it wants to be left alone."""
    until = state.blocked_until if state.blocked_until and state.blocked_until > now else None
    seconds = run.weight_seconds if run else _WEIGHT_SECONDS
    period = (round(now.timestamp() * 1000) + state.clock_offset_ms) // (seconds * 1000)
    return {
        "reachable": until is None and probe.answers(),
        "used_weight": state.reserved if state.period == period else 0,
        "weight_limit": run.weight_limit if run else None,
        "weight_seconds": run.weight_seconds if run else None,
        "blocked_until": dates.format_moment(until) if until else None,
        "blocked_reason": state.reason if until else None,
    }


def _store(series: SeriesStore, state: RateLimiterState, now: datetime) -> dict[str, Any]:
    stored = [one for one in series.all() if one.last is not None]
    latest = max((one.last for one in stored if one.last is not None), default=None)
    first = min((one.first for one in stored if one.first is not None), default=None)
    closed_end = closed_end_at(round(now.timestamp() * 1000) + min(0, state.clock_offset_ms))
    return {
        "symbols": len(stored),
        "candles": sum(sum(one.years.values()) for one in stored),
        "first_candle": None if first is None else dates.format_hour(first),
        "latest_candle": None if latest is None else dates.format_hour(latest),
        "lag_hours": None if latest is None else max(0, closed_end - 1 - latest),
    }


def _next(expression: str, schedules: Schedules, now: datetime) -> str | None:
    moment = next_occurrence(expression, now) if schedules.enabled else None
    return dates.format_moment(moment) if moment else None
