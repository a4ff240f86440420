"""Closing symbols from outside: for a run that is cancelled, is over its time, or whose workers never came back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from candle_collector.domain import window as w
from candle_collector.domain.coverage import Coverage
from candle_collector.domain.run import Failure, Run, SymbolRecord, judge, with_missing
from candle_collector.end_run import leave_run
from candle_collector.errors import StaleTurnError
from candle_collector.ports import CandleStore, Clock, EventBus, RunStore, SeriesStore
from candle_collector.series_range import stored_range


@dataclass(frozen=True)
class ClosingPorts:
    """What closing needs: the records, and the coverage that tells what is missing."""

    candles: CandleStore
    series: SeriesStore
    runs: RunStore
    events: EventBus
    clock: Clock


def open_records(run: Run, runs: RunStore) -> list[SymbolRecord]:
    """Return the open records of a run, those that a dead trigger never wrote included."""
    written = {record.symbol: record for record in runs.symbols(run.run_id)}
    records = [
        written.get(one.symbol) or SymbolRecord(run.run_id, one.symbol, trading=one.trading) for one in run.symbols
    ]
    return [record for record in records if record.outcome.open]


def close_symbols(
    run: Run,
    records: Iterable[SymbolRecord],
    failure: Failure,
    ports: ClosingPorts,
    *,
    closed_by: str,
    reason: str | None,
) -> None:
    """Give open symbols the outcome that what is stored of them deserves, with the reason and what is missing.

    Parameters
    ----------
    closed_by
        Who closes: ``janitor`` or ``cancel``; a worker that completes the symbol later replaces the mark.
    reason
        Why the run ends with the last of them; None where the run ends by itself.
    """
    for record in records:
        closed = _judged(run, record, failure, ports)
        try:
            ports.runs.close_symbol(replace(closed, closed_by=closed_by))
        except StaleTurnError:
            continue  # a worker was quicker
        leave_run(record, runs=ports.runs, series=ports.series, events=ports.events, clock=ports.clock, reason=reason)


def _judged(run: Run, record: SymbolRecord, failure: Failure, ports: ClosingPorts) -> SymbolRecord:
    """Read what is stored now, and judge by it: the record of a worker that died may be behind."""
    series = ports.series.get(record.symbol)
    within = record.range or stored_range(run.mode, run.window, series, ports.candles)
    days = ports.candles.coverage(record.symbol, within)
    coverage = Coverage(days.stored, days.never_printed, series.absent, None if record.trading else series.delisted)
    missing = coverage.missing(within)
    stored = w.count(w.clip(days.stored, within))
    records = 0 if record.stored_before is None else stored - record.stored_before
    outcome = judge(missing=missing, records=records, worked=record.stored_before is not None)
    closed = replace(
        record,
        range=within,
        records=records,
        outcome=outcome,
        failure=(record.failure if failure.kind == "gave_up" else None) or failure if missing else None,
        first=series.first,
        last=series.last,
    )
    return with_missing(closed, missing)
