"""The reconciler: sends again what never came back, closes what is used up or late, and ends what should have ended."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from candle_collector.collecting.close_symbols import ClosingPorts, close_symbols, open_records
from candle_collector.collecting.end_run import end_run
from candle_collector.domain.run import MAX_RESENDS, Failure, Run, RunState, SymbolRecord
from candle_collector.domain.symbol_message import SymbolMessage
from candle_collector.errors import StaleTurnError
from candle_collector.ports import CollectQueue

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reconciled:
    """What the reconciler did.

    Attributes
    ----------
    oldest_seconds
        The age of the oldest run that is still open; 0 where none is.
    """

    resent: int = 0
    closed: int = 0
    oldest_seconds: float = 0


def reconcile_runs(ports: ClosingPorts, queue: CollectQueue, *, visibility: timedelta) -> Reconciled:
    """Look after every open run.

    Parameters
    ----------
    visibility
        How long the queue hides a message that a worker took. A symbol is sent again when nothing was heard of it for
        twice as long and no message waits in the queue: its own may be among them.
    """
    reconciled = Reconciled()
    for run_id in ports.runs.open_runs():
        run = ports.runs.get(run_id)
        if run is None:
            log.error("an open run has no record", extra={"run_id": run_id})
            continue
        done = _reconcile(run, ports, queue, visibility)
        age = (ports.clock.now() - run.created_at).total_seconds()
        reconciled = Reconciled(
            reconciled.resent + done.resent, reconciled.closed + done.closed, max(reconciled.oldest_seconds, age)
        )
    return reconciled


def _reconcile(run: Run, ports: ClosingPorts, queue: CollectQueue, visibility: timedelta) -> Reconciled:
    now = ports.clock.now()
    records = open_records(run, ports.runs)
    if run.state is RunState.CREATING:
        if ports.leases.holder(now) == run.run_id:
            return Reconciled()  # it is being written
        return _close(run, records, Failure("never_started", "the run was not written whole; start it again"), ports)
    if now >= run.deadline:
        reason = f"the run was over its time, {run.deadline:%Y-%m-%dT%H:%M:%SZ}; start another for the rest"
        return _close(run, records, Failure("deadline", reason), ports)
    if not records:
        _end(run, None if run.state is RunState.ENDED else "its last step was lost", ports)
        return Reconciled()
    silent = [record for record in records if now - _last_heard(record, run) >= 2 * visibility]
    used_up = [record for record in silent if record.resends >= MAX_RESENDS]
    given_up = Failure("gave_up", f"no worker finished it, though it was sent {MAX_RESENDS + 1} times")
    closed = _close(run, used_up, given_up, ports) if used_up else Reconciled()
    again = [record for record in silent if record.resends < MAX_RESENDS]
    if not again or queue.waiting() > 0:
        return closed
    return replace(closed, resent=_resend(again, ports, queue))


def _last_heard(record: SymbolRecord, run: Run) -> datetime:
    """Return when something was last done for a symbol, or will be: its message may be delayed."""
    return max(moment for moment in (run.created_at, record.updated_at, record.due_at) if moment is not None)


def _resend(records: Sequence[SymbolRecord], ports: ClosingPorts, queue: CollectQueue) -> int:
    """Send symbols again under a higher turn, so that an older message that turns up after all is dropped."""
    messages = []
    for record in records:
        try:
            raised = ports.runs.save(replace(record, resends=record.resends + 1, due_at=None), raise_turn=True)
        except StaleTurnError:
            continue  # a worker has it after all
        messages.append(SymbolMessage(raised.run_id, raised.symbol, raised.turn))
    queue.enqueue(messages)
    log.info("sent again", extra={"symbols": [message.symbol for message in messages]})
    return len(messages)


def _close(run: Run, records: Sequence[SymbolRecord], failure: Failure, ports: ClosingPorts) -> Reconciled:
    reason = None if failure.kind == "gave_up" else failure.message
    close_symbols(run, records, failure, ports, closed_by="reconciler", reason=reason)
    log.warning("closed", extra={"run_id": run.run_id, "symbols": len(records), "reason": failure.message})
    if reason is not None:
        _end(run, reason, ports)
    return Reconciled(closed=len(records))


def _end(run: Run, reason: str | None, ports: ClosingPorts) -> None:
    end_run(run, reason, ports)
