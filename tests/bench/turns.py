"""A run of one symbol or some, and what a worker's turn at it takes, for measurements without a queue."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from candle_collector.adapters.no_metrics import NoMetrics
from candle_collector.collecting.worker_ports import WorkerPorts
from candle_collector.domain.run import Run, RunSeries, RunSeriesRecord, RunState
from candle_collector.domain.weight_limit import WeightLimit
from candle_collector.domain.windows import Window
from candle_collector.ports import CandleStore, Exchange, LeaseStore, RateLimiter, RunStore, SeriesStore

from tests.fakes.clock import FakeClock
from tests.fakes.queue import FakeQueue
from tests.fakes.rate_limiter import FakeEventBus
from tests.hourly import hourly, times_of

RUN_ID = "bench"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
BATCH = 1000
"""Candles in a batch: Binance's most, and the collector's default."""

UNLIMITED = WeightLimit(10**6, 60)

_OTHER = "OTHERUSDT"
"""A symbol that nobody works on, so that the run does not end."""


def begin_run(
    runs: RunStore, leases: LeaseStore, symbols: Sequence[str], window: Window, limit: WeightLimit = UNLIMITED
) -> None:
    """Write an active run that has these symbols to work on, each at its first turn."""
    listed = [hourly(symbol) for symbol in (*symbols, _OTHER)]
    times = times_of(window)
    run = Run(
        run_id=RUN_ID,
        mode="backward",
        start_ms=times.start,
        end_ms=times.end,
        closed_ms=times.end,
        series=tuple(map(RunSeries, listed)),
        batch_size=BATCH,
        created_at=NOW,
        deadline=NOW + timedelta(hours=5),
        weight_limit=limit.weight,
        weight_seconds=limit.seconds,
        state=RunState.CREATING,
        open=frozenset(map(str, listed)),
    )
    leases.take(RUN_ID, now=NOW, expires=NOW + timedelta(minutes=1))
    runs.create(run, [RunSeriesRecord(RUN_ID, series) for series in listed])
    runs.activate(RUN_ID, NOW)


def turn_with(
    *, exchange: Exchange, candles: CandleStore, series: SeriesStore, runs: RunStore, rate_limiter: RateLimiter
) -> WorkerPorts:
    """Return what a turn works with; its clock stands still, its time is not bounded."""
    clock = FakeClock(NOW)
    return WorkerPorts(
        exchange=exchange,
        candles=candles,
        series=series,
        runs=runs,
        queue=FakeQueue(clock),
        rate_limiter=rate_limiter,
        events=FakeEventBus(),
        metrics=NoMetrics(),
        clock=clock,
        monotonic=time.monotonic,
        until=time.monotonic() + 3600,
        claim_seconds=90,
        weight_share_percent=80,
    )
