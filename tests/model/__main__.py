"""How long runs take on AWS, what binds, and what they cost, by the model: ``python -m tests.model``.

With ``--check`` the model is held to runs of the real handlers first; ``--measure`` measures a worker's own work again.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from rich.console import Console
from rich.table import Table

from tests.model import check, measure
from tests.model.cost import dollars
from tests.model.figures import Cpu, figures
from tests.model.published import EXCHANGE_NEAR, PARTITIONS_AT_FIRST
from tests.model.setting import Job, Latencies, Place
from tests.model.simulate import Result, simulate

JOBS = {
    "100 symbols, 11 months of hours": Job(100, 334 * 24),
    "500 symbols, 8 years of hours": Job(500, 2922 * 24),
    "100 symbols, a year of minutes": Job(100, 365 * 24 * 60),
    "100 symbols, 6 hours (forward)": Job(100, 6),
}
WORKERS = (5, 20, 50, 200)
MEMORY_MB = (128, 256, 512, 1024, 1769)
PARTITIONS = (PARTITIONS_AT_FIRST, 4 * PARTITIONS_AT_FIRST)
"""Of a new table, and of one that has grown."""

BINDS = 0.05
"""A limit binds where that part of the workers' time or more is spent waiting for it."""


def binding(result: Result) -> str:
    """Return what keeps the run from being quicker."""
    used = result.used
    workers_seconds = used.seconds + used.weight_seconds
    found = [
        name
        for name, seconds in (("weight", used.weight_seconds), ("table", used.table_seconds))
        if seconds > BINDS * workers_seconds
    ]
    return ", ".join(found) or "latency"


def by_workers() -> Table:
    """Return what each job takes with how many workers, on a new table and on one that has seen such runs."""
    columns = ("job", "workers", "new table", "binds", "failed", "$", "grown table", "binds", "weight", "requeued", "$")
    table = _table("By workers, 512 MB, the exchange far away", columns)
    for name, job in JOBS.items():
        for workers in WORKERS:
            new, grown = (simulate(job, Place(workers, partitions=number)) for number in PARTITIONS)
            table.add_row(
                name if workers == WORKERS[0] else "",
                f"{workers}",
                _time(new.seconds),
                binding(new),
                f"{new.used.failed}",
                _all_dollars(new),
                _time(grown.seconds),
                binding(grown),
                f"{100 * grown.weight_used:.0f}%",
                f"{grown.used.requeued.total()}",
                _all_dollars(grown),
            )
        table.add_section()
    return table


def _all_dollars(result: Result) -> str:
    return f"{sum(dollars(result).values()):.3f}"


def by_memory() -> Table:
    """Return what two jobs take and cost with how much memory."""
    table = _table("By memory, 5 workers", ("job", "MB", "time", "ms a request", "GB-s", "Lambda $", "all $"))
    for name in (next(iter(JOBS)), [*JOBS][-1]):
        for memory in MEMORY_MB:
            result = simulate(JOBS[name], Place(5, memory_mb=memory))
            cost = dollars(result)
            table.add_row(
                name if memory == MEMORY_MB[0] else "",
                f"{memory}",
                _time(result.seconds),
                f"{1000 * result.used.seconds / result.used.requests:.0f}",
                f"{result.used.seconds * memory / 1024:.0f}",
                f"{cost['Lambda']:.4f}",
                f"{sum(cost.values()):.4f}",
            )
        table.add_section()
    return table


def by_assumption() -> Table:
    """Return how far the first job's time depends on what is assumed."""
    job, cpu = next(iter(JOBS.values())), figures().cpu
    slow = Cpu(*(2 * value for value in (cpu.cold, cpu.turn, cpu.fetch, cpu.store)))
    far = Latencies()
    stretched = replace(far, call=far.call.times(3), batch_write=far.batch_write.times(3))
    table = _table("If it is otherwise: 100 symbols, 11 months", ("assumption", "5 workers", "50 workers"))
    for name, options in {
        "as above": {},
        "exchange near (50 ms)": {"latencies": replace(far, exchange=EXCHANGE_NEAR)},
        "exchange twice as far": {"latencies": replace(far, exchange=far.exchange.times(2))},
        "own work twice as long": {"cpu": slow},
        "DynamoDB three times as slow": {"latencies": stretched},
    }.items():
        times = (_time(simulate(job, Place(workers, **options)).seconds) for workers in (5, 50))  # type: ignore[arg-type] # each by its name
        table.add_row(name, *times)
    return table


def _table(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(title=title)
    for column in columns:
        table.add_column(column, justify="left" if column in {"job", "binds", "assumption"} else "right")
    return table


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser("python -m tests.model")
    parser.add_argument("--measure", action="store_true", help="measure a worker's own work again, and write it down")
    parser.add_argument("--check", action="store_true", help="hold the model to runs of the real handlers")
    arguments = parser.parse_args()
    if arguments.measure:
        measure.main()
    console = Console(width=130, highlight=False)
    for table in (by_workers, by_memory, by_assumption):
        console.print(table())
    if arguments.check:
        check.main()


if __name__ == "__main__":
    main()
