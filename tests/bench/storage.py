"""What recorded candles cost in DynamoDB: units, bytes and a worker's CPU. ``python -m tests.bench.storage``.

The adapter stores them on moto in batches of 1000, as a worker does, and each of its calls is billed by AWS's rules: a
write unit for each KB of an item, a read unit for each 4 KB of a page's items. The CPU is that of this process, from an
answer's bytes to the last answer of the table, on transports that answer at once.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.adapters.dynamodb.candles_table import CandlesTable
from candle_collector.adapters.dynamodb.coverage_records import Known
from candle_collector.adapters.dynamodb.item_table import ItemTable
from candle_collector.domain import windows
from candle_collector.domain.candle import Candle, trim
from candle_collector.domain.interval import Interval, interval_named
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window
from rich.console import Console
from rich.table import Table

from tests.bench import prices
from tests.bench.instant import InstantExchange, RecordedAws, instant_binance
from tests.bench.reading import size
from tests.bench.turns import BATCH
from tests.bench.worker_cpu import dynamodb_in_memory
from tests.exchange import KLINES

INTERVALS = KLINES.parent / "klines-intervals"
FILES: Mapping[str, tuple[str, Path]] = {
    "BTCUSDT 1m": ("1m", INTERVALS / "BTCUSDT-1m-2025-10-29_2025-11-01.csv.gz"),
    "BTCUSDT 5m": ("5m", INTERVALS / "BTCUSDT-5m-2024-12.csv.gz"),
    "BTCUSDT 1h": ("1h", KLINES / "BTCUSDT-1h-2025.csv.gz"),
    "ETHUSDT 1h": ("1h", KLINES / "ETHUSDT-1h-2025.csv.gz"),
    "SOLUSDT 1h": ("1h", KLINES / "SOLUSDT-1h-2025.csv.gz"),
}
TABLE = "bench-candles"
SYMBOLS = 100
REPEATS = 15
STORED_APART = 100
"""Bytes that AWS adds to each item for what it bills as stored."""

FIVE_YEARS = tuple(range(2021, 2026))
OUTAGES = 10
"""Of a year: each a run of minutes that were never printed, and an hour with one minute missing."""

Rows = list[list[str]]


@dataclass
class Bill:
    """A client that counts what its calls cost.

    Attributes
    ----------
    items, bytes
        The blocks that were put, and their sizes.
    """

    client: Any
    write_units: int = 0
    read_units: float = 0
    calls: list[str] = field(default_factory=list)
    items: int = 0
    bytes: int = 0

    def batch_write_item(self, **request: Any) -> Any:
        """Bill each item."""
        for put in request["RequestItems"][TABLE]:
            self._bill(put["PutRequest"]["Item"])
        return self._make("batch_write_item", request)

    def put_item(self, **request: Any) -> Any:
        """Bill the item, also where the condition fails."""
        self._bill(request["Item"])
        return self._make("put_item", request)

    def query(self, **request: Any) -> Any:
        """Bill the items of the page whole, whatever part of them comes."""
        answer = self._make("query", request)
        # of a projection the items are asked for once more, whole
        whole = {name: value for name, value in request.items() if name != "ProjectionExpression"}
        items = self.client.query(**whole)["Items"] if len(whole) < len(request) else answer["Items"]
        units = max(1, math.ceil(sum(map(size, items)) / 4096))
        self.read_units += units if request.get("ConsistentRead") else units / 2
        return answer

    def _make(self, operation: str, request: dict[str, Any]) -> Any:
        self.calls.append(operation)
        return getattr(self.client, operation)(**request)

    def _bill(self, item: Mapping[str, Any]) -> None:
        self.write_units += math.ceil(size(item) / 1024)
        if "#" not in item["series"]["S"].partition("#")[2]:  # else a record
            self.items += 1
            self.bytes += size(item)


def recorded(name: str) -> tuple[Series, Rows]:
    """Return a series and its rows as the archive's file has them, in ms."""
    interval, path = FILES[name]
    with gzip.open(path, "rt", encoding="ascii") as file:
        rows = [row for row in csv.reader(file) if row[0].isdigit()]
    for row in rows:
        for at in (0, 6):
            row[at] = row[at][:13]
    return Series(name.split(maxsplit=1)[0], interval_named(interval), BINANCE.name), rows


def candle(row: Sequence[str], interval: Interval) -> Candle:
    """Return the candle of a row."""
    open_, high, low, close, volume, _, quote_volume, trades, taker_base, taker_quote = map(trim, row[1:11])
    slot = interval.slot_at(int(row[0]))
    return Candle(slot, open_, high, low, close, volume, quote_volume, int(trades), taker_base, taker_quote)


def stored(console: Console) -> None:
    """Print what it costs to write and to keep each series, and a year of 100 that are like it."""
    table = Table(title=f"Stored in batches of {BATCH}; a year of {SYMBOLS} symbols that are like it, at list prices")
    for heading in ("series", "candles", "a block", "units/candle", "bytes/candle", "writes $", "GB", "$ a month"):
        table.add_column(heading, justify="left" if heading == "series" else "right")
    for name in FILES:
        series, rows = recorded(name)
        candles = [candle(row, series.interval) for row in rows]
        with dynamodb_in_memory():
            bill = Bill(ItemTable(TABLE).client)
            store_all(CandlesTable(TABLE, client=bill), series, candles)
        units = bill.write_units / len(candles)
        kept = (bill.bytes + STORED_APART * bill.items) / len(candles)
        a_year = SYMBOLS * 365 * series.interval.slots_a_day
        gigabytes = a_year * kept / 2**30
        table.add_row(
            name,
            f"{len(candles):,}",
            str(series.interval.block_slots),
            f"{units:.4f}",
            f"{kept:.1f}",
            f"{a_year * units * prices.WRITE_UNIT:.2f}",
            f"{gigabytes:.2f}",
            f"{gigabytes * prices.STORED_GB:.2f}",
        )
    console.print(table)


def store_all(table: CandlesTable, series: Series, candles: Sequence[Candle]) -> None:
    """Store candles in batches that end with a block, as a plan's do, in a table that has none of them."""
    absent = series.interval.blocks_in((Window(candles[0].slot, candles[-1].slot + 1),))
    size = BATCH - BATCH % series.interval.block_slots
    start = 0
    while start < len(candles):
        end = start + size - candles[start].slot % series.interval.block_slots
        table.store(series, candles[start:end], (), absent_blocks=absent)
        start = end
    table.write_coverage(series, fence=lambda: None)


def covered(console: Console) -> None:
    """Print what it costs to know what is there of five years of 1m, with some outages a year."""
    series = Series("BTCUSDT", Interval.MINUTE, BINANCE.name)
    minutes = series.interval
    template = [candle(row, minutes) for row in recorded("BTCUSDT 1m")[1]][:60]
    with dynamodb_in_memory():
        bill = Bill(ItemTable(TABLE).client)
        table = CandlesTable(TABLE, client=bill)
        for year in FIVE_YEARS:
            whole = minutes.year_window(year)
            gone, open_ = [], []
            for number in range(OUTAGES):
                start = whole.start + (number + 1) * (whole.slots // (OUTAGES + 1))
                gone.append(Window(start, start + 95 + 7 * number))
                hour = (start // 60 + 200) * 60
                open_.append(Window(hour, hour + 60))
                held = [item._replace(slot=hour + at) for at, item in enumerate(template) if at != 17]
                table.store(series, held, (), absent_blocks=frozenset())
            known = windows.subtract((whole,), windows.union([*gone, *open_]))
            table._records.add(series, Known(known, tuple(gone)))
            table.write_coverage(series, fence=lambda: None)
        within = Window(minutes.year_window(FIVE_YEARS[0]).start, minutes.year_window(FIVE_YEARS[-1]).end)
        for name, window, reader in (
            (f"five years of 1m, {OUTAGES} outages and {OUTAGES} hours with a gap in each", within, table),
            ("five years of 1m of which nothing is stored", Window(*(end - 6_000_000 for end in within)), table),
            ("six hours of 1m", Window(within.end - 360, within.end), table),
        ):
            bill.calls.clear()
            bill.read_units = 0
            begun = time.process_time()
            found = reader.coverage(series, window)
            taken = time.process_time() - begun
            console.print(
                f"Coverage of {name}: {bill.read_units:.0f} read units, {len(bill.calls)} calls, "
                f"{window.slots - windows.count(found.stored) - windows.count(found.never_printed):,} slots missing, "
                f"{1000 * taken:.0f} ms of CPU with moto's"
            )


def taken(console: Console) -> None:
    """Print a worker's CPU for a batch beside the least there is."""
    table = Table(
        title=f"ms of CPU for each batch of {BATCH} candles, recorded ones, on transports that answer at once"
    )
    headings = (
        "series",
        "json.loads",
        "boto3's batch write",
        "both",
        "fetch and check",
        "store",
        "all",
        "x",
        "x the write",
    )
    for heading in (*headings, "read back"):
        table.add_column(heading, justify="left" if heading == "series" else "right")
    for name in FILES:
        table.add_row(name, *_taken(name))
    console.print(table)


def _taken(name: str) -> list[str]:
    series, rows = recorded(name)
    size = BATCH - BATCH % series.interval.block_slots
    # whole blocks, in batches that follow one another, as most of a backward run's do
    first = next(
        at for at, row in enumerate(rows) if candle(row, series.interval).slot % series.interval.block_slots == 0
    )
    batches = [rows[at : at + size] for at in range(first, len(rows) - size, size)][:8]
    exchange = InstantExchange(now=lambda: datetime(2026, 1, 2, tzinfo=UTC))
    bodies = []
    for batch in batches:
        body = json.dumps([[int(row[0]), *row[1:6], int(row[6]), row[7], int(row[8]), *row[9:12]] for row in batch])
        bodies.append(body.encode())
        exchange._bodies[series.symbol, int(batch[0][0]), size] = bodies[-1]
    binance, aws = instant_binance(exchange), RecordedAws()
    starts = [candle(batch[0], series.interval).slot for batch in batches]
    absent = series.interval.blocks_in((Window(starts[0], starts[-1] + size),))

    def fetch() -> list[Sequence[Candle]]:
        return [
            binance.fetch_candles(series, start, size, attempts_made=0, until=math.inf, grant=lambda: None).candles
            for start in starts
        ]

    def store() -> None:
        table = CandlesTable(TABLE, client=client)
        for candles in answers:
            table.store(series, candles, (), absent_blocks=absent)

    answers = fetch()
    with dynamodb_in_memory(), aws.recording():
        client = ItemTable(TABLE).client
        store()
    writes = aws.only("BatchWriteItem")
    plain = boto3.client("dynamodb", config=Config(parameter_validation=True))
    requests = [_with_bytes(request) for request in writes.requests]

    def write() -> None:
        for request in requests:
            plain.batch_write_item(**request)

    blocks = [put["PutRequest"]["Item"] for request in requests for put in request["RequestItems"][TABLE]]
    reader = CandlesTable(TABLE, client=_Kept(blocks))
    works: list[Callable[[], object]] = [
        lambda: [json.loads(body) for body in bodies],
        replayed(writes, write),
        fetch,
        replayed(aws, store),
        lambda: reader.columns(series, Window(starts[0], starts[-1] + size)),
    ]
    parsed, written, fetched, kept, back = (milliseconds / len(batches) for milliseconds in _medians_ms(works))
    least, ours = parsed + written, fetched + kept
    return [
        f"{figure:.2f}" for figure in (parsed, written, least, fetched, kept, ours, ours / least, kept / written, back)
    ]


@dataclass
class _Kept:
    """A client that answers a query with items."""

    items: Sequence[Mapping[str, Any]]

    def query(self, **_: Any) -> dict[str, Any]:
        return {"Items": self.items}


def replayed(aws: RecordedAws, work: Callable[[], object]) -> Callable[[], None]:
    """Return a work whose calls are answered from what was kept."""

    def again() -> None:
        with aws.replaying():
            work()

    return again


def _with_bytes(request: dict[str, Any]) -> dict[str, Any]:
    """Return a request as boto3 takes it, with bytes where the wire has base64."""
    import base64  # noqa: PLC0415 - for this alone

    for put in request["RequestItems"][TABLE]:
        for value in put["PutRequest"]["Item"].values():
            if "B" in value:
                value["B"] = base64.b64decode(value["B"])
    return request


def _medians_ms(works: Sequence[Callable[[], object]]) -> list[float]:
    """Return the CPU of each work in ms; they take turns, so that a busy machine slows all."""
    found: list[list[float]] = [[] for _ in works]
    for _ in range(1 + REPEATS):
        for work, milliseconds in zip(works, found, strict=True):
            begun = time.process_time()
            work()
            milliseconds.append((time.process_time() - begun) * 1000)
    return [statistics.median(milliseconds[1:]) for milliseconds in found]


def main() -> None:
    """Print all of it."""
    console = Console(highlight=False, width=130)
    stored(console)
    covered(console)
    taken(console)


if __name__ == "__main__":
    main()
