"""Start a run: choose its symbols, write it down whole, and only then send the work out."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from candle_collector.collecting.estimate_run import estimated_seconds
from candle_collector.collecting.keep_listings import keep_listings
from candle_collector.collecting.run_scope import (
    RunDefaults,
    RunPorts,
    RunRequest,
    RunScope,
    check_request,
    choose,
)
from candle_collector.domain import dates
from candle_collector.domain.ids import new_run_id
from candle_collector.domain.pace import time_allowed
from candle_collector.domain.run import Run, RunSeriesRecord
from candle_collector.domain.series_message import SeriesMessage
from candle_collector.domain.universe import ranking_of
from candle_collector.errors import (
    CollectionInProgressError,
    CollectorError,
    CreationTooSlowError,
    RunEndedError,
    StaleTurnError,
)
from candle_collector.ports import Clock, find_run

log = logging.getLogger(__name__)

_TOO_SLOW = "writing the run took longer than its lease; try again"

WRITE_TIME = timedelta(seconds=20)
"""What a batch of symbols may take to be written; none is begun so shortly before the lease ends."""

CREATION_LEASE = timedelta(seconds=60)
"""How long a run may take to be written; the lease of a trigger that dies before ends by this."""


def start_run(request: RunRequest, defaults: RunDefaults, ports: RunPorts) -> Run | None:
    """Start a run and return it; None where the request's occurrence has started one already.

    Raises
    ------
    CollectionInProgressError
        Another run is active.
    RefusedError
        The range or a symbol is not valid, or the exchange does not answer; nothing is started.
    """
    check_request(request, defaults, ports.exchange.market, ports.clock.now())
    if request.occurrence and ports.runs.occurred(request.occurrence):
        return None
    with lease_for_new_run(ports) as (run_id, now):
        if request.occurrence and ports.runs.occurred(request.occurrence):  # by a run that ended a moment ago
            ports.leases.release(run_id)
            return None
        scope = choose(request, defaults, ports)
        day = dates.format_ms(scope.closed_ms)[:10]
        for ranking in scope.rankings:
            if ranking.ranked:
                ports.universes.put(day, ranking.quote_asset, ranking_of(ranking), run_id=run_id)
        run = new_run(run_id, now, request, scope, defaults, ports=ports)
        records = [RunSeriesRecord(run_id, item.series, trading=item.trading) for item in run.series]
        if not write_run(run, records, ports, occurrence=request.occurrence):
            return None
    send_messages(run, ports)
    keep_listings(scope.listed.listings, scope.symbols, ports.listings)
    return run


@contextmanager
def lease_for_new_run(ports: RunPorts) -> Iterator[tuple[str, datetime]]:
    """Take the lease for a new run, and give its id and the time; release the lease if the run is not written.

    The lease is short at first, so that it ends by itself if the trigger dies.

    Raises
    ------
    CollectionInProgressError
        Another run has the lease.
    """
    now = ports.clock.now()
    run_id = new_run_id(now)
    holder = ports.leases.take(run_id, now=now, expires=now + CREATION_LEASE)
    if holder is not None:
        raise CollectionInProgressError(holder)
    try:
        yield run_id, now
    except BaseException:
        ports.leases.release(run_id)
        raise


def _while_leased(records: Sequence[RunSeriesRecord], until: datetime, clock: Clock) -> Iterator[RunSeriesRecord]:
    """Yield records as long as the lease of a run that is being written lasts: afterwards the reconciler closes it."""
    for record in records:
        if clock.now() >= until - WRITE_TIME:
            raise CreationTooSlowError(_TOO_SLOW)
        yield record


def new_run(
    run_id: str, now: datetime, request: RunRequest, scope: RunScope, defaults: RunDefaults, *, ports: RunPorts
) -> Run:
    """Return a run over a scope, still to be written; its deadline grows with what it has to do."""
    estimate = math.ceil(estimated_seconds(request, defaults, scope, ports))
    return Run(
        run_id=run_id,
        mode=request.mode,
        start_ms=scope.start_ms,
        end_ms=scope.end_ms,
        closed_ms=scope.closed_ms,
        series=scope.series,
        batch_size=defaults.batch_size,
        created_at=now,
        deadline=now + time_allowed(estimate, defaults.deadline),
        estimated_seconds=estimate,
        recheck=request.recheck,
        repair=request.repair,
        sample=request.sample,
        weight_limit=scope.listed.weight_limit,
        weight_seconds=scope.listed.weight_seconds,
        clock_offset_ms=scope.listed.clock_offset_ms,
        open=frozenset(str(item.series) for item in scope.series),
        note=scope.note,
    )


def write_run(run: Run, records: Sequence[RunSeriesRecord], ports: RunPorts, *, occurrence: str | None = None) -> bool:
    """Write a run and its symbols, and mark it ready to be worked on; False where its occurrence has started another.

    Raises
    ------
    CreationTooSlowError
        The lease ended before.
    RunEndedError
        It was cancelled meanwhile.
    """
    ports.runs.create(run, _while_leased(records, run.created_at + CREATION_LEASE, ports.clock))
    try:
        ports.runs.activate(run.run_id, ports.clock.now(), occurrence=occurrence)
    except StaleTurnError:
        if find_run(run.run_id, ports.runs).end_reason:
            raise RunEndedError(run.run_id) from None
        if occurrence and ports.runs.occurred(occurrence):
            ports.leases.release(run.run_id)
            return False
        raise CreationTooSlowError(_TOO_SLOW) from None
    return True


def send_messages(run: Run, ports: RunPorts) -> None:
    """Send a message for each series. What is not sent stays pending, and the reconciler sends it."""
    try:
        ports.queue.enqueue([SeriesMessage(run.run_id, item.series, 1) for item in run.series])
    except CollectorError:
        log.exception("not all messages were sent; the reconciler sends the rest", extra={"run_id": run.run_id})
