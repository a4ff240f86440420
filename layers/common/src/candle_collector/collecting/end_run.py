"""The end of a run: when its last symbol has ended, once, told to whoever subscribed."""

from __future__ import annotations

import logging

from candle_collector.domain.run import Run, RunState, SymbolRecord, count_outcomes
from candle_collector.ports import Clock, EventBus, RunStore, SeriesStore

log = logging.getLogger(__name__)


def leave_run(
    record: SymbolRecord,
    *,
    runs: RunStore,
    series: SeriesStore,
    events: EventBus,
    clock: Clock,
    reason: str | None = None,
) -> None:
    """Take an ended symbol out of the run, and end the run if it was the last. Repeating it changes nothing.

    Parameters
    ----------
    reason
        As `end_run` takes it.
    """
    run = runs.leave(record.run_id, record.symbol)
    if not run.open:
        end_run(run, reason, runs=runs, series=series, events=events, clock=clock)


def end_run(
    run: Run, reason: str | None, *, runs: RunStore, series: SeriesStore, events: EventBus, clock: Clock
) -> None:
    """Write the run's counts and end, give the lease back, and tell it at least once.

    The run stays among the open ones until all that is done: a process that dies before leaves the rest to the
    reconciler, who finds it ended and reports it, perhaps again.

    Parameters
    ----------
    reason
        Why the run ended before its symbols did by themselves; None where they did.
    """
    symbols = runs.symbols(run.run_id)
    counts = count_outcomes(symbol.outcome for symbol in symbols)
    counts["records"] = sum(symbol.records for symbol in symbols)
    first = runs.end(run.run_id, at=clock.now(), counts=counts, reason=reason)
    runs.release_lease(run.run_id)
    if first or run.state is RunState.ENDED:
        latest = max((one.last for one in series.all() if one.last is not None), default=None)
        events.collection_ended(run, counts, latest)
        log.info("run ended", extra={"run_id": run.run_id, "mode": run.mode, "counts": counts})
    runs.forget_open(run.run_id)
