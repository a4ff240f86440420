"""Reports on runs, computed from the records at the moment of the request, so that the numbers add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from candle_collector import answers
from candle_collector.domain import dates
from candle_collector.domain.comparison import Difference
from candle_collector.domain.interval import Interval
from candle_collector.domain.pace import seconds_left
from candle_collector.domain.run import (
    KEPT_WINDOWS,
    Outcome,
    Run,
    RunSeriesRecord,
    RunState,
    count_outcomes,
    outcomes_of_symbols,
)
from candle_collector.ports import Clock, LeaseStore, RateLimiter, RunStore, find_run

_HISTORY = 20
"""How far back the last ended run is looked for."""

_SYMBOL_BYTES = 1000
"""The most bytes of a symbol's result without its windows, its differences and the reason of its failure."""


def report_status(
    run_id: str | None,
    *,
    runs: RunStore,
    leases: LeaseStore,
    rate_limiter: RateLimiter,
    clock: Clock,
    most_windows: int = KEPT_WINDOWS,
) -> answers.Status:
    """Return the state of a run: the named one, else the active one, else the last that ended.

    Parameters
    ----------
    most_windows
        How many missing windows and differences each symbol names at most.

    Raises
    ------
    NotFoundError
        There is not a run of that id.
    """
    now = clock.now()
    run = find_run(run_id, runs) if run_id is not None else current_run(runs, leases, now)
    if run is None:
        return answers.Status(
            is_running=False,
            status="idle",
            current_operation=None,
            run_id=None,
            start_time=None,
            elapsed_seconds=None,
            timestamp=dates.format_moment(now),
            waiting_for_exchange_until=None,
            progress=None,
            last_results=None,
        )
    running = run.state is not RunState.ENDED
    records = runs.symbols(run.run_id)
    return answers.Status(
        is_running=running,
        status="running" if running else "idle",
        current_operation=run.mode if running else None,
        run_id=run.run_id,
        start_time=dates.format_moment(run.created_at),
        elapsed_seconds=round((now - run.created_at).total_seconds(), 1) if running else None,
        timestamp=dates.format_moment(now),
        waiting_for_exchange_until=_waiting(records, rate_limiter, now) if running else None,
        progress=_progress(run, records, now),
        last_results=_results(run, records, most_windows),
    )


def _waiting(records: Sequence[RunSeriesRecord], rate_limiter: RateLimiter, now: datetime) -> str | None:
    """Return until when the run waits for the exchange: for a block to end, or for the next minute's budget."""
    if closed := rate_limiter.state().closed(now):
        return dates.format_moment(closed[0])
    due = [record.due_at for record in records if record.outcome.open and record.due_at and record.due_at > now]
    at_work = any(record.claimed_until and record.claimed_until > now for record in records if record.outcome.open)
    return dates.format_moment(min(due)) if due and not at_work else None


def current_run(runs: RunStore, leases: LeaseStore, now: datetime) -> Run | None:
    """Return the active run, else the last that ended."""
    holder = leases.holder(now)
    active = runs.get(holder) if holder else None
    if active and active.state is not RunState.ENDED:
        return active
    for run_id in runs.runs(limit=_HISTORY):
        run = runs.get(run_id)
        if run and run.state is RunState.ENDED:
            return run
    return None


def _progress(run: Run, records: Sequence[RunSeriesRecord], now: datetime) -> answers.Progress:
    total = len(run.series)
    done = sum(not record.outcome.open for record in records)
    elapsed = (now - run.created_at).total_seconds()
    left = seconds_left(estimated=run.estimated_seconds, elapsed=elapsed, done=done, total=total)
    eta = None if left is None or run.state is RunState.ENDED else round(left, 1)
    return answers.Progress(done, total, round(100 * done / total, 1), eta_seconds=0 if done == total else eta)


def _results(run: Run, records: Sequence[RunSeriesRecord], most_windows: int) -> answers.Results:
    most = answers.most_that_fit(most_windows, lambda most: sum(_bytes(record, most) for record in records))
    return answers.Results(
        **count_outcomes(outcomes_of_symbols(records)),
        run_id=run.run_id,
        mode=run.mode,
        start_date=dates.format_start(run.start_ms),
        end_date=dates.format_end(run.end_ms),
        ended_at=_moment(run.ended_at),
        end_reason=run.end_reason,
        note=run.note,
        total_cryptos=len(run.symbols),
        total_records=sum(record.records for record in records),
        details=[_symbol_result(record, most) for record in records],
    )


def _bytes(record: RunSeriesRecord, most: int) -> int:
    """Return at least how many bytes a symbol's result takes that names so many windows and differences."""
    reason = answers.text_bytes(record.failure.message[: answers.MESSAGE_MOST]) if record.failure else 0
    differences = record.comparison.differences[:most] if record.comparison else ()
    lines = sum(2 * answers.WINDOW_BYTES + len(item.stored) + len(item.offered) for item in differences)
    return _SYMBOL_BYTES + reason + lines + len(record.missing[:most]) * answers.WINDOW_BYTES


def _symbol_result(record: RunSeriesRecord, most: int) -> answers.SymbolResult:
    """Return what became of a symbol, with so many windows and differences at most."""
    found = record.comparison
    failure, interval = record.failure, record.series.interval
    return answers.SymbolResult(
        symbol=record.symbol,
        interval=str(interval),
        status=record.outcome.value,
        wanted_candles=_wanted(record),
        records=record.records,
        requests=record.requests,
        retries=record.retries,
        missing=[answers.window(window, interval) for window in record.missing[:most]],
        missing_candles=record.missing_slots,
        error=replace(failure, message=failure.message[: answers.MESSAGE_MOST]) if failure else None,
        first=None if record.first is None else interval.format(record.first),
        last=None if record.last is None else interval.format(record.last),
        compared=found.compared if found else None,
        different=found.different if found else None,
        repaired=found.repaired if found else None,
        denied=found.denied if found else None,
        differences=[_difference(item, interval) for item in found.differences[:most]] if found else None,
    )


def _wanted(record: RunSeriesRecord) -> int | None:
    """Return how many candles the run came for: those not stored before, of a verification all; None where unknown."""
    if record.range is not None and record.comparison is not None:
        return record.range.slots
    if record.range is None or record.stored_before is None:  # nothing was found missing, or not looked for yet
        return 0 if record.outcome is Outcome.SKIPPED else None
    return record.range.slots - record.stored_before


def _difference(item: Difference, interval: Interval) -> answers.Difference:
    return answers.Difference(interval.format(item.slot), item.stored or None, item.offered or None)


def report_runs(*, limit: int, before: str | None, runs: RunStore) -> answers.Runs:
    """Return a page of the runs, newest first; ``next`` continues it."""
    ids = runs.runs(limit=limit, before=before)
    return answers.Runs([run_line(run) for run in runs.get_many(ids)], next=ids[-1] if len(ids) == limit else None)


def run_line(run: Run) -> answers.RunLine:
    """Return a run as a list shows it."""
    counts = run.counts or {}
    return answers.RunLine(
        run_id=run.run_id,
        mode=run.mode,
        state=run.state.value,
        start_date=dates.format_start(run.start_ms),
        end_date=dates.format_end(run.end_ms),
        created_at=dates.format_moment(run.created_at),
        ended_at=_moment(run.ended_at),
        end_reason=run.end_reason,
        total_cryptos=len(run.symbols),
        complete=counts.get("complete"),
        partial=counts.get("partial"),
        failed=counts.get("failed"),
        skipped=counts.get("skipped"),
        total_records=counts.get("records"),
        note=run.note,
    )


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else dates.format_moment(moment)
