"""A worker's own work for each batch of candles at home, beside the least there is: `json.loads` and an `executemany`.

Both write to a file of SQLite, set as the archive's, a commit each batch. Run it with
``python -m tests.bench.worker_cpu_at_home``; ``--profile`` says where a turn's time goes.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path

from candle_collector.adapters.sql.candles import SqlCandles
from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.leases import SqlLeases
from candle_collector.adapters.sql.rate_limiter import SqlRateLimiter
from candle_collector.adapters.sql.runs import SqlRuns
from candle_collector.adapters.sql.series import SqlSeries
from candle_collector.collecting.collect_symbol import collect_symbol
from candle_collector.collecting.worker_ports import WorkerPorts
from rich.console import Console
from rich.table import Table

from tests.bench.instant import InstantExchange, instant_binance
from tests.bench.turns import BATCH, begin_run, turn_with
from tests.bench.worker_cpu import MESSAGE, SPANS, SYMBOL, YEAR, medians_ms, profile
from tests.hourly import HOUR, hourly

_COLUMNS = (0, 1, 2, 3, 4, 5, 7, 8, 9, 10)
"""What is stored of a row, its open time first."""


def compare(console: Console, *, profiled: bool = False) -> None:
    """Print milliseconds of CPU for each batch, and the ratios."""
    exchange = InstantExchange()
    with tempfile.TemporaryDirectory() as folder:
        numbers = count()

        def new_file() -> Path:
            return Path(folder) / f"{next(numbers)}.db"

        def whole_turn() -> Callable[[], None]:
            turn = _turn(exchange, new_file())
            return lambda: collect_symbol(MESSAGE, turn)

        def four_steps() -> Callable[[], None]:
            turn = _turn(exchange, new_file())
            return lambda: _fetch_and_store(turn)

        works: dict[str, Callable[[], Callable[[], None]]] = {
            "json.loads and sqlite3's executemany": lambda: _least(exchange, new_file()),
            "fetch, parse, check, store": four_steps,
            "a whole turn: coverage, rate limiter, records too": whole_turn,
        }
        figures = dict(zip(works, medians_ms(list(works.values())), strict=True))
        least = next(iter(figures.values()))
        table = Table(title=f"At home: CPU for each batch of {BATCH} candles ({len(SPANS)} batches a turn)")
        for name in ("work, on an exchange that answers at once", "ms", "x least"):
            table.add_column(name, justify="left" if name.startswith("work") else "right")
        for name, milliseconds in figures.items():
            table.add_row(name, f"{milliseconds / len(SPANS):.2f}", f"{milliseconds / least:.2f}")
        console.print(table)
        if profiled:
            profile(whole_turn())


def _turn(exchange: InstantExchange, file: Path) -> WorkerPorts:
    database = Database(f"sqlite:///{file}")
    turn = turn_with(
        exchange=instant_binance(exchange),
        candles=SqlCandles(database),
        series=SqlSeries(database),
        runs=SqlRuns(database),
        rate_limiter=SqlRateLimiter(database),
    )
    begin_run(turn.runs, SqlLeases(database), [SYMBOL], YEAR)
    return turn


def _fetch_and_store(turn: WorkerPorts) -> None:
    """Do what a batch cannot do without: ask, read and check the answer, write its rows."""
    for span in SPANS:
        answer = turn.exchange.fetch_candles(
            hourly(SYMBOL), span.start, span.slots, attempts_made=0, until=turn.until, grant=lambda: None
        )
        turn.candles.store(hourly(SYMBOL), answer.candles, (), absent_blocks=frozenset())


def _least(exchange: InstantExchange, file: Path) -> Callable[[], None]:
    """Return the least that anyone does for the same answers and the same rows: no check."""
    bodies = [exchange.body(SYMBOL, HOUR.open_ms(span.start), span.slots) for span in SPANS]
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    names = ", ".join(f"c{number}" for number in _COLUMNS)
    connection.execute(f"CREATE TABLE candles (series, {names}, PRIMARY KEY (series, c0)) WITHOUT ROWID")

    def work() -> None:
        for body in bodies:
            rows = [(1, *(row[column] for column in _COLUMNS)) for row in json.loads(body)]
            connection.executemany(f"INSERT INTO candles VALUES ({', '.join('?' * (1 + len(_COLUMNS)))})", rows)  # noqa: S608 - question marks
            connection.commit()

    return work


if __name__ == "__main__":
    arguments = argparse.ArgumentParser("python -m tests.bench.worker_cpu_at_home")
    arguments.add_argument("--profile", action="store_true", help="also say where a turn's time goes")
    compare(Console(highlight=False, width=100), profiled=arguments.parse_args().profile)
