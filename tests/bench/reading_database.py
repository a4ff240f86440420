"""Measures reading in bulk from a database, beside the database's own speed: 100 symbols of 334 days.

Run it by ``python -m tests.bench.reading_database sqlite:////folder/bench.db`` or a URL of PostgreSQL;
an empty one is filled first. Each step runs in a process of its own, so that its CPU and its memory are its own.
"""

from __future__ import annotations

import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import requests
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.adapters.sql.candles import SqlCandles
from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.series import SqlSeries
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window
from candle_collector.reading.candle_frame import candle_frame
from candle_collector.reading.export_candles import export
from candle_collector.reading.stream_candles import Month, range_of_dates

from tests.bench.databases import FIRST, HOURS, series_of
from tests.hourly import HOUR_MS, hourly
from tests.integration.databases import free_port
from tests.standalone.running import running_archive
from tests.streams import stream_months

SYMBOLS = [f"S{number:02}USDT" for number in range(100)]
YEAR = "YEARUSDT"
YEAR_HOURS = 8760
CALLS = 50
FRAMES = 7
FILES = ("candles.parquet", "candles.csv", "candles")

_SELECT = (
    "SELECT open_time, open, high, low, close, volume, quote_volume, trade_count, taker_base, taker_quote, offset_ms"
    " FROM candles JOIN series ON series.series_id = candles.series_id"
    " WHERE symbol = {mark} AND interval = '1h' ORDER BY open_time LIMIT {limit}"
)


class Figures(NamedTuple):
    """What a step took: seconds of wall time and of this process's CPU, its most memory in MB; medians of calls."""

    rows: int
    seconds: float
    cpu: float
    peak: float

    def beside(self, plain: Figures) -> str:
        """Return it in words, with how many times the plain SELECT's time a row takes."""
        ratios = [getattr(self, name) / self.rows / (getattr(plain, name) / plain.rows) for name in ("seconds", "cpu")]
        return (
            f"{self.rows:,} rows in {self.seconds:.3f} s, {self.rows / self.seconds:,.0f} a second; "
            f"{self.cpu:.3f} s of CPU, {self.rows / self.cpu:,.0f} a second; {self.peak:.0f} MB; "
            f"times the SELECT: {ratios[0]:.1f}, by CPU {ratios[1]:.1f}"
        )


def measured(step: Callable[[], int], *, times: int = 1, first: bool = True) -> Figures:
    """Return the medians of calls of a step, which returns its rows; the first call may be left out."""
    if not first:
        step()
    walls, cpus, rows = [], [], 0
    for _ in range(times):
        wall, cpu = time.perf_counter(), time.process_time()
        rows = step()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Figures(rows, statistics.median(walls), statistics.median(cpus), peak)


def fill(url: str) -> None:
    """Store the candles, where a symbol has none."""
    database = Database(url)
    candles, series, chance = SqlCandles(database), SqlSeries(database), random.Random(1)
    for name in [*SYMBOLS, YEAR]:
        if candles.first_slot(hourly(name)) is None:
            made = series_of(chance, Window(FIRST, FIRST + (YEAR_HOURS if name == YEAR else HOURS)))
            candles.store(hourly(name), made, (), absent_blocks=frozenset())
            series.put(SeriesRecord(hourly(name), first=made[0].slot, last=made[-1].slot, years={2025: len(made)}))
    database.close()


def selecting(url: str) -> Callable[[str, int], int]:
    """Return what reads rows of a symbol by the driver alone, and returns how many."""
    database = Database(url)
    mark = "?" if database.engine.dialect.name == "sqlite" else "%s"
    cursor = database.engine.raw_connection().cursor()

    def read(symbol: str, limit: int) -> int:
        text = _SELECT.format(mark=mark, limit=limit)
        if mark == "%s":  # as text, as the archive asks for it: a Decimal of each would take longer
            for name in ("open", "high", "low", "close", "volume", "quote_volume", "taker_base", "taker_quote"):
                text = text.replace(f" {name},", f" candles.{name}::text,")
        cursor.execute(text, (symbol,))
        return len(cursor.fetchall())

    return read


def measure(url: str, step: str, folder: str) -> Figures:
    """Measure a step in this process."""
    if step == "select":
        read = selecting(url)
        return measured(lambda: sum(read(name, HOURS) for name in SYMBOLS))
    if step == "select-1000":
        read = selecting(url)
        return measured(lambda: read(YEAR, 1000), times=CALLS, first=False)
    if step == "select-year":
        read = selecting(url)
        return measured(lambda: read(YEAR, YEAR_HOURS), times=FRAMES, first=False)
    database = Database(url)
    candles, series = SqlCandles(database), SqlSeries(database)
    if step == "frame":
        return measured(lambda: len(candle_frame(candles, series, [YEAR], market=BINANCE)), times=FRAMES, first=False)

    def months() -> Iterator[Month]:
        for name in SYMBOLS:
            yield from stream_months(candles, series, hourly(name), range_of_dates(None, None, BINANCE))

    return measured(lambda: export(months(), Path(folder) / step).rows)


def over_http(url: str, folder: Path) -> Figures:
    """Ask a server of its own for 1000 candles again and again; the CPU is the server's."""
    with (
        running_archive(folder, f"http://127.0.0.1:{free_port()}", DATABASE_URL=url) as archive,
        requests.Session() as session,
    ):
        session.headers["X-API-Key"] = archive.key
        query: dict[str, Any] = {"symbol": YEAR, "interval": "1h", "startTime": FIRST * HOUR_MS, "limit": 1000}
        stat = Path(f"/proc/{archive.process.pid}/stat")

        def ask() -> int:
            answer = session.get(f"{archive.url}/api/v3/klines", params=query, timeout=30)
            return len(answer.json())

        def ticks() -> int:
            return sum(map(int, stat.read_text().split()[13:15]))

        ask()
        before = ticks()
        found = measured(ask, times=CALLS)
        return found._replace(cpu=(ticks() - before) / 100 / CALLS, peak=_peak(archive.process.pid))


def _peak(process: int) -> float:
    """Return the most memory that a process had, in MB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def alone(url: str, step: str, folder: str) -> Figures:
    """Measure a step in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.reading_database", url, step, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - this program
    return Figures(*json.loads(done.stdout))


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


def main(url: str) -> None:
    """Measure, and print a line each."""
    fill(url)
    with tempfile.TemporaryDirectory() as folder:
        plain = alone(url, "select", folder)
        say(f"plain SELECT of all: {plain.beside(plain)}")
        for name in FILES:
            say(f"export to {name}: {alone(url, name, folder).beside(plain)}")
        year = alone(url, "select-year", folder)
        say(f"plain SELECT of a year: {year.beside(year)}")
        say(f"a year to a DataFrame: {alone(url, 'frame', folder).beside(year)}")
        thousand = alone(url, "select-1000", folder)
        say(f"plain SELECT of 1000: {thousand.beside(thousand)}")
        say(f"1000 candles over HTTP: {over_http(url, Path(folder)).beside(thousand)}")


if __name__ == "__main__":
    if sys.argv[2:]:
        sys.stdout.write(json.dumps(measure(*sys.argv[1:])))
    else:
        main(sys.argv[1])
