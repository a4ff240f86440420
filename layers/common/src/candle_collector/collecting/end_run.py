"""The end of a run: when its last symbol has ended, once, and whoever subscribed is notified."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from candle_collector.domain.run import Run, RunSeriesRecord, RunState, count_outcomes, outcomes_of_symbols
from candle_collector.errors import CollectorError
from candle_collector.ports import Clock, EventBus, Metrics, RunStore, SeriesStore, find_run

log = logging.getLogger(__name__)


class EndPorts(Protocol):
    """What ending a run needs."""

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
    def metrics(self) -> Metrics:
        """Where figures go."""

    @property
    def clock(self) -> Clock:
        """Our clock."""


def end_symbol(record: RunSeriesRecord, ports: EndPorts) -> RunSeriesRecord:
    """Write a symbol's outcome, report its figures, and return the record as it was written.

    Raises
    ------
    StaleTurnError
        Another process was quicker: it reports them.
    """
    ended = ports.runs.put_symbol(record)
    ports.metrics.symbol_ended(ended)
    return ended


def leave_run(records: Sequence[RunSeriesRecord], ports: EndPorts) -> None:
    """Take ended symbols of a run out of it, and end the run if they were the last. Repeating it changes nothing."""
    run = ports.runs.leave(records[0].run_id, *(record.series for record in records))
    if not run.open and run.state is not RunState.ENDED:
        end_run(run, ports)


def end_run(run: Run, ports: EndPorts) -> None:
    """Write the run's counts and end, and report it at least once. All its symbols have ended.

    The run stays among the open ones until its end is reported: a process that dies before leaves that to the
    reconciler, which finds the run ended and reports it, perhaps again. So does one that meets a bus that fails.
    """
    if run.state is not RunState.ENDED:
        symbols = ports.runs.symbols(run.run_id)
        counts = count_outcomes(outcomes_of_symbols(symbols))
        counts["records"] = sum(symbol.records for symbol in symbols)
        if not ports.runs.end(run.run_id, at=ports.clock.now(), counts=counts):
            return  # whoever ended it reports it
        ports.metrics.run_ended(run.run_id, counts, sum(symbol.missing_slots for symbol in symbols))
    ended = find_run(run.run_id, ports.runs)
    counts = ended.counts or {}
    latest = max(
        (item.series.interval.open_ms(item.last) for item in ports.series.all() if item.last is not None), default=None
    )
    try:
        ports.events.collection_ended(ended, counts, latest)
    except CollectorError:
        log.exception("the end of the run was not reported; it is tried again", extra={"run_id": ended.run_id})
        return
    log.info("run ended", extra={"run_id": ended.run_id, "mode": ended.mode, "counts": counts})
    ports.runs.forget_open(ended.run_id)
