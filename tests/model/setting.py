"""What is simulated: a job, and the place where it runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from candle_collector.adapters.binance.market import BINANCE
from candle_collector.domain.plan import window_slots
from candle_collector.domain.windows import Window

from tests.hourly import HOUR
from tests.model.figures import Cpu, Sizes, figures
from tests.model.published import (
    BATCH_WRITE,
    CALL,
    DELIVERY,
    EXCHANGE,
    FULL_CORE_MB,
    POLLERS_A_SECOND,
    POLLERS_AT_FIRST,
    SANDBOX,
    Latency,
)
from tests.plans import spans_of

BATCH = 1000
"""Candles asked for at a time: Binance's most, and `BatchSize`'s default."""


@dataclass(frozen=True)
class Job:
    """So many symbols, each with so many hours that are missing, without a gap.

    Attributes
    ----------
    first
        The first of them; 0 is with what a block begins.
    """

    symbols: int
    hours: int
    first: int = 0

    @property
    def spans(self) -> list[Window]:
        """The hours of each batch of a symbol, as the collector plans them."""
        missing = Window(self.first, self.first + self.hours)
        return list(spans_of((missing,), window_slots("backward", BATCH, BINANCE), HOUR.block_slots))

    @property
    def requests(self) -> int:
        """How many requests it takes."""
        return self.symbols * len(self.spans)


@dataclass(frozen=True)
class Latencies:
    """How long others take to answer."""

    call: Latency = CALL
    batch_write: Latency = BATCH_WRITE
    exchange: Latency = EXCHANGE
    delivery: Latency = DELIVERY
    sandbox: Latency = SANDBOX


@dataclass(frozen=True)
class Place:
    """Where workers run, and what they share.

    Attributes
    ----------
    workers
        The most turns at a time.
    memory_mb
        A function's memory, which gives it its part of a core.
    weight, weight_share, weight_seconds, request_weight
        The exchange's limit in a period, how much of it is used, and what a request takes.
    turn_seconds
        How long a turn may last: `WorkerTimeout`.
    partitions
        Of the candle table; 0 for one that takes everything.
    starts_at
        Seconds of the exchange's minute at which the run starts.
    """

    workers: int
    memory_mb: int = 512
    latencies: Latencies = field(default_factory=Latencies)
    cpu: Cpu = field(default_factory=lambda: figures().cpu)
    sizes: Sizes = field(default_factory=lambda: figures().sizes)
    weight: int = 6000
    weight_share: int = 80
    weight_seconds: float = 60
    request_weight: int = 2
    turn_seconds: float = 60
    partitions: int = 4
    pollers_at_first: int = POLLERS_AT_FIRST
    pollers_a_second: float = POLLERS_A_SECOND
    starts_at: float = 30
    seed: int = 12

    @property
    def core(self) -> float:
        """The part of a core that a worker has. One at most: Python's threads take turns."""
        return min(1.0, self.memory_mb / FULL_CORE_MB)
