"""What watching the archive costs a month, from the lines of a run of 100 symbols: `python -m tests.bench.watching`.

The functions are called as AWS calls them, on moto and the simulated exchange, and all that they print is counted.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from moto import mock_aws
from rich.console import Console
from rich.table import Table

from tests.bench.prices import (
    ALARM,
    ALARMS_FREE,
    DASHBOARD,
    DASHBOARDS_FREE,
    LOGS_A_GB,
    LOGS_FREE_GB,
    METRIC,
    METRICS_FREE,
    TRACE,
    TRACES_FREE,
)
from tests.emf import Emitted, emitted
from tests.exchange import running_exchange
from tests.integration.conftest import TABLES, client
from tests.template.stack import Stack

SYMBOLS = 100
RUNS = 4 * 30
ROUNDS = 12 * 24 * 30

PLATFORM_LINES = (
    "START RequestId: 8f5a1b2c-3d4e-4f60-8a7b-9c0d1e2f3a4b Version: $LATEST\n"
    "END RequestId: 8f5a1b2c-3d4e-4f60-8a7b-9c0d1e2f3a4b\n"
    "REPORT RequestId: 8f5a1b2c-3d4e-4f60-8a7b-9c0d1e2f3a4b\tDuration: 1234.56 ms\tBilled Duration: 1235 ms\t"
    "Memory Size: 512 MB\tMax Memory Used: 128 MB\tXRAY TraceId: 1-65a1b2c3-0123456789abcdef01234567\t"
    "SegmentId: 0123456789abcdef\tSampled: true\n"
)
"""What Lambda itself adds to the log of each invocation."""
EVENT_OVERHEAD = 26
"""The bytes that CloudWatch counts for each line beside its text."""


@dataclass
class Printed:
    """What a function has printed in some invocations."""

    invocations: int = 0
    text: str = ""

    @property
    def bytes(self) -> int:
        """What CloudWatch counts of it, Lambda's own lines included."""
        text = self.text + PLATFORM_LINES * self.invocations
        return len(text.encode()) + EVENT_OVERHEAD * text.count("\n")


def main() -> None:
    """Print what a month costs."""
    with functions():
        # the functions read their settings when they are imported
        from tests.integration.functions import scheduled, tend, trigger, work_all  # noqa: PLC0415 - as said above

        queue_url = os.environ["COLLECT_QUEUE_URL"]
        parts: dict[str, Printed] = {}
        before = (datetime.now(UTC) - timedelta(days=2)).date().isoformat()
        with _printing({}, "a run that leaves a day and some hours to the next"):
            trigger({"mode": "backward", "start_date": before, "end_date": before})
            work_all(queue_url)
        with _printing(parts, "trigger"):
            started = scheduled("forward", "2026-01-01T00:05:00Z")
        with _printing(parts, "worker") as workers:
            workers.invocations = work_all(queue_url)
        with _printing(parts, "reconciler"):
            tend()
    values = emitted("".join(part.text for part in parts.values()))
    run = [value for value in values if value.logged.get("run_id") == started["run_id"]]
    _report(parts, values, run)


def _report(parts: dict[str, Printed], values: list[Emitted], run: list[Emitted]) -> None:
    alarms, dashboards = (
        len(Stack(Stage="prod").of_type(kind)) for kind in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard")
    )
    names = {value.name for value in values} | {"KeysRefused"}  # nobody was refused
    log_bytes = RUNS * (parts["trigger"].bytes + parts["worker"].bytes) + ROUNDS * parts["reconciler"].bytes
    traces = RUNS * (parts["trigger"].invocations + parts["worker"].invocations) + ROUNDS
    gigabytes = log_bytes / 10**9
    console = Console(highlight=False, width=120)
    console.print(
        f"A run of {SYMBOLS} symbols: {parts['worker'].invocations} turns, {len(run)} values of metrics, "
        f"{parts['worker'].bytes / 1000:,.0f} kB of logs. "
        f"A round of the reconciler: {parts['reconciler'].bytes:,} bytes of logs."
    )
    table = Table("a month", "how much", "free in an account", "dollars at list prices", "dollars for a first stack")
    rows = [
        (
            "metrics",
            f"{len(names)}",
            f"{METRICS_FREE}",
            len(names) * METRIC,
            max(0, len(names) - METRICS_FREE) * METRIC,
        ),
        ("alarms", f"{alarms}", f"{ALARMS_FREE}", alarms * ALARM, max(0, alarms - ALARMS_FREE) * ALARM),
        (
            "dashboards",
            f"{dashboards}",
            f"{DASHBOARDS_FREE}",
            dashboards * DASHBOARD,
            max(0, dashboards - DASHBOARDS_FREE) * DASHBOARD,
        ),
        (
            "logs",
            f"{gigabytes:.3f} GB",
            f"{LOGS_FREE_GB:.0f} GB",
            gigabytes * LOGS_A_GB,
            max(0.0, gigabytes - LOGS_FREE_GB) * LOGS_A_GB,
        ),
        ("traces", f"{traces:,}", f"{TRACES_FREE:,}", traces * TRACE, max(0, traces - TRACES_FREE) * TRACE),
    ]
    for *cells, listed, first in rows:
        table.add_row(*map(str, cells), f"{listed:.2f}", f"{first:.2f}")
    table.add_row("in all", "", "", f"{sum(row[3] for row in rows):.2f}", f"{sum(row[4] for row in rows):.2f}")
    console.print(table)


@contextmanager
def _printing(parts: dict[str, Printed], function: str) -> Iterator[Printed]:
    """Keep what a function prints meanwhile."""
    from tests.logs import written  # noqa: PLC0415 - the logger reads its settings when it is made

    part = parts.setdefault(function, Printed(invocations=1))
    with redirect_stdout(io.StringIO()) as metrics, written() as logs:
        yield part
    part.text = metrics.getvalue() + logs.getvalue()


@contextmanager
def functions() -> Iterator[None]:
    """Set what the functions find on AWS, with the tables and the queue on moto, and an exchange of 150 symbols."""
    os.environ.update(
        AWS_ACCESS_KEY_ID="testing",
        AWS_SECRET_ACCESS_KEY="testing",
        AWS_DEFAULT_REGION="us-east-1",
        STAGE="local",
        CANDLES_TABLE="candles",
        RUNS_TABLE="runs",
        TOP_N_CRYPTOS=str(SYMBOLS),
        WORKER_CONCURRENCY="5",
        POWERTOOLS_METRICS_NAMESPACE="CandleCollector",
        POWERTOOLS_SERVICE_NAME="candle-collector-prod",
        POWERTOOLS_LOG_LEVEL="INFO",
    )
    with running_exchange("--simulated") as exchange, mock_aws():
        dynamodb: Any = client("dynamodb")
        for table, keys in TABLES.items():
            dynamodb.create_table(
                TableName=table,
                BillingMode="PAY_PER_REQUEST",
                KeySchema=[
                    {"AttributeName": name, "KeyType": kind}
                    for name, kind in zip(keys, ("HASH", "RANGE"), strict=False)
                ],
                AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
            )
        os.environ["COLLECT_QUEUE_URL"] = client("sqs").create_queue(QueueName="collect")["QueueUrl"]
        os.environ["EXCHANGE_BASE_URL"] = exchange.url
        yield


if __name__ == "__main__":
    main()
