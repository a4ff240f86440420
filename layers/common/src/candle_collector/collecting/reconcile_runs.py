"""The reconciler: sends again what never came back, closes what is used up or late, and ends what should have ended."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from candle_collector.collecting.close_symbols import (
    CANCELLED,
    ClosingPorts,
    close_run,
    close_symbols,
    open_records,
    past_deadline,
)
from candle_collector.collecting.end_run import end_run
from candle_collector.domain.run import MAX_RESENDS, Failure, Run, RunSeriesRecord, RunState
from candle_collector.domain.series_message import SeriesMessage
from candle_collector.errors import CollectorError, StaleTurnError
from candle_collector.ports import CollectQueue

log = logging.getLogger(__name__)

NEVER_STARTED = Failure("never_started", "the run was not written whole; start it again")


@dataclass(frozen=True)
class Reconciled:
    """What the reconciler did: how many symbols it sent again, and how many it closed."""

    resent: int = 0
    closed: int = 0


def reconcile_runs(ports: ClosingPorts, queue: CollectQueue, *, visibility: timedelta) -> Reconciled:
    """Look after every open run.

    Parameters
    ----------
    visibility
        How long the queue hides a message that a worker took. A symbol is sent again when nothing was heard of it for
        twice as long and no message waits in the queue: its own may be among them.

    Raises
    ------
    CollectorError
        Looking after a run failed; all others were looked after.
    """
    reconciled, failed = Reconciled(), None
    for run_id in ports.runs.open_runs():
        run = ports.runs.get(run_id)
        if run is None:  # the table's clean-up, or a person, deleted it
            log.error("an open run has no record", extra={"run_id": run_id})
            ports.leases.release(run_id, active=True)
            ports.runs.forget_open(run_id)
            continue
        try:
            done = _reconcile(run, ports, queue, visibility)
        except CollectorError as error:
            log.exception("a run could not be looked after", extra={"run_id": run_id})
            done, failed = Reconciled(), failed or error
        reconciled = Reconciled(reconciled.resent + done.resent, reconciled.closed + done.closed)
    if failed:
        raise failed
    return reconciled


def _reconcile(run: Run, ports: ClosingPorts, queue: CollectQueue, visibility: timedelta) -> Reconciled:
    now = ports.clock.now()
    if run.state is RunState.ENDED:  # whoever ended it died before its end was reported
        end_run(run, ports)
        return Reconciled()
    if run.state is RunState.CREATING and ports.leases.holder(now) == run.run_id:
        return Reconciled()  # it is being written
    failure = _reason_to_close(run, now)
    if failure:
        return _close_run(run, failure, ports)
    records = open_records(run, ports.runs)
    if not records:  # whoever ended the last symbol died before the run's end
        end_run(run, ports)
        return Reconciled()
    return _look_after(run, records, ports, queue, 2 * visibility)


def _reason_to_close(run: Run, now: datetime) -> Failure | None:
    """Return why a run is to be closed now; None where it may go on."""
    if run.state is RunState.CREATING:
        return NEVER_STARTED
    if now >= run.deadline:
        return past_deadline(run)
    return CANCELLED if run.end_reason else None


def _look_after(
    run: Run, records: Sequence[RunSeriesRecord], ports: ClosingPorts, queue: CollectQueue, silence: timedelta
) -> Reconciled:
    """Send symbols again of which nothing was heard for so long, and close those that were sent often enough."""
    now = ports.clock.now()
    silent = [record for record in records if now - _last_heard(record, run) >= silence]
    used_up = [record for record in silent if record.resends >= MAX_RESENDS]
    given_up = Failure(
        "gave_up", f"no worker finished it, though it was sent {MAX_RESENDS + 1} times. See why in the worker's log."
    )
    held = close_symbols(run, used_up, given_up, ports, closed_by="reconciler")
    closed = Reconciled(closed=len(used_up) - held)
    again = [record for record in silent if record.resends < MAX_RESENDS]
    if not again or queue.waiting() > 0:
        return closed
    return replace(closed, resent=_resend(again, ports, queue))


def _last_heard(record: RunSeriesRecord, run: Run) -> datetime:
    """Return when something was last done for a symbol, or will be: its message may be delayed."""
    return max(moment for moment in (run.created_at, record.updated_at, record.due_at) if moment is not None)


def _resend(records: Sequence[RunSeriesRecord], ports: ClosingPorts, queue: CollectQueue) -> int:
    """Send symbols again under a higher turn, so that an older message that turns up after all is dropped."""
    messages = []
    for record in records:
        try:
            raised = ports.runs.put_symbol(replace(record.requeued(), resends=record.resends + 1, due_at=None))
        except StaleTurnError:
            continue  # a worker has it after all
        messages.append(SeriesMessage(raised.run_id, raised.series, raised.turn))
    queue.enqueue(messages)
    log.info("sent again", extra={"series": [str(message.series) for message in messages]})
    return len(messages)


def _close_run(run: Run, failure: Failure, ports: ClosingPorts) -> Reconciled:
    try:
        run = ports.runs.stop(run.run_id, failure.message)
    except StaleTurnError:  # a worker was quicker
        return Reconciled()
    closed = close_run(run, failure, ports, closed_by="reconciler")
    log.warning("closed", extra={"run_id": run.run_id, "symbols": closed, "reason": failure.message})
    return Reconciled(closed=closed)
