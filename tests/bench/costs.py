"""What a stack costs a month, idle and busy, line by line: `python -m tests.bench.costs`.

The functions are called as AWS calls them, on moto and the simulated exchange: a forward run of 100 symbols that
brings each six hours, a weekly gap_fill, a round of the reconciler, a read of 1000 candles. Counted are invocations,
requests, and units by the sizes of items as DynamoDB rounds them. A duration is the CPU time of this process on this
machine at the 0.3 of a core that 512 MB give, moto's included: more than on AWS.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from botocore.endpoint import Endpoint
from rich.console import Console
from rich.table import Table

from tests.bench import prices
from tests.bench.watching import functions
from tests.template.stack import Stack

DAYS = 30
HOURS_LEFT = 6
"""What the run before leaves to the forward run, of each symbol."""
FORWARD_RUNS = 4 * DAYS
GAP_FILLS = DAYS / 7
ROUNDS = 12 * 24 * DAYS
READS = 100 * DAYS
POLLS = 5 * 3 * 60 * 24 * DAYS
"""Five pollers of an idle queue, three requests a minute each: Lambda looks for messages all day."""
CORE, MEMORY_GB = 0.3, 0.5
STORED_GB = 100 * 365 * 3 / 1_000_000
"""A year of 100 symbols, of at most 3 KB a day."""
WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})


@dataclass
class Used:
    """What was used in some invocations."""

    invocations: float = 0
    seconds: float = 0
    write_units: float = 0
    read_units: float = 0
    queue_requests: float = 0

    def times(self, number: float) -> Used:
        """Return as much as many times."""
        return Used(**{name: value * number for name, value in vars(self).items()})

    def __add__(self, other: Used) -> Used:
        return Used(**{name: value + getattr(other, name) for name, value in vars(self).items()})


def main() -> None:
    """Print what a month costs."""
    with functions():
        # the functions read their settings when they are imported
        from tests.integration import rights  # noqa: PLC0415 - as said
        from tests.integration.functions import klines, scheduled, tend, trigger, work_all  # noqa: PLC0415 - as said

        for function in ("trigger", "worker", "reconciler", "candles"):
            rights.role(function)  # kept from then on, so that its time is not counted
        queue_url = os.environ["COLLECT_QUEUE_URL"]
        now = datetime.now(UTC)
        before, last = now - timedelta(days=2), now - timedelta(hours=1 + HOURS_LEFT)
        with _counted():
            trigger({"mode": "backward", "start_date": f"{before:%Y-%m-%d}", "end_date": f"{last:%Y-%m-%dT%H:00:00Z}"})
            work_all(queue_url)
        used = {}
        for mode in ("forward", "gap_fill"):
            with _counted() as used[mode]:
                scheduled(mode, f"2026-01-0{len(used)}T00:05:00Z")
                used[mode].invocations = 1 + work_all(queue_url)
        with _counted() as used["round"]:
            tend()
        with _counted() as used["read"]:
            klines(symbol="BTCUSDT", interval="1h", limit="1000")
    console = Console(highlight=False, width=130)
    for name, counted in used.items():
        console.print(
            f"One {name}: {counted.invocations:.0f} invocations, {counted.seconds:.1f} s at {CORE} of a core, "
            f"{counted.write_units:.0f} write and {counted.read_units:.1f} read units, "
            f"{counted.queue_requests:.0f} queue requests"
        )
    idle = used["round"].times(ROUNDS) + Used(queue_requests=POLLS)
    busy = idle + used["forward"].times(FORWARD_RUNS) + used["gap_fill"].times(GAP_FILLS) + used["read"].times(READS)
    console.print(_table(idle, busy))


def _lines(used: Used, calls: float, runs: float) -> dict[str, tuple[float, float]]:
    """Return dollars a month by line: at list prices, and beyond what is free in every account."""
    stack = Stack(Stage="prod")
    alarms, dashboards = (len(stack.of_type(f"AWS::CloudWatch::{kind}")) for kind in ("Alarm", "Dashboard"))
    gb_seconds, metrics = used.seconds * MEMORY_GB, 10 if runs else 4

    def line(amount: float, price: float, free: float = 0) -> tuple[float, float]:
        return amount * price, max(0.0, amount - free) * price

    return {
        "writes": line(used.write_units, prices.WRITE_UNIT),
        "reads": line(used.read_units, prices.READ_UNIT),
        "storage of a year": line(STORED_GB, prices.STORED_GB, prices.STORED_GB_FREE),
        "backup of a year": line(STORED_GB, prices.BACKED_UP_GB),
        "functions, time": line(gb_seconds, prices.GB_SECOND, prices.GB_SECONDS_FREE),
        "functions, calls": line(used.invocations + calls, prices.INVOCATION, prices.INVOCATIONS_FREE),
        "queue": line(used.queue_requests, prices.QUEUE_REQUEST, prices.QUEUE_REQUESTS_FREE),
        "API": line(calls, prices.API_CALL),
        "logs": line((used.invocations + 2 * calls) * 1500 / 10**9, prices.LOGS_A_GB, prices.LOGS_FREE_GB),
        "traces": line(used.invocations - calls, prices.TRACE, prices.TRACES_FREE),
        "metrics": line(metrics, prices.METRIC, prices.METRICS_FREE),
        "alarms": line(alarms, prices.ALARM, prices.ALARMS_FREE),
        "dashboards": line(dashboards, prices.DASHBOARD, prices.DASHBOARDS_FREE),
    }


def _table(idle: Used, busy: Used) -> Table:
    table = Table("dollars a month", "dev, idle", "prod, busy", "prod alone in its account")
    left, right = _lines(idle, 0, 0), _lines(busy, READS, FORWARD_RUNS)
    for name, (listed, first) in right.items():
        table.add_row(name, f"{left[name][0]:.2f}", f"{listed:.2f}", f"{first:.2f}")
    sums = (sum(line[0] for line in left.values()), *(sum(line[at] for line in right.values()) for at in (0, 1)))
    table.add_row("in all", *(f"{dollars:.2f}" for dollars in sums))
    watched = ("metrics", "alarms", "dashboards")
    table.add_row(
        "without metrics, alarms, dashboards",
        *(
            f"{total - sum(lines[name][at] for name in watched):.2f}"
            for total, lines, at in zip(sums, (left, right, right), (0, 0, 1), strict=True)
        ),
    )
    return table


@contextmanager
def _counted() -> Iterator[Used]:
    """Count what is called of AWS meanwhile."""
    used = Used(invocations=1)
    make_request = Endpoint.make_request

    def counted(endpoint: Endpoint, operation: Any, request: dict[str, Any]) -> Any:
        answer = make_request(endpoint, operation, request)
        service = operation.service_model.endpoint_prefix
        used.queue_requests += service == "sqs"
        if service == "dynamodb":
            body = json.loads(request["body"])
            if operation.name in WRITES:
                used.write_units += _write_units(operation.name, body)
            else:
                size = len(json.dumps(answer[1].get("Items") or answer[1].get("Item") or {}, default=str))
                used.read_units += max(1, math.ceil(size / 4096)) * (1 if body.get("ConsistentRead") else 0.5)
        return answer

    began = time.process_time()
    with patch.object(Endpoint, "make_request", counted):
        yield used
    used.seconds = (time.process_time() - began) / CORE


def _write_units(operation: str, body: dict[str, Any]) -> float:
    match operation:
        case "BatchWriteItem":
            return sum(
                _units_of(table, write["PutRequest"]["Item"])
                for table, writes in body["RequestItems"].items()
                for write in writes
            )
        case "TransactWriteItems":
            parts = [part for item in body["TransactItems"] for part in item.values()]
            return 2 * sum(_units_of(part["TableName"], part.get("Key") or part["Item"]) for part in parts)
        case _:
            return _units_of(body["TableName"], body.get("Key") or body["Item"])


def _units_of(table: str, item: dict[str, Any]) -> int:
    """Return the units of a write, by the size of the item that is there after it."""
    from moto.dynamodb.models import dynamodb_backends  # noqa: PLC0415 - moto is loaded by `functions`

    backend = dynamodb_backends["123456789012"]["us-east-1"]
    names = backend.get_table(table).table_key_attrs
    found = backend.get_item(table, {name: item[name] for name in names})
    return max(1, math.ceil((found.size() if found else 0) / 1024))


if __name__ == "__main__":
    main()
