"""Closing symbols from outside: for a run that is cancelled, is over its time, or whose workers never came back."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace

from candle_collector.collecting.end_run import leave_run
from candle_collector.collecting.series_range import stored_range
from candle_collector.domain import windows
from candle_collector.domain.coverage import Coverage
from candle_collector.domain.run import Failure, Run, SymbolRecord, judge, with_missing
from candle_collector.errors import CollectorError, StaleTurnError, StoredCandleDamagedError
from candle_collector.ports import CandleStore, Clock, EventBus, LeaseStore, RunStore, SeriesStore

log = logging.getLogger(__name__)

_CLOSE_TRIES = 5
"""Between two turns of a symbol its message goes through the queue, so that a second try nearly always is enough."""


@dataclass(frozen=True)
class ClosingPorts:
    """What closing needs: the records, and the coverage that says what is missing."""

    candles: CandleStore
    series: SeriesStore
    leases: LeaseStore
    runs: RunStore
    events: EventBus
    clock: Clock


def open_records(run: Run, runs: RunStore) -> list[SymbolRecord]:
    """Return the open records of a run, those that a dead trigger never wrote included."""
    written = {record.symbol: record for record in runs.symbols(run.run_id)}
    records = [
        written.get(item.symbol) or SymbolRecord(run.run_id, item.symbol, trading=item.trading) for item in run.symbols
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
        Who closes: ``reconciler`` or ``cancel``; a worker that completes the symbol later replaces the mark.
    reason
        Why the run ends with the last of them; None where the run ends by itself.
    """
    for record in records:
        if _close(run, record, failure, ports, closed_by=closed_by, insist=reason is not None):
            leave_run(record, ports, reason=reason)


def _close(
    run: Run, record: SymbolRecord, failure: Failure, ports: ClosingPorts, *, closed_by: str, insist: bool
) -> bool:
    """Close one symbol, and return whether it was open until now.

    Parameters
    ----------
    insist
        Whether it is closed as well if a worker has requeued it meanwhile: its run ends, and must not leave it open.

    Raises
    ------
    CollectorError
        It was requeued each time.
    """
    for _ in range(_CLOSE_TRIES):
        try:
            ports.runs.close_symbol(replace(_closed(run, record, failure, ports), closed_by=closed_by))
        except StaleTurnError:
            now = ports.runs.symbol(run.run_id, record.symbol)
            if not insist or now is None or not now.outcome.open:
                return False  # a worker was quicker
            record = now
        else:
            return True
    raise CollectorError(f"{record.symbol} was requeued {_CLOSE_TRIES} times while it was being closed; ask again")


def _closed(run: Run, record: SymbolRecord, failure: Failure, ports: ClosingPorts) -> SymbolRecord:
    """Return the record closed; where what is stored cannot be read, by what was written of it, so that runs end."""
    try:
        return _judged(run, record, failure, ports)
    except StoredCandleDamagedError as error:
        log.exception("closed without a look at what is stored", extra={"symbol": record.symbol})
        within = record.range or run.window
        outcome = judge(missing=(within,), records=record.records, worked=True)
        reported = replace(failure, message=f"{failure.message}; what is stored cannot be read: {error}")
        return with_missing(replace(record, range=within, outcome=outcome, failure=reported), (within,))


def _judged(run: Run, record: SymbolRecord, failure: Failure, ports: ClosingPorts) -> SymbolRecord:
    """Read what is stored now, and judge by it: the record of a worker that died may be behind."""
    series = ports.series.get(record.symbol)
    within = record.range or stored_range(run.mode, run.window, series, ports.candles)
    days = ports.candles.coverage(record.symbol, within)
    coverage = Coverage(days.stored, days.never_printed, series.absent, None if record.trading else series.delisted)
    missing = coverage.missing(within)
    stored = windows.count(windows.clip(days.stored, within))
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
