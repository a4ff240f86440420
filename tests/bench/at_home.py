"""What the archive at home takes: `python -m tests.bench.at_home` prints time, memory, file and requests.

The server runs over an SQLite file, as `make collect` starts it, its worker processes beside it, and the exchange is a
process of its own.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from cli.client import CollectorApi
from tests.bench.job import SYMBOL_COUNT, YEAR, listings
from tests.bench.process_cpu import seconds_of
from tests.exchange import RunningExchange, running_exchange
from tests.standalone.running import Archive, running_archive, worker_pids

_LOOK_SECONDS = 0.2
MONTHS = {"start_date": "2025-01-01", "end_date": "2025-11-30"}
FOUR_TIMES = {"start_date": "2022-04-01", "end_date": "2025-11-30"}
"""1,340 days: four times the 334 of `MONTHS`, and one in a hundred more."""


class Collected(NamedTuple):
    """What a run took.

    Attributes
    ----------
    cpu_seconds
        Of the server and its worker processes.
    memory
        The most that they had at once, in MB; what they share is counted once.
    """

    name: str
    candles: int
    complete: int
    requests: int
    seconds: float
    cpu_seconds: float
    memory: float


@contextmanager
def server(exchange_url: str, **settings: str) -> Iterator[tuple[Archive, Path]]:
    """Run the server over an empty database; it may use all of the exchange's limit that it uses by default."""
    with tempfile.TemporaryDirectory() as folder, running_archive(Path(folder), exchange_url, **settings) as archive:
        yield archive, Path(folder) / "candles.db"


def collect(archive: Archive, exchange: RunningExchange, name: str, **requested: object) -> Collected:
    """Collect, from the trigger to the run's end."""
    exchange.reset()
    api = CollectorApi(archive.url, archive.key)
    cpu, memory, begun = cpu_seconds(archive), _memory(archive), time.monotonic()
    started = api.trigger({"mode": "backward", **requested})
    while (status := api.status(started.run_id)).is_running:
        time.sleep(_LOOK_SECONDS)
        memory = max(memory, _memory(archive))
    seconds = time.monotonic() - begun
    results = status.last_results
    if results is None or results.partial or results.failed:
        raise RuntimeError(f"the run has not collected all: {results}")
    requests = exchange.stats(0)["by_path"].get("/api/v3/klines", 0)
    cpu, memory = cpu_seconds(archive) - cpu, max(memory, _memory(archive))
    return Collected(name, results.total_records, results.complete, requests, seconds, cpu, memory)


def year_of_fifty(archive: Archive, exchange: RunningExchange) -> tuple[float, int]:
    """Do the job that `make bench` gives to all clients; return its seconds and how many symbols are complete."""
    symbols = [item["symbol"] for item in listings()]
    dates = {"start_date": "2025-01-01", "end_date": "2025-12-31"}
    collected = collect(archive, exchange, "", symbols=symbols, **dates)
    if collected.candles != SYMBOL_COUNT * YEAR.slots:
        raise RuntimeError(f"the run has not stored all candles: {collected}")
    return collected.seconds, collected.complete


def main() -> None:
    """Print the table."""
    console = Console(highlight=False, width=110)
    table = Table(title="At home, SQLite, the simulated exchange without latency")
    for column in ("run", "candles", "requests", "seconds", "CPU s", "most memory, MB", "file, MB"):
        table.add_column(column, justify="left" if column == "run" else "right")
    with running_exchange("--simulated") as exchange:
        for runs in (
            [("100 symbols x 11 months", {"top_n": 100, **MONTHS}), ("the same again", {"top_n": 100, **MONTHS})],
            [("25 symbols x 11 months", {"top_n": 25, **MONTHS})],
            [("25 symbols x 44 months", {"top_n": 25, **FOUR_TIMES})],
            [("1 symbol x 8 years", {"symbols": ["BTCUSDT"], "start_date": "2018-01-01", "end_date": "2025-12-31"})],
        ):
            # a server of its own for each: a process keeps the memory that it has once had
            with server(exchange.url) as (archive, file):
                for name, requested in runs:
                    row = collect(archive, exchange, name, **requested)
                    size = sum(path.stat().st_size for path in file.parent.glob("candles.db*")) / 1e6
                    table.add_row(
                        name,
                        f"{row.candles:,}",
                        f"{row.requests:,}",
                        f"{row.seconds:.1f}",
                        f"{row.cpu_seconds:.1f}",
                        f"{row.memory:.0f}",
                        f"{size:.1f}",
                    )
    console.print(table)


def _processes(archive: Archive) -> list[int]:
    server = archive.process.pid
    return [server, *worker_pids(server)]


def cpu_seconds(archive: Archive) -> float:
    """Return the seconds that the server and its worker processes have used."""
    return sum(map(seconds_of, _processes(archive)))


def _memory(archive: Archive) -> float:
    """Return the memory that they have now, in MB: of what several share, each has its part."""
    lines = [
        line
        for pid in _processes(archive)
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    ]
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


if __name__ == "__main__":
    main()
