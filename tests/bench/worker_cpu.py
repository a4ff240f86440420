"""A worker's own work for each batch of candles beside the least there is: `json.loads` and boto3's writes.

Run it alone with ``python -m tests.bench.worker_cpu``; ``--profile`` says where a turn's time goes.
"""

import argparse
import cProfile
import json
import os
import pstats
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import boto3
from botocore.config import Config
from candle_collector.adapters.dynamodb.candles_table import CandlesTable
from candle_collector.adapters.dynamodb.item_table import ItemTable
from candle_collector.adapters.dynamodb.lease_table import LeaseTable
from candle_collector.adapters.dynamodb.rate_limiter_table import RateLimiterTable
from candle_collector.adapters.dynamodb.runs_table import RunsTable
from candle_collector.adapters.dynamodb.series_table import SeriesTable
from candle_collector.collecting.collect_symbol import collect_symbol
from candle_collector.collecting.worker_ports import WorkerPorts
from candle_collector.domain.series_message import SeriesMessage
from candle_collector.domain.windows import Window
from candle_collector.ports import Exchange
from moto import mock_aws
from rich.console import Console
from rich.table import Table

from tests.bench.instant import InstantExchange, RecordedAws, instant_binance
from tests.bench.turns import BATCH, RUN_ID, begin_run, turn_with
from tests.hourly import HOUR, HOUR_MS, hourly, year_window
from tests.plans import spans_of

SYMBOL = "BTCUSDT"
YEAR = year_window(2025)
SPANS = spans_of((YEAR,), BATCH, HOUR.block_slots)
MESSAGE = SeriesMessage(RUN_ID, hourly(SYMBOL), 1)
REPEATS = 15
WRITES = {"BatchWriteItem": "batch_write_item", "PutItem": "put_item"}
"""How blocks are written: whole ones together, and each of which a batch has a part by itself."""
TABLES = {"bench-candles": ("series", "block"), "bench-runs": ("pk", "sk")}


def compare(console: Console, *, profiled: bool = False) -> None:
    """Print milliseconds of CPU for each batch, and the ratios."""
    exchange = InstantExchange()
    turn, recorded = recorded_turn(instant_binance(exchange))
    writes = recorded.only(*WRITES, saying=f'"series": {{"S": "{MESSAGE.series}"}}')  # not the record of its coverage

    def whole_turn() -> None:
        with recorded.replaying():
            collect_symbol(MESSAGE, turn)

    def four_steps() -> None:
        with writes.replaying():
            _fetch_and_store(turn)

    works = {
        "json.loads and boto3's writes": _least(exchange, writes, validated=True),
        "the same with boto3's validation off": _least(exchange, writes, validated=False),
        "fetch, parse, check, store": four_steps,
        "a whole turn: coverage, rate limiter, records too": whole_turn,
    }
    figures = dict(zip(works, medians_ms([partial(_itself, work) for work in works.values()]), strict=True))
    least = next(iter(figures.values()))
    calls = len(recorded.calls)
    table = Table(title=f"CPU for each batch of {BATCH} candles ({len(SPANS)} batches, {calls} DynamoDB calls a turn)")
    for name in ("work, on transports that answer at once", "ms", "x least"):
        table.add_column(name, justify="left" if name.startswith("work") else "right")
    for name, milliseconds in figures.items():
        table.add_row(name, f"{milliseconds / len(SPANS):.2f}", f"{milliseconds / least:.2f}")
    console.print(table)
    if profiled:
        profile(whole_turn)


def recorded_turn(exchange: Exchange, window: Window = YEAR) -> tuple[WorkerPorts, RecordedAws]:
    """Return a turn with the real adapters, and what DynamoDB answered when it was taken once."""
    recorded = RecordedAws()
    with dynamodb_in_memory():
        table = ItemTable("bench-runs")
        turn = turn_with(
            exchange=exchange,
            candles=CandlesTable("bench-candles", client=table.client),
            series=SeriesTable(table),
            runs=RunsTable(table),
            rate_limiter=RateLimiterTable(table),
        )
        begin_run(turn.runs, LeaseTable(table), [SYMBOL], window)
        with recorded.recording():
            collect_symbol(MESSAGE, turn)
    return turn, recorded


def _itself(work: Callable[[], None]) -> Callable[[], None]:
    """Prepare nothing: the work can be done again as it is."""
    return work


def _fetch_and_store(turn: WorkerPorts) -> None:
    """Do what a batch cannot do without: ask, read and check the answer, write its blocks."""
    absent = HOUR.blocks_in((YEAR,))
    for span in SPANS:
        answer = turn.exchange.fetch_candles(
            hourly(SYMBOL), span.start, span.slots, attempts_made=0, until=turn.until, grant=lambda: None
        )
        turn.candles.store(hourly(SYMBOL), answer.candles, (), absent_blocks=absent)


def _least(exchange: InstantExchange, writes: RecordedAws, *, validated: bool) -> Callable[[], None]:
    """Return the least that anyone does for the same answers and the same items: no check, no items made."""
    client = boto3.client("dynamodb", config=Config(parameter_validation=validated))
    bodies = [exchange.body(SYMBOL, span.start * HOUR_MS, span.slots) for span in SPANS]
    calls = [getattr(client, WRITES[operation]) for operation in writes.calls]

    def work() -> None:
        with writes.replaying():
            for body in bodies:
                json.loads(body)
            for call, request in zip(calls, writes.requests, strict=True):
                call(**request)

    return work


def medians_ms(works: Sequence[Callable[[], Callable[[], None]]]) -> list[float]:
    """Return the CPU of each work in ms, all threads together; they take turns, so that a busy machine slows all.

    Parameters
    ----------
    works
        Each prepares what is measured, which is not.
    """
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(1 + REPEATS):
        for prepare, milliseconds in zip(works, taken, strict=True):
            work = prepare()
            begun = time.process_time()
            work()
            milliseconds.append((time.process_time() - begun) * 1000)
    return [statistics.median(milliseconds[1:]) for milliseconds in taken]


def profile(work: Callable[[], None]) -> None:
    """Print where the time of a work goes."""
    profiled = cProfile.Profile()
    profiled.runcall(work)
    pstats.Stats(profiled).sort_stats("tottime").print_stats(30)


@contextmanager
def dynamodb_in_memory() -> Iterator[None]:
    """Give empty tables to whoever calls DynamoDB from this process."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": "us-east-1"}
    with mock_aws():
        client = boto3.client("dynamodb")
        for name, keys in TABLES.items():
            client.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
                KeySchema=[
                    {"AttributeName": keys[0], "KeyType": "HASH"},
                    {"AttributeName": keys[1], "KeyType": "RANGE"},
                ],
            )
        yield


if __name__ == "__main__":
    arguments = argparse.ArgumentParser("python -m tests.bench.worker_cpu")
    arguments.add_argument("--profile", action="store_true", help="also say where a turn's time goes")
    compare(Console(highlight=False, width=100), profiled=arguments.parse_args().profile)
