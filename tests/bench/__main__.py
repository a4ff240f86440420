"""`make bench`: 50 symbols x 12 months from one simulated exchange, by us, by others, and at the least."""

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from tests.bench import at_home, collector, floor, worker_cpu, worker_cpu_at_home
from tests.bench.environment import BENCH, install
from tests.bench.job import DAYS, FLOOR_IN_FLIGHT, LATENCY_MS, SYMBOL_COUNT, WORKERS, YEAR, reported_to_peers
from tests.bench.process_cpu import own_seconds, seconds_of
from tests.exchange import RunningExchange, running_exchange

_HERE = Path(__file__).parent


class Row(NamedTuple):
    """What a client took, by its own clock and by the exchange's counts.

    Attributes
    ----------
    cpu_seconds
        Of the client's processes; of our local stack, of the emulator alone.
    """

    name: str
    seconds: float
    cpu_seconds: float
    complete: int | None
    requests: int
    refused: int


def main() -> None:
    """Print the tables."""
    console = Console(highlight=False, width=100)
    install()
    kept = ("--days-kept", str(DAYS))
    with running_exchange("--simulated", "--latency-ms", str(LATENCY_MS), *kept) as exchange:
        console.print(_table(_compare(exchange)))
    worker_cpu.compare(console)
    worker_cpu_at_home.compare(console)


def _compare(exchange: RunningExchange) -> list[Row]:
    url = exchange.url
    for skipped in (0, SYMBOL_COUNT):
        floor.fetch(url, skipped)  # the exchange makes its candles now and keeps them, else its work would be measured
    rows = [
        _measured(exchange, f"bare aiohttp, {FLOOR_IN_FLIGHT} in flight", lambda: (floor.fetch(url), None)),
        _measured(exchange, f"our {WORKERS} workers, nothing stored", lambda: collector.storing_nothing(url)),
        _measured(exchange, f"ccxt async, {SYMBOL_COUNT} tasks", lambda: _peer("peer_ccxt.py", url)),
        _measured(exchange, "freqtrade download-data, files", lambda: _peer("peer_freqtrade.py", url)),
    ]
    with at_home.server(url) as (archive, _):
        rows.append(
            _measured(
                exchange,
                "our server at home, SQLite",
                partial(at_home.year_of_fifty, archive, exchange),
                partial(at_home.cpu_seconds, archive),
            )
        )
    with collector.local_stack("bench", url) as stack:
        for name, skipped in (("just up", 0), ("again, other symbols", SYMBOL_COUNT)):
            collect = partial(collector.on_local_stack, stack, skipped=skipped)
            emulator = partial(seconds_of, stack.reported["pids"]["ministack"])
            rows.append(_measured(exchange, f"our local stack, {name}", collect, emulator))
    return rows


def _measured(
    exchange: RunningExchange,
    name: str,
    fetch: Callable[[], tuple[float, int | None]],
    cpu_seconds: Callable[[], float] = own_seconds,
) -> Row:
    exchange.reset()
    cpu = cpu_seconds()
    seconds, complete = fetch()
    cpu = cpu_seconds() - cpu
    stats = exchange.stats(0)
    refused = sum(stats["by_status"].get(status, 0) for status in ("429", "418"))
    return Row(name, seconds, cpu, complete, stats["requests"], refused)


def _peer(program: str, url: str) -> tuple[float, int]:
    """Run a client in its own environment."""
    ended = subprocess.run(  # noqa: S603 - a program of this folder
        [str(BENCH.python), str(_HERE / program)],
        input=json.dumps(reported_to_peers(url)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    reported = json.loads(ended.stdout)
    return reported["seconds"], reported["complete"]


def _table(rows: list[Row]) -> Table:
    candles = SYMBOL_COUNT * YEAR.slots
    table = Table(title=f"{SYMBOL_COUNT} symbols x 2025 = {candles:,} candles, {LATENCY_MS} ms of latency")
    for name in ("client", "seconds", "x floor", "CPU s", "requests", "429/418", "complete"):
        table.add_column(name, justify="left" if name == "client" else "right")
    least = rows[0].seconds
    for row in rows:
        complete = "" if row.complete is None else f"{row.complete} of {SYMBOL_COUNT}"
        figures = (f"{row.seconds:.1f}", f"{row.seconds / least:.1f}", f"{row.cpu_seconds:.1f}")
        table.add_row(row.name, *figures, str(row.requests), str(row.refused), complete)
    return table


if __name__ == "__main__":
    main()
