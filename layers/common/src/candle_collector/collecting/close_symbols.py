"""Closing symbols from outside: for a run that is cancelled, is over its time, or whose workers never came back."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from candle_collector.collecting.end_run import end_run, end_symbol, leave_run
from candle_collector.collecting.series_range import stored_range
from candle_collector.domain import windows
from candle_collector.domain.comparison import Comparison
from candle_collector.domain.failed_window import left, renew
from candle_collector.domain.run import Failure, Run, RunSeriesRecord, RunState, judge, with_missing
from candle_collector.domain.series import Series
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.verdict import explain, judge_comparison
from candle_collector.domain.windows import Window
from candle_collector.errors import CollectorError, StaleTurnError, StoredCandleDamagedError
from candle_collector.ports import CandleStore, Clock, EventBus, LeaseStore, Metrics, RunStore, SeriesStore, find_run

log = logging.getLogger(__name__)

CANCELLED = Failure("cancelled", "the run was cancelled; start another for the rest")

_CLOSE_TRIES = 5
"""Between two turns of a symbol its message goes through the queue, so that a second try nearly always is enough."""

_MANY_SYMBOLS = 10
"""From so many on, the series' records are read all at once: a call closes 500 symbols within its 29 s."""


@dataclass(frozen=True)
class ClosingPorts:
    """What closing needs: the records, and the coverage that says what is missing."""

    candles: CandleStore
    series: SeriesStore
    leases: LeaseStore
    runs: RunStore
    events: EventBus
    metrics: Metrics
    clock: Clock


def past_deadline(run: Run) -> Failure:
    """Return why a run that is over its time is closed."""
    return Failure(
        "deadline", f"the run was over its time, {run.deadline:%Y-%m-%dT%H:%M:%SZ}; start another for the rest"
    )


def open_records(run: Run, runs: RunStore) -> list[RunSeriesRecord]:
    """Return the open records of a run, those that a dead trigger never wrote included."""
    written = {record.series: record for record in runs.symbols(run.run_id)}
    records = [
        written.get(item.series) or RunSeriesRecord(run.run_id, item.series, trading=item.trading)
        for item in run.series
    ]
    return [record for record in records if record.outcome.open]


def close_run(run: Run, failure: Failure, ports: ClosingPorts, *, closed_by: str) -> int:
    """Close what is open of a run that was stopped, end it if no worker holds a symbol, and return how many closed."""
    records = open_records(run, ports.runs)
    held = close_symbols(run, records, failure, ports, closed_by=closed_by)
    run = find_run(run.run_id, ports.runs)
    if not held and run.state is not RunState.ENDED:
        end_run(run, ports)
    return len(records) - held


def close_symbols(
    run: Run, records: Sequence[RunSeriesRecord], failure: Failure, ports: ClosingPorts, *, closed_by: str
) -> int:
    """Give open symbols the outcome that what is stored of them deserves, and return how many workers still hold.

    A symbol that a worker holds is not closed: the worker is asked to stop after the answer in hand, and writes the
    outcome itself, so that the outcome counts all that was stored. One that a dead worker held is closed when its
    claim is over.

    Parameters
    ----------
    closed_by
        Who closes: ``reconciler`` or ``cancel``.
    """
    known: dict[Series, SeriesRecord] = {}
    if len(records) >= _MANY_SYMBOLS:
        known = {record.series: SeriesRecord(record.series) for record in records}
        known |= {item.series: item for item in ports.series.all()}
    closed: list[RunSeriesRecord] = []
    held = 0
    try:
        for record in records:
            ended = _close(run, record, known.get(record.series), failure, ports, closed_by=closed_by)
            held += ended is None
            closed += [ended] if ended else []
    finally:
        if closed:
            leave_run(closed, ports)
    return held


def _close(
    run: Run,
    record: RunSeriesRecord,
    noted: SeriesRecord | None,
    failure: Failure,
    ports: ClosingPorts,
    *,
    closed_by: str,
) -> RunSeriesRecord | None:
    """Return the record of one symbol, closed by us or ended by its worker meanwhile; None where a worker holds it.

    Parameters
    ----------
    noted
        The series' record, if it was read after the symbol's: a worker that changes it changes the symbol's before.

    Raises
    ------
    CollectorError
        It changed each time.
    """
    for _ in range(_CLOSE_TRIES):
        if record.is_claimed(ports.clock.now()):
            ports.runs.stop_symbol(run.run_id, record.series)
            return None
        try:
            closed = _closed(run, record, noted or ports.series.get(record.series), failure, ports)
            return end_symbol(closed.ended(closed.outcome, closed_by=closed_by), ports)
        except StaleTurnError:
            noted = None
            record = ports.runs.symbol(run.run_id, record.series) or record
            if not record.outcome.open:  # a worker was quicker
                return record
    raise CollectorError(f"{record.symbol} was requeued {_CLOSE_TRIES} times while it was being closed; ask again")


def _closed(
    run: Run, record: RunSeriesRecord, noted: SeriesRecord, failure: Failure, ports: ClosingPorts
) -> RunSeriesRecord:
    """Return the record closed; where what is stored cannot be read, by what was written of it, so that runs end."""
    try:
        return _judged(run, record, noted, failure, ports)
    except StoredCandleDamagedError as error:
        log.exception("closed without a look at what is stored", extra={"symbol": record.symbol})
        within = record.range or run.window(record.series.interval)
        outcome = judge(missing=(within,), records=record.records, worked=True)
        reported = replace(failure, message=f"{failure.message}; what is stored cannot be read: {error}")
        return with_missing(replace(record, range=within, outcome=outcome, failure=reported), (within,))


def _compared(run: Run, record: RunSeriesRecord, within: Window, failure: Failure) -> RunSeriesRecord:
    """Return a verification's record closed, by what it says: it lacks at most the last window of a dead worker."""
    left = Window(within.start if record.asked_to is None else record.asked_to, within.end)
    missing = windows.union([*record.given_up, *windows.clip((left,), within)])
    comparison = record.comparison or Comparison()
    reported = (record.failure if failure.kind == "gave_up" else None) or failure
    closed = replace(
        record,
        comparison=comparison,
        outcome=judge_comparison(comparison, missing),
        failure=explain(comparison, missing, reported, record.series.interval, repair=run.repair),
    )
    return with_missing(closed, missing)


def _judged(
    run: Run, record: RunSeriesRecord, noted: SeriesRecord, failure: Failure, ports: ClosingPorts
) -> RunSeriesRecord:
    """Read what is stored now, and judge by it: the record of a worker that died may be behind.

    What the run leaves missing is noted on the series' record, so that a later run does not hide it.
    """
    within = record.range or stored_range(run.mode, run.window(record.series.interval), noted, ports.candles)
    if run.mode == "verify":
        return _compared(run, replace(record, range=within, first=noted.first, last=noted.last), within, failure)
    days = ports.candles.coverage(record.series, within)
    listed = replace(noted, delisted=None) if record.trading else noted
    unknown = listed.coverage(days.stored, days.never_printed).missing(within)
    failed = renew(noted.failed_windows, left(unknown, failure.message), unknown, within)
    if failed != noted.failed_windows:
        noted = ports.series.put(replace(noted, failed_windows=failed))
    missing = windows.union([*unknown, *windows.subtract(record.rejected, days.stored)])
    stored = windows.count(windows.clip(days.stored, within))
    records = 0 if record.stored_before is None else stored - record.stored_before
    outcome = judge(missing=missing, records=records, worked=record.stored_before is not None)
    closed = replace(
        record,
        range=within,
        records=records,
        outcome=outcome,
        failure=(record.failure if failure.kind == "gave_up" else None) or failure if missing else None,
        first=noted.first,
        last=noted.last,
    )
    return with_missing(closed, missing)
