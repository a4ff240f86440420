"""What a worker needs for a turn."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from candle_collector.ports import (
    CandleStore,
    Clock,
    CollectQueue,
    EventBus,
    Exchange,
    Metrics,
    RateLimiter,
    RunStore,
    SeriesStore,
)


@dataclass(frozen=True)
class WorkerPorts:
    """What a worker needs for a turn.

    Attributes
    ----------
    until
        When the turn must have ended, in seconds of `monotonic`.
    claim_seconds
        How long a claim holds: longer than a worker lives, shorter than its message stays hidden.
    weight_share_percent
        How much of the exchange's limit all workers together use.
    prefetch
        A thread for the next request while an answer is stored; without one they follow each other.
    """

    exchange: Exchange
    candles: CandleStore
    series: SeriesStore
    runs: RunStore
    queue: CollectQueue
    rate_limiter: RateLimiter
    events: EventBus
    metrics: Metrics
    clock: Clock
    monotonic: Callable[[], float]
    until: float
    claim_seconds: float
    weight_share_percent: int
    prefetch: Executor | None = None
