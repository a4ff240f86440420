"""Measures import and export of a hundred symbols over eleven months on the local stack: rows a second, peak memory.

`python -m tests.bench.exporting`, with the stack up; `../shared/klines` gives the candles, under a hundred names.
Tables of its own hold them, and are dropped in the end.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from candle_collector.adapters.binance.market import BINANCE
from candle_collector.adapters.files.candle_file import candle_file
from candle_collector.bootstrap import Container
from candle_collector.collecting.import_candles import ImportLease, ImportPorts, import_series
from candle_collector.domain.windows import Window
from candle_collector.reading.export_candles import export
from candle_collector.reading.stream_candles import Month, range_of_dates
from candle_collector.settings import Settings

from background.places import PROJECT, Places
from cli.collect.stack import read_stack
from tests.hourly import hourly, ms_of_hour, year_window
from tests.streams import stream_months

SYMBOLS = [f"S{number:03}USDT" for number in range(100)]
WITHIN = range_of_dates("2025-01-01", "2025-11-30", BINANCE)
TABLES = {"bench-candles": ("series", "block"), "bench-runs": ("pk", "sk")}
RECORDED = PROJECT.parent / "shared" / "klines" / "BTCUSDT-1h-2025.csv.gz"


def tables() -> Container:
    """Return the adapters on this program's tables."""
    return Container(Settings({"CANDLES_TABLE": "bench-candles", "RUNS_TABLE": "bench-runs"}))


def measured(rows: int, began: float) -> str:
    """Return rows a second since then, and this process's CPU and peak memory."""
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    return (
        f"{rows:,} rows in {seconds:.1f} s, {rows / seconds:,.0f} a second, "
        f"{cpu:.1f} s of CPU, peak memory {peak:.0f} MB"
    )


def take() -> str:
    """Import the recorded candles under each name."""
    system = tables()
    ports = ImportPorts(BINANCE, system.candles, system.series, system.leases, system.clock)
    closed_end = year_window(2026).start
    began = time.perf_counter()
    rows = 0
    lease = ImportLease(ports)
    lease.hold()
    for symbol in SYMBOLS:
        batches = (
            [candle for candle in batch if candle.slot < WITHIN.end]
            for _, batch in candle_file(RECORDED).batches(closed_ms=ms_of_hour(closed_end))
        )
        found = (batch for batch in batches if batch)
        rows += import_series(
            hourly(symbol), found, ports, lease, stated=(Window(*WITHIN),), closed_end=closed_end
        ).stored
    return measured(rows, began)


def give(target: Path) -> str:
    """Export all to a target."""
    system = tables()

    def months() -> Iterator[Month]:
        for symbol in SYMBOLS:
            yield from stream_months(system.candles, system.series, hourly(symbol), WITHIN)

    began = time.perf_counter()
    return measured(export(months(), target).rows, began)


def alone(*words: str) -> str:
    """Run a step in a process of its own, so that its memory is its own, and return what it says."""
    command = [sys.executable, "-m", "tests.bench.exporting", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - this program
    return str(json.loads(done.stdout))


def main() -> None:
    """Measure each way in and out."""
    stack = read_stack(Places.from_environment().stack_file)
    os.environ.update(
        AWS_ENDPOINT_URL=stack.aws_endpoint_url or "",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
    )
    import boto3  # noqa: PLC0415 - after its endpoint is set

    dynamodb: Any = boto3.client("dynamodb")
    for table, keys in TABLES.items():
        dynamodb.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": keys[0], "KeyType": "HASH"}, {"AttributeName": keys[1], "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
        )
    try:
        sys.stdout.write(f"import: {alone('take')}\n")
        with tempfile.TemporaryDirectory() as folder:
            for name in ("candles.csv", "candles.parquet", "candles"):
                target = Path(folder) / name
                said = alone("give", str(target))
                files = [target] if target.is_file() else [path for path in target.rglob("*") if path.is_file()]
                size = sum(file.stat().st_size for file in files) / 1e6
                sys.stdout.write(f"export to {name}: {said}; {len(files)} files of {size:.0f} MB in all\n")
    finally:
        for table in TABLES:
            dynamodb.delete_table(TableName=table)


if __name__ == "__main__":
    if sys.argv[1:] == ["take"]:
        sys.stdout.write(json.dumps(take()))
    elif sys.argv[1:]:
        sys.stdout.write(json.dumps(give(Path(sys.argv[2]))))
    else:
        main()
