"""What is stored keeps its form: items as the first version wrote them are read, and written again without a change."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from typing import Any

import pytest
from candle_collector.adapters.dynamodb.item_table import ItemTable
from candle_collector.adapters.dynamodb.lease_table import LeaseTable
from candle_collector.adapters.dynamodb.rate_limiter_table import RateLimiterTable
from candle_collector.adapters.dynamodb.runs_table import RunsTable
from candle_collector.adapters.dynamodb.series_table import SeriesTable
from candle_collector.adapters.dynamodb.universe_table import UniverseTable
from candle_collector.domain.failed_window import FailedWindow
from candle_collector.domain.run import Failure, Outcome, RunSeries, RunState
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window
from pynamodb.models import Model

from tests.hourly import HOUR, first_hour_of, hourly
from tests.integration.conftest import client

RUN_ID = "01JWNP30F0AAAAAAAAAAAAAAAA"
AT = "2025-06-01T12:05:30.123456Z"
MOMENT = datetime(2025, 6, 1, 12, 5, 30, 123456, tzinfo=UTC)
JANUARY = first_hour_of("2025-01-01")
FAILURE = '{"kind": "unavailable", "message": "503", "http_status": 503, "exchange_code": null, "attempts": 4}'

RUN: dict[str, Any] = {
    "pk": {"S": f"RUN#{RUN_ID}"},
    "sk": {"S": "RUN"},
    "version": {"N": "1"},
    "mode": {"S": "backward"},
    "start_ms": {"N": "1735689600000"},
    "end_ms": {"N": "1735862400000"},
    "closed_ms": {"N": "1735862400000"},
    "series": {"B": zlib.compress(b'[["binance:BTCUSDT#1h", true], ["binance:OLDUSDT#1h", false]]')},
    "batch_size": {"N": "1000"},
    "created_at": {"S": AT},
    "deadline": {"S": AT},
    "recheck": {"BOOL": False},
    "weight_limit": {"N": "6000"},
    "weight_seconds": {"N": "60"},
    "clock_offset_ms": {"N": "-12"},
    "state": {"S": "active"},
    "started_at": {"S": AT},
    "open_numbers": {"SS": ["0"]},
    "note": {"S": "a note"},
    "expires_at": {"N": "1756555530"},
}
SYMBOL: dict[str, Any] = {
    "pk": {"S": f"RUN#{RUN_ID}"},
    "sk": {"S": "SERIES#binance:BTCUSDT#1h"},
    "version": {"N": "1"},
    "trading": {"BOOL": True},
    "outcome": {"S": "running"},
    "turn": {"N": "3"},
    "claimed_until": {"S": AT},
    "updated_at": {"S": AT},
    "resends": {"N": "1"},
    "range": {"S": "482136/482184"},
    "stored_before": {"N": "0"},
    "records": {"N": "24"},
    "requests": {"N": "5"},
    "retries": {"N": "3"},
    "attempts": {"N": "0"},
    "asked_to": {"N": "482160"},
    "given_up": {"L": [{"S": "482160/482172"}]},
    "missing": {"L": [{"S": "482160/482184"}]},
    "missing_slots": {"N": "24"},
    "failure": {"S": FAILURE},
    "first": {"N": "482136"},
    "last": {"N": "482159"},
    "expires_at": {"N": "1756555530"},
}
SERIES: dict[str, Any] = {
    "pk": {"S": "SERIES"},
    "sk": {"S": "binance:BTCUSDT#1h"},
    "version": {"N": "1"},
    "first": {"N": "482136"},
    "last": {"N": "482159"},
    "absent": {"S": "482112/482136"},
    "years": {"S": '{"2025": 24}'},
    "troubles": {"S": '[["482160/482184", 4, "503"]]'},
}
OTHERS: tuple[dict[str, Any], ...] = (
    {"pk": {"S": "RUNS"}, "sk": {"S": RUN_ID}, "version": {"N": "1"}, "at": {"S": AT}},
    {"pk": {"S": "OPEN"}, "sk": {"S": RUN_ID}, "version": {"N": "1"}, "at": {"S": AT}},
    {
        "pk": {"S": "LEASE"},
        "sk": {"S": "LEASE"},
        "version": {"N": "1"},
        "run_id": {"S": RUN_ID},
        "expires": {"S": "2025-06-01T17:15:30.000000Z"},
    },
    {
        "pk": {"S": "GATE"},
        "sk": {"S": "GATE"},
        "version": {"N": "1"},
        "period": {"N": "29145600"},
        "reserved": {"N": "120"},
        "blocked_until": {"S": AT},
        "failure": {"S": FAILURE},
        "permanent": {"BOOL": False},
        "clock_offset_ms": {"N": "7"},
    },
    {
        "pk": {"S": "UNIVERSE"},
        "sk": {"S": "2025-06-01#USDT"},
        "version": {"N": "1"},
        "run_id": {"S": RUN_ID},
        "ranked": {"S": '[{"symbol": "BTCUSDT", "quote_volume": "0.5"}]'},
    },
)


@pytest.fixture
def table(tables: None) -> ItemTable:
    """Return the runs table with one item of each kind."""
    assert tables is None
    for item in (RUN, SYMBOL, SERIES, *OTHERS):
        client("dynamodb").put_item(TableName="runs", Item=item)
    return ItemTable("runs")


def stored(item: dict[str, Any]) -> dict[str, Any]:
    key = {name: item[name] for name in ("pk", "sk")}
    found: dict[str, Any] = client("dynamodb").get_item(TableName="runs", Key=key)["Item"]
    return found


def test_a_run_is_read(table: ItemTable) -> None:
    runs = RunsTable(table)
    run = runs.get(RUN_ID)
    assert run is not None
    assert (run.mode, run.window(HOUR), run.state) == ("backward", Window(JANUARY, JANUARY + 48), RunState.ACTIVE)
    assert run.series == (RunSeries(hourly("BTCUSDT"), trading=True), RunSeries(hourly("OLDUSDT"), trading=False))
    assert (run.open, run.created_at, run.clock_offset_ms) == (frozenset({"binance:BTCUSDT#1h"}), MOMENT, -12)
    assert runs.runs(limit=5) == runs.open_runs() == [RUN_ID]


def test_a_symbols_record_is_read_and_written_again_in_the_same_form(table: ItemTable) -> None:
    runs = RunsTable(table, now=lambda: MOMENT)
    record = runs.symbol(RUN_ID, hourly("BTCUSDT"))
    assert record is not None
    assert (record.outcome, record.turn, record.claimed_until) == (Outcome.RUNNING, 3, MOMENT)
    assert record.missing == (Window(JANUARY + 24, JANUARY + 48),)
    assert record.failure == Failure("unavailable", "503", 503, None, 4)
    written = runs.put_symbol(record)
    assert stored(SYMBOL) == SYMBOL | {"revision": {"S": written.revision}, "refused": {"N": "0"}}


def test_a_series_is_read_and_written_again_in_the_same_form(table: ItemTable) -> None:
    store = SeriesTable(table)
    series = store.get(hourly("BTCUSDT"))
    assert series == SeriesRecord(
        hourly("BTCUSDT"),
        first=JANUARY,
        last=JANUARY + 23,
        absent=Window(JANUARY - 24, JANUARY),
        years={2025: 24},
        failed_windows=(FailedWindow(Window(JANUARY + 24, JANUARY + 48), 4, "503"),),
    )
    written = store.put(series)
    assert stored(SERIES) == SERIES | {"revision": {"S": written.revision}}


def test_lease_rate_limiter_and_universe_are_read(table: ItemTable) -> None:
    assert LeaseTable(table).holder(MOMENT) == RUN_ID
    state = RateLimiterTable(table).state()
    assert (state.reserved, state.period, state.blocked_until, state.block_reason) == (120, 29145600, MOMENT, "503")
    assert (state.clock_offset_ms, state.blocks, state.refused_until) == (7, 0, None)
    assert UniverseTable(table).get("2025-06-01") == {"USDT": [{"symbol": "BTCUSDT", "quote_volume": "0.5"}]}


def test_all_stores_of_a_process_share_one_client(table: ItemTable) -> None:
    connections = {
        id(model._get_connection().connection)
        for store in (RunsTable(table), SeriesTable(table), LeaseTable(table), UniverseTable(table))
        for model in vars(store).values()
        if isinstance(model, type) and issubclass(model, Model)
    }
    assert connections == {id(table.connection)}
