"""Measures what a read costs on the local stack: read units by AWS's rule, and milliseconds.

`python -m tests.bench.reading [SYMBOL] [YEAR]`, with the stack up and that year of that symbol collected.
"""

from __future__ import annotations

import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import requests
from candle_collector.bootstrap import Container
from candle_collector.domain.aggregate import Grid
from candle_collector.domain.windows import Window
from candle_collector.reading.read_candles import read_candles
from candle_collector.settings import Settings

from background.places import Places
from cli.collect.stack import Stack, read_stack
from tests.hourly import HOUR_MS, hourly, year_window

PAGE = 1_048_576
"""The most bytes of a page of a query's answer (AWS's limit)."""

RUNS = 7


def size(item: Any) -> int:
    """Return an item's size in bytes by AWS's rule: names, text in UTF-8, bytes, and numbers."""
    return sum(len(name) + _value_size(value) for name, value in item.items())


def _value_size(value: dict[str, Any]) -> int:
    ((kind, content),) = value.items()
    return len(content.encode()) if kind == "S" else len(content) if kind == "B" else 1 + math.ceil(len(content) / 2)


def units(items: Sequence[Any], *, consistent: bool) -> float:
    """Return what a query of these items costs: a unit for 4 KB of a page, half a unit for an older view."""
    total, page = 0.0, 0
    for item in [*items, None]:
        if item is None or page + size(item) > PAGE:
            total += math.ceil(page / 4096)
            page = 0
        page += size(item) if item else 0
    return total if consistent else total / 2


def median_ms(call: Callable[[], object]) -> tuple[float, float]:
    """Return the median of wall and CPU milliseconds of some calls, the first left out."""
    call()
    walls, cpus = [], []
    for _ in range(RUNS):
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        walls.append((time.perf_counter() - wall) * 1000)
        cpus.append((time.process_time() - cpu) * 1000)
    return statistics.median(walls), statistics.median(cpus)


def tables(stack: Stack) -> Container:
    """Return the adapters on the stack's tables."""
    os.environ.update(
        AWS_ENDPOINT_URL=stack.aws_endpoint_url or "",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
    )
    import boto3  # noqa: PLC0415 - after its endpoint is set

    stacks = boto3.client("cloudformation").describe_stacks()["Stacks"]
    outputs = {entry["OutputKey"]: entry["OutputValue"] for stack in stacks for entry in stack.get("Outputs", [])}
    names = {"CANDLES_TABLE": outputs["CandlesTableName"], "RUNS_TABLE": outputs["RunsTableName"]}
    return Container(Settings(names))


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


def main(symbol: str = "BTCUSDT", year: str = "2025") -> None:
    """Measure, and print a line each."""
    stack = read_stack(Places.from_environment().stack_file)
    system = tables(stack)
    import boto3  # noqa: PLC0415 - as above

    whole = year_window(int(year))
    items = boto3.client("dynamodb").query(
        TableName=system.settings.candles_table,
        KeyConditionExpression="series = :series AND #block BETWEEN :first AND :last",
        ExpressionAttributeNames={"#block": "block"},
        ExpressionAttributeValues={
            ":series": {"S": str(hourly(symbol))},
            ":first": {"S": f"{year}-01-01"},
            ":last": {"S": f"{year}-12-31T23:59"},
        },
    )["Items"]
    say(f"{symbol} {year}: {len(items)} items of {sum(map(size, items)) / len(items):,.0f} bytes")
    say(f"1000 candles (43 items): {units(items[:43], consistent=False):.1f} read units")
    say(f"a year: {units(items, consistent=False):.1f} read units")

    def read(limit: int, hours: int) -> Callable[[], object]:
        start_ms = (whole.start if hours == 1 else whole.end - 24_000) * HOUR_MS
        return lambda: read_candles(
            system.candles, system.series, hourly(symbol), start_ms=start_ms, end_ms=None, limit=limit, grid=Grid(hours)
        )

    session = requests.Session()
    session.headers["X-API-Key"] = stack.api_key
    params: dict[str, str | int] = {
        "symbol": symbol,
        "interval": "1h",
        "startTime": whole.start * HOUR_MS,
        "limit": 1000,
    }
    within = Window(whole.start, whole.end)
    for name, call in (
        ("1000 candles from the table", read(1000, 1)),
        ("1000 candles over HTTP", lambda: session.get(f"{stack.api_url}/api/v3/klines", params=params, timeout=60)),
        ("a year from the table", lambda: system.candles.candles(hourly(symbol), within, limit=within.slots)),
        ("a year's coverage from the table", lambda: system.candles.coverage(hourly(symbol), within)),
        ("1000 days, made of 24,000 hours", read(1000, 24)),
    ):
        wall, cpu = median_ms(call)
        say(f"{name}: {wall:.0f} ms, {cpu:.0f} ms of them our CPU")


if __name__ == "__main__":
    main(*sys.argv[1:])
