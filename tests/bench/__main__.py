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
from tests.bench.job import FLOOR_IN_FLIGHT, LATENCY_MS, SYMBOL_COUNT, WORKERS, YEAR, reported_to_peers
from tests.exchange import RunningExchange, running_exchange

_HERE = Path(__file__).parent


class Row(NamedTuple):
    """What a client took, by its own clock and by the exchange's counts."""

    name: str
    seconds: float
    complete: int | None
    requests: int
    refused: int


def main() -> None:
    """Print the tables."""
    console = Console(highlight=False, width=100)
    install()
    with running_exchange("--simulated", "--latency-ms", str(LATENCY_MS)) as exchange:
        console.print(_table(_compare(exchange)))
    worker_cpu.compare(console)
    worker_cpu_at_home.compare(console)


def _compare(exchange: RunningExchange) -> list[Row]:
    url = exchange.url
    rows = [
        _measured(exchange, f"bare aiohttp, {FLOOR_IN_FLIGHT} in flight", lambda: (floor.fetch(url), None)),
        _measured(exchange, f"our {WORKERS} workers, nothing stored", lambda: collector.storing_nothing(url)),
        _measured(exchange, f"ccxt async, {SYMBOL_COUNT} tasks", lambda: _peer("peer_ccxt.py", url)),
        _measured(exchange, "freqtrade download-data, files", lambda: _peer("peer_freqtrade.py", url)),
    ]
    with at_home.server(url) as (archive, _):
        rows.append(
            _measured(exchange, "our server at home, SQLite", partial(at_home.year_of_fifty, archive, exchange))
        )
    with collector.local_stack("bench", url) as stack:
        for name, skipped in (("just up", 0), ("again, other symbols", SYMBOL_COUNT)):
            collect = partial(collector.on_local_stack, stack, skipped=skipped)
            rows.append(_measured(exchange, f"our local stack, {name}", collect))
    return rows


def _measured(exchange: RunningExchange, name: str, fetch: Callable[[], tuple[float, int | None]]) -> Row:
    exchange.reset()
    seconds, complete = fetch()
    stats = exchange.stats(0)
    refused = sum(stats["by_status"].get(status, 0) for status in ("429", "418"))
    return Row(name, seconds, complete, stats["requests"], refused)


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
    for name in ("client", "seconds", "x floor", "requests", "429/418", "complete"):
        table.add_column(name, justify="left" if name == "client" else "right")
    least = rows[0].seconds
    for row in rows:
        complete = "" if row.complete is None else f"{row.complete} of {SYMBOL_COUNT}"
        figures = (f"{row.seconds:.1f}", f"{row.seconds / least:.1f}", str(row.requests), str(row.refused), complete)
        table.add_row(row.name, *figures)
    return table


if __name__ == "__main__":
    main()
