"""What is put in order at a start, so that a run that a killed process left goes on at once."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from candle_collector.domain.ids import is_run_id
from candle_collector.domain.run import Run, RunSeriesRecord, RunState
from candle_collector.domain.series_message import SeriesMessage, read_message
from candle_collector.errors import StaleTurnError
from candle_collector.ports import Clock, LeaseStore, MessageQueue, ReceivedMessage, RunStore

log = logging.getLogger(__name__)

_MOST_DELAY_SECONDS = 900


class RecoveryPorts(Protocol):
    """What recovery needs of the container."""

    @property
    def runs(self) -> RunStore:
        """The runs."""

    @property
    def leases(self) -> LeaseStore:
        """The lease."""

    @property
    def clock(self) -> Clock:
        """Our clock."""


@dataclass(frozen=True)
class Recovered:
    """What was found: messages that a dead process hid, symbols that it held, and symbols that are sent again."""

    hidden: int = 0
    held: int = 0
    sent: int = 0


def recover(ports: RecoveryPorts, queue: MessageQueue) -> Recovered:
    """Undo the holds of a dead process: hidden messages, claims on symbols, the lease of a run that was being written.

    It is sound because the caller has the runtime lock, which the system releases only at the death of its holder: no
    worker is alive that could hold a message or a claim. If one were, nothing would be lost: freeing a claim writes the
    record under a new revision, and a worker looks at its claim before it writes candles and at the record's revision
    with every step, so it would stop with a `StaleTurnError`.

    A claimed symbol gets the next turn, so that its old message, which may have been received several times already,
    is dropped and does not become a dead letter. Every other open symbol is sent as it is, because its message may have
    been lost between two steps; a second one of the same turn does nothing. A symbol that kills its worker each time is
    ended by the deadline of its run.
    """
    now = ports.clock.now()
    hidden, held, sent = queue.make_all_visible(), 0, 0
    _release_lease(ports, now)
    for run_id in ports.runs.open_runs():
        run = ports.runs.get(run_id)
        if run is None or run.state is not RunState.ACTIVE:
            continue  # the reconciler ends it
        records = [record for record in ports.runs.symbols(run_id) if record.outcome.open]
        held += sum(record.is_claimed(now) for record in records)
        sent += _send(run, [_free(record, ports.runs, now) for record in records], queue, now)
    found = Recovered(hidden, held, sent)
    if found != Recovered():
        log.info("an open run goes on", extra=vars(found))
    return found


def send_again(ports: RecoveryPorts, queue: MessageQueue, message: ReceivedMessage) -> None:
    """Let another turn do what the turn of a message did not end, as the database failed under it or its process died.

    The claim of that turn goes with it: who calls this is its worker, or the server for a worker that is dead. Where
    somebody else has the symbol by now, it is let be.

    Raises
    ------
    CollectorError
        The database fails still; doing it again is right, however far it came.
    """
    try:
        failed = read_message(message.body)
    except ValueError:
        return  # the database is not what it lacks
    run, record = ports.runs.get(failed.run_id), ports.runs.symbol(failed.run_id, failed.series)
    if run is not None and record is not None and run.state is RunState.ACTIVE:
        if record.outcome.open and record.turn == failed.turn:
            record = _requeue(record, ports.runs)
        _send(run, [record], queue, ports.clock.now())
    queue.delete(message.receipt)


def _release_lease(ports: RecoveryPorts, now: datetime) -> None:
    """Release the lease of a run that was not written whole, or not at all: no other could start until it is over.

    That of an import stays, which is a process of its own.
    """
    holder = ports.leases.holder(now)
    if holder is not None and is_run_id(holder):
        run = ports.runs.get(holder)
        if run is None or run.state is RunState.CREATING:
            ports.leases.release(holder)


def _free(record: RunSeriesRecord, runs: RunStore, now: datetime) -> RunSeriesRecord | None:
    return _requeue(record, runs) if record.is_claimed(now) else record


def _requeue(record: RunSeriesRecord, runs: RunStore) -> RunSeriesRecord | None:
    try:
        return runs.put_symbol(record.requeued())
    except StaleTurnError:
        log.warning("somebody works on a symbol", extra={"run_id": record.run_id, "symbol": record.symbol})
        return None


def _send(run: Run, records: Iterable[RunSeriesRecord | None], queue: MessageQueue, now: datetime) -> int:
    """Send the symbols' messages, those that wait for the exchange when they are due; return how many."""
    by_delay: dict[int, list[SeriesMessage]] = {}
    for record in records:
        if record is not None:
            left = (record.due_at - now).total_seconds() if record.due_at else 0
            delay = min(_MOST_DELAY_SECONDS, max(0, math.ceil(left)))
            by_delay.setdefault(delay, []).append(SeriesMessage(run.run_id, record.series, record.turn))
    for delay, messages in by_delay.items():
        queue.enqueue(messages, delay_seconds=delay)
    return sum(map(len, by_delay.values()))
