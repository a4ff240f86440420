"""The end of a run: when its last symbol has ended, once, and whoever subscribed is notified."""

from __future__ import annotations

import logging
from typing import Protocol

from candle_collector.domain.run import Run, RunState, SymbolRecord, count_outcomes
from candle_collector.ports import Clock, EventBus, LeaseStore, RunStore, SeriesStore

log = logging.getLogger(__name__)


class EndPorts(Protocol):
    """What ending a run needs."""

    @property
    def leases(self) -> LeaseStore:
        """The lease."""

    @property
    def runs(self) -> RunStore:
        """The runs."""

    @property
    def series(self) -> SeriesStore:
        """The series' records."""

    @property
    def events(self) -> EventBus:
        """Who is notified."""

    @property
    def clock(self) -> Clock:
        """Our clock."""


def leave_run(record: SymbolRecord, ports: EndPorts, *, reason: str | None = None) -> None:
    """Take an ended symbol out of the run, and end the run if it was the last. Repeating it changes nothing.

    Parameters
    ----------
    reason
        As `end_run` takes it.
    """
    run = ports.runs.leave(record.run_id, record.symbol)
    if not run.open:
        end_run(run, reason, ports)


def end_run(run: Run, reason: str | None, ports: EndPorts) -> None:
    """Write the run's counts and end, release the lease, and report it at least once.

    The run stays among the open ones until all that is done: a process that dies before leaves the rest to the
    reconciler, which finds it ended and reports it, perhaps again.

    Parameters
    ----------
    reason
        Why the run ended before its symbols did by themselves; None where they did.
    """
    symbols = ports.runs.symbols(run.run_id)
    counts = count_outcomes(symbol.outcome for symbol in symbols)
    counts["records"] = sum(symbol.records for symbol in symbols)
    first = ports.runs.end(run.run_id, at=ports.clock.now(), counts=counts, reason=reason)
    ports.leases.release(run.run_id)
    if first or run.state is RunState.ENDED:
        latest = max((series.last for series in ports.series.all() if series.last is not None), default=None)
        ports.events.collection_ended(run, counts, latest)
        log.info("run ended", extra={"run_id": run.run_id, "mode": run.mode, "counts": counts})
    ports.runs.forget_open(run.run_id)
