"""What the API tells of runs: aggregated from the records at the moment of asking, so it adds up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from candle_collector.domain import dates
from candle_collector.domain.run import Run, RunState, SymbolRecord, count_outcomes
from candle_collector.ports import Clock, RateLimiter, RunStore, find_run

_HISTORY = 20
"""How far back the last ended run is looked for."""


def report_status(run_id: str | None, *, runs: RunStore, rate_limiter: RateLimiter, clock: Clock) -> dict[str, Any]:
    """Return the state of a run: the named one, else the active one, else the last that ended.

    Raises
    ------
    NotFoundError
        There is no run of that id.
    """
    now = clock.now()
    run = find_run(run_id, runs) if run_id is not None else current_run(runs, now)
    running = run is not None and run.state is not RunState.ENDED
    records = runs.symbols(run.run_id) if run else []
    return {
        "is_running": running,
        "status": "running" if running else "idle",
        "current_operation": run.mode if run and running else None,
        "run_id": run.run_id if run else None,
        "start_time": dates.format_moment(run.created_at) if run else None,
        "elapsed_seconds": round((now - run.created_at).total_seconds(), 1) if run and running else None,
        "timestamp": dates.format_moment(now),
        "waiting_for_exchange_until": _waiting(records, rate_limiter, now) if running else None,
        **(_results(run, records, now) if run else {"progress": None, "last_results": None}),
    }


def _waiting(records: Sequence[SymbolRecord], rate_limiter: RateLimiter, now: datetime) -> str | None:
    """Return until when the run waits for the exchange: for a block to end, or for the next minute's budget."""
    blocked = rate_limiter.state().blocked_until
    if blocked and blocked > now:
        return dates.format_moment(blocked)
    due = [record.due_at for record in records if record.outcome.open and record.due_at and record.due_at > now]
    at_work = any(record.claimed_until and record.claimed_until > now for record in records if record.outcome.open)
    return dates.format_moment(min(due)) if due and not at_work else None


def current_run(runs: RunStore, now: datetime) -> Run | None:
    """Return the active run, else the last that ended."""
    holder = runs.lease_holder(now)
    active = runs.get(holder) if holder else None
    if active and active.state is not RunState.ENDED:
        return active
    for run_id in runs.runs(limit=_HISTORY):
        run = runs.get(run_id)
        if run and run.state is RunState.ENDED:
            return run
    return None


def _results(run: Run, records: Sequence[SymbolRecord], now: datetime) -> dict[str, Any]:
    counts = count_outcomes(record.outcome for record in records)
    total, done = len(run.symbols), sum(counts.values())
    elapsed = (now - run.created_at).total_seconds()
    eta = round(elapsed * (total - done) / done, 1) if done and run.state is not RunState.ENDED else None
    return {
        "progress": {
            "done": done,
            "total": total,
            "percent": round(100 * done / total, 1),
            "eta_seconds": 0 if done == total else eta,
        },
        "last_results": {
            "run_id": run.run_id,
            "mode": run.mode,
            "start_date": dates.format_start(run.start),
            "end_date": dates.format_end(run.end),
            "ended_at": dates.format_moment(run.ended_at) if run.ended_at else None,
            "end_reason": run.end_reason,
            "note": run.note,
            "total_cryptos": total,
            **counts,
            "total_records": sum(record.records for record in records),
            "details": [_detail(record) for record in records],
        },
    }


def _detail(record: SymbolRecord) -> dict[str, Any]:
    return {
        "symbol": record.symbol,
        "status": record.outcome.value,
        "records": record.records,
        "requests": record.requests,
        "retries": record.retries,
        "missing": dates.format_windows(record.missing),
        "missing_hours": record.missing_hours,
        "error": asdict(record.failure) if record.failure else None,
        "first": None if record.first is None else dates.format_hour(record.first),
        "last": None if record.last is None else dates.format_hour(record.last),
    }


def report_runs(*, limit: int, before: str | None, runs: RunStore) -> dict[str, Any]:
    """Return a page of the runs, newest first; ``next`` is the page's continuation."""
    ids = runs.runs(limit=limit, before=before)
    found = [run for run_id in ids if (run := runs.get(run_id))]
    return {"runs": [run_line(run) for run in found], "next": ids[-1] if len(ids) == limit else None}


def run_line(run: Run) -> dict[str, Any]:
    """Return a run as a list tells it."""
    counts = run.counts or {}
    return {
        "run_id": run.run_id,
        "mode": run.mode,
        "state": run.state.value,
        "start_date": dates.format_start(run.start),
        "end_date": dates.format_end(run.end),
        "created_at": dates.format_moment(run.created_at),
        "ended_at": dates.format_moment(run.ended_at) if run.ended_at else None,
        "end_reason": run.end_reason,
        "total_cryptos": len(run.symbols),
        "complete": counts.get("complete"),
        "partial": counts.get("partial"),
        "failed": counts.get("failed"),
        "skipped": counts.get("skipped"),
        "total_records": counts.get("records"),
        "note": run.note,
    }
