"""Hold the model to runs of the real handlers on the same latencies: ``python -m tests.model.check``.

The latencies are some times those of AWS, so that the cores of this machine carry all workers; they never vary. What a
worker's own work takes comes from the same run: this machine has other things to do, and tables in memory cost more
than calls of DynamoDB.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from tests.bench.worker_cpu import YEAR
from tests.model.figures import Cpu, figures
from tests.model.handlers import Measured, Scene, run_handlers
from tests.model.published import EXCHANGE_NEAR, FULL_CORE_MB, Latency, always
from tests.model.setting import Job, Latencies, Place
from tests.model.simulate import Result, simulate

MOST_APART = 0.2
INSTANT = Latencies(*[always(0)] * 5)
UNBOUNDED = 10**6


@dataclass(frozen=True)
class Case:
    """A run that is measured and modelled."""

    name: str
    workers: int
    symbols: int
    slower: float
    exchange: Latency = Latencies().exchange
    weight: int = UNBOUNDED
    weight_seconds: int = 60

    def place(self, cpu: Cpu) -> Place:
        """Return where it runs: on this machine, with nothing to wait for but the calls."""
        aws = Latencies()
        latencies = replace(
            INSTANT,
            call=always(aws.call.median * self.slower),
            batch_write=always(aws.batch_write.median * self.slower),
            exchange=always(self.exchange.median * self.slower),
        )
        return Place(
            workers=self.workers,
            latencies=latencies,
            cpu=cpu,
            memory_mb=FULL_CORE_MB,
            weight=self.weight,
            weight_seconds=self.weight_seconds,
            partitions=0,
            pollers_at_first=self.workers,
        )


CASES = (
    Case("5 workers, exchange far away", 5, symbols=25, slower=2),
    Case("20 workers, exchange far away", 20, symbols=60, slower=4),
    Case("5 workers, exchange near", 5, symbols=25, slower=4, exchange=EXCHANGE_NEAR),
    Case("20 workers, exchange near", 20, symbols=60, slower=16, exchange=EXCHANGE_NEAR),
    Case(
        "5 workers, 20 requests in 10 s", 5, symbols=12, slower=1, exchange=EXCHANGE_NEAR, weight=50, weight_seconds=10
    ),
)


class Compared(NamedTuple):
    """A case's two results."""

    case: Case
    measured: Measured
    modelled: Result

    @property
    def ratio(self) -> float:
        """The modelled seconds as a part of the measured ones."""
        return self.modelled.seconds / self.measured.seconds


def own_work(measured: Measured) -> Cpu:
    """Return what the steps took in a run: with tables in memory, and beside whatever else this machine does."""
    share = figures().cpu
    fetch = measured.prefetching / max(1, measured.requests - measured.turns)  # the first of a turn is not prefetched
    rest = measured.own - measured.turns * fetch
    scale = rest / (measured.turns * share.turn + measured.requests * share.store)
    return Cpu(cold=0, turn=share.turn * scale, fetch=fetch, store=share.store * scale)


def compare(case: Case) -> Compared:
    """Measure a case, and model it with the own work that was measured."""
    scene = Scene(case.symbols, YEAR, case.place(figures().cpu), keeps_candles=case.weight != UNBOUNDED)
    measured = run_handlers(scene)
    place = replace(case.place(own_work(measured)), starts_at=measured.starts_at)
    return Compared(case, measured, simulate(Job(case.symbols, YEAR.slots, YEAR.start), place))


def main() -> None:
    """Print all cases; exit with 1 where one is further apart than it may be."""
    compared = [compare(case) for case in CASES]
    table = Table(
        title=f"The real handlers, and the model of them ({os.cpu_count()} cores, load {os.getloadavg()[0]:.0f})"
    )
    for column in ("case", "latencies", "own ms a batch", "requests", "turns", "measured s", "modelled s", "ratio"):
        table.add_column(column, justify="left" if column == "case" else "right")
    for item in compared:
        table.add_row(
            item.case.name,
            f"x {item.case.slower:g}",
            f"{1000 * (item.measured.own + item.measured.prefetching) / item.measured.requests:.0f}",
            f"{item.measured.requests} / {item.modelled.used.requests}",
            f"{item.measured.turns} / {item.modelled.used.invocations}",
            f"{item.measured.seconds:.1f}",
            f"{item.modelled.seconds:.1f}",
            f"{item.ratio:.2f}",
        )
    Console(width=110, highlight=False).print(table)
    if any(abs(item.ratio - 1) > MOST_APART for item in compared):
        sys.exit(1)


if __name__ == "__main__":
    main()
