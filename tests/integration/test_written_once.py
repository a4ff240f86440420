"""Writes to the runs table whose replies are lost or that meet another's, and reads right after a write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from candle_collector.adapters.dynamodb.item_table import ItemTable
from candle_collector.adapters.dynamodb.lease_table import LeaseTable
from candle_collector.adapters.dynamodb.runs_table import RunsTable
from candle_collector.adapters.dynamodb.series_table import SeriesTable
from candle_collector.domain.run import RunState
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.errors import CollectorError, StaleTurnError

from tests.hourly import hourly
from tests.port_contracts.run_store import LATER, NAMES, NOW, A, B, activate, known, records, run

Call = Callable[..., Any]


class Calls:
    """The calls of DynamoDB's clients.

    Attributes
    ----------
    made
        Operations and their parameters, in order.
    twice
        How many of the next writes are done twice, as when a reply is lost and the SDK sends the request again.
    conflicts
        How many of the next writes meet another one of the same item.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.made: list[tuple[str, dict[str, Any]]] = []
        self.twice = 0
        self.conflicts = 0
        call: Call = BaseClient._make_api_call  # type: ignore[attr-defined] # botocore has no public way to it

        def make_api_call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
            self.made.append((operation, parameters))
            is_write = operation not in {"GetItem", "Query", "BatchGetItem"}
            if is_write and self.conflicts:
                self.conflicts -= 1
                raise _conflict(operation)
            if is_write and self.twice:
                self.twice -= 1
                call(client, operation, parameters)
            return call(client, operation, parameters)

        patch.setattr(BaseClient, "_make_api_call", make_api_call)
        patch.setattr("candle_collector.adapters.dynamodb.item_table.time.sleep", lambda _: None)


def _conflict(operation: str) -> ClientError:
    answer: Any = {"Error": {"Code": "TransactionConflictException", "Message": "ongoing"}}
    if operation == "TransactWriteItems":
        answer["Error"] = {"Code": "TransactionCanceledException", "Message": "cancelled [TransactionConflict]"}
        answer["CancellationReasons"] = [{"Code": "TransactionConflict", "Message": "ongoing"}]
    return ClientError(answer, operation)


@pytest.fixture(scope="module")
def table(aws: None) -> ItemTable:
    assert aws is None
    return ItemTable("runs")


@pytest.fixture
def runs(table: ItemTable, tables: None) -> RunsTable:
    assert tables is None
    return RunsTable(table)


@pytest.fixture
def series(table: ItemTable, tables: None) -> SeriesTable:
    assert tables is None
    return SeriesTable(table)


@pytest.fixture
def leases(table: ItemTable) -> LeaseTable:
    return LeaseTable(table)


@pytest.fixture
def calls(table: ItemTable, monkeypatch: pytest.MonkeyPatch) -> Calls:
    assert table
    return Calls(monkeypatch)


def test_a_step_whose_reply_is_lost_is_known_as_ones_own(runs: RunsTable, leases: LeaseTable, calls: Calls) -> None:
    leases.take(A, now=NOW, expires=LATER)
    calls.twice = 1
    runs.create(run(), records())
    calls.twice = 1
    runs.activate(A, LATER, occurrence="forward#1")
    assert runs.get(A) == run(state=RunState.ACTIVE, started_at=LATER)
    calls.twice = 1
    written = runs.put_symbol(replace(known(runs), records=7))
    assert (known(runs), known(runs).revision) == (written, written.revision)
    calls.twice = 1
    assert runs.end(A, at=LATER, counts={}) is True
    assert leases.holder(NOW) is None


def test_a_record_of_a_series_whose_reply_is_lost_is_known_as_ones_own(series: SeriesTable, calls: Calls) -> None:
    calls.twice = 1
    written = series.put(SeriesRecord(hourly("BTCUSDT"), first=1, last=2))
    calls.twice = 1
    again = series.put(replace(written, last=3))
    assert (series.get(hourly("BTCUSDT")).last, series.get(hourly("BTCUSDT")).revision) == (3, again.revision)
    with pytest.raises(StaleTurnError):
        series.put(replace(written, last=4))


def test_a_write_that_meets_another_one_is_done_again(
    runs: RunsTable, leases: LeaseTable, series: SeriesTable, calls: Calls
) -> None:
    calls.conflicts = 7
    leases.take(A, now=NOW, expires=LATER)
    calls.conflicts = 2
    runs.create(run(), records())
    calls.conflicts = 2
    runs.activate(A, LATER)
    calls.conflicts = 2
    assert runs.put_symbol(replace(known(runs), records=7)).records == 7
    calls.conflicts = 2
    series.put(SeriesRecord(hourly("BTCUSDT")))
    calls.conflicts = 2
    assert runs.end(A, at=LATER, counts={}) is True
    calls.conflicts = 8
    with pytest.raises(CollectorError, match="busy"):
        runs.forget_open(A)


@pytest.mark.parametrize(
    "read",
    [
        lambda table: RunsTable(table).get(A),
        lambda table: RunsTable(table).symbol(A, hourly("BTCUSDT")),
        lambda table: RunsTable(table).symbols(A),
        lambda table: RunsTable(table).open_runs(),
        lambda table: RunsTable(table).occurred("forward#1"),
        lambda table: SeriesTable(table).get(hourly("BTCUSDT")),
        lambda table: list(SeriesTable(table).all()),
        lambda table: LeaseTable(table).holder(NOW),
    ],
    ids=["a run", "a symbol", "symbols", "open runs", "an occurrence", "a series", "all series", "the lease"],
)
def test_what_decides_on_a_step_is_read_as_of_now(
    table: ItemTable, runs: RunsTable, calls: Calls, read: Callable[[ItemTable], object]
) -> None:
    """Else a step that was done a moment ago would be done again; moto has no replica that is behind."""
    runs.create(run(), records())
    calls.made.clear()
    read(table)
    ((_, parameters),) = calls.made
    assert parameters.get("ConsistentRead") is True


def test_a_record_of_a_symbol_that_a_dead_trigger_never_wrote_ages_too(table: ItemTable, tables: None) -> None:
    assert tables is None
    runs = RunsTable(table, now=lambda: LATER)
    runs.create(run(), [])
    runs.put_symbol(records()[0])
    item = table.client.get_item(TableName="runs", Key={"pk": {"S": f"RUN#{A}"}, "sk": {"S": f"SERIES#{NAMES[0]}"}})[
        "Item"
    ]
    assert item["expires_at"] == {"N": str(int((LATER + timedelta(days=90)).timestamp()))}


def test_the_end_of_a_run_leaves_the_lease_of_another(runs: RunsTable, leases: LeaseTable) -> None:
    activate(runs, leases)
    assert leases.take(B, now=NOW, expires=LATER) == A
    assert runs.end(A, at=LATER, counts={}) is True
    assert leases.take(B, now=NOW, expires=LATER) is None
    assert runs.end(A, at=LATER, counts={}) is False
    assert leases.holder(NOW) == B


def test_a_lease_is_free_at_its_end(leases: LeaseTable, tables: None) -> None:
    assert tables is None
    leases.take(A, now=NOW, expires=LATER)
    assert leases.holder(LATER) is None
    assert leases.take(B, now=LATER, expires=LATER.replace(year=2026)) is None
