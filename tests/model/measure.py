"""Measure what a worker's own work takes, on the real code, and write it down: ``python -m tests.model.measure``.

CPU is that of all threads on transports that answer at once; a turn of 9 batches is compared with one of one batch.
"""

from __future__ import annotations

import json
import platform
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from candle_collector.adapters.dynamodb.item_table import ItemTable
from candle_collector.adapters.dynamodb.lease_table import LeaseTable
from candle_collector.adapters.dynamodb.runs_table import RunsTable
from candle_collector.collecting.collect_symbol import collect_symbol
from candle_collector.domain.windows import Window

from tests.bench.cold_starts import Layer
from tests.bench.instant import InstantExchange, instant_binance
from tests.bench.job import SYMBOL_COUNT, listings
from tests.bench.turns import BATCH, begin_run
from tests.bench.worker_cpu import MESSAGE, YEAR, dynamodb_in_memory, recorded_turn
from tests.model.figures import FILE, Cpu, Sizes

REPEATS = 15
BATCHES = 9
"""Of the year."""

ONE_BATCH = Window(YEAR.start, YEAR.start + BATCH - 40)
"""Whole days that one request asks for, as it does for each batch of the year."""

SYMBOLS = 2 * SYMBOL_COUNT


class _Taken(NamedTuple):
    """CPU seconds of a turn, and those of its thread that prefetches."""

    all: float
    prefetching: float


def cpu() -> Cpu:
    """Return what the steps take."""
    many, single = _turn(YEAR), _turn(ONE_BATCH)
    batch = (many.all - single.all) / (BATCHES - 1)
    fetch = many.prefetching / (BATCHES - 1)
    with tempfile.TemporaryDirectory() as folder:
        layer = Layer(Path(folder))
        cold = min(json.loads(layer.load("worker").stdout)[1] for _ in range(REPEATS))
    return Cpu(*(round(value, 4) for value in (cold, single.all - batch, fetch, batch - fetch)))


def _turn(window: Window) -> _Taken:
    """Return the least of some turns: whatever else the machine does only adds to it."""
    turn, recorded = recorded_turn(instant_binance(InstantExchange()), window)
    taken: list[_Taken] = []
    with ThreadPoolExecutor(1) as thread:
        turn = replace(turn, prefetch=thread)
        for _ in range(1 + REPEATS):
            of_thread, begun = thread.submit(time.thread_time).result(), time.process_time()
            with recorded.replaying():
                collect_symbol(MESSAGE, turn)
            used = time.process_time() - begun
            taken.append(_Taken(used, thread.submit(time.thread_time).result() - of_thread))
    return _Taken(*map(min, zip(*taken[1:], strict=True)))


def sizes() -> Sizes:
    """Return the most bytes of a symbol's record in its turn, and those of a run by its number of symbols."""
    updates = recorded_turn(instant_binance(InstantExchange()))[1].only("UpdateItem")
    written = [answer.get("Attributes", {}) for answer in updates.answers]
    record = max(_bytes(item) for item in written if item.get("sk", {}).get("S", "").startswith("SERIES#"))
    few, many = _run_bytes(1), _run_bytes(SYMBOLS)
    each = (many - few) // (SYMBOLS - 1)
    return Sizes(record, few - each, each)


def _run_bytes(symbols: int) -> int:
    with dynamodb_in_memory():
        table = ItemTable("bench-runs")
        names = [item["symbol"] for item in (*listings(), *listings(SYMBOL_COUNT))]  # as they are, for how they pack
        begin_run(RunsTable(table), LeaseTable(table), names[:symbols], YEAR)
        key = {"pk": {"S": f"RUN#{MESSAGE.run_id}"}, "sk": {"S": "RUN"}}
        return _bytes(boto3.client("dynamodb").get_item(TableName="bench-runs", Key=key)["Item"])


def _bytes(item: Mapping[str, Any]) -> int:
    """Return an item's size as DynamoDB counts it, or a little more."""

    def of(value: Mapping[str, Any]) -> int:
        ((kind, inner),) = value.items()
        match kind:
            case "M":
                return 3 + sum(len(name) + 1 + of(part) for name, part in inner.items())
            case "L":
                return 3 + sum(1 + of(part) for part in inner)
            case "SS" | "NS":
                return sum(map(len, inner))
            case "S" | "N" | "B":
                return len(inner)
            case _:
                return 1

    return sum(len(name) + of(value) for name, value in item.items())


def main() -> None:
    """Measure, and write the figures down."""
    measured_cpu, measured_sizes = cpu(), sizes()
    lines = [
        "# Written by `python -m tests.model.measure`. Seconds of a core, and bytes.",
        f'measured = "{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}"',
    ]
    for name, values in (("cpu", asdict(measured_cpu)), ("sizes", asdict(measured_sizes))):
        lines += ["", f"[{name}]", *(f"{key} = {value}" for key, value in values.items())]
    FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(FILE.read_text(encoding="utf-8"))  # noqa: T201 - a program that speaks to a person


if __name__ == "__main__":
    main()
