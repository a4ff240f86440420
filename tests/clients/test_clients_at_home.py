"""Clients with strict types, and npm's, read every stored candle exactly, with the lines of docs/reading.md alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from candle_collector.api.binance_shape import row

from tests.clients.at_home import HomeArchive, need_nautilus, need_node_clients, open_archive
from tests.exchange import KLINES
from tests.hourly import HOUR
from tests.recorded import recorded_rows

PRINTED = "console.log(JSON.stringify(candles));"
FIELDS = ("openTime", "open", "high", "low", "close", "volume", "closeTime")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HomeArchive]:
    if not KLINES.is_dir():
        pytest.skip(f"the recorded candles are missing: {KLINES}")
    with open_archive(tmp_path_factory.mktemp("archive")) as archive:
        yield archive


@pytest.fixture(scope="module")
def rows() -> list[list[Any]]:
    return [row(candle, HOUR) for year in (2024, 2025) for candle in recorded_rows("BTCUSDT", year)]


def test_nautilus_trader_loads_instruments_and_candles(archive: HomeArchive, rows: list[list[Any]]) -> None:
    need_nautilus()
    then = """
import json
from msgspec import to_builtins
print(json.dumps({"ids": [str(item.id) for item in instruments], "candles": to_builtins(candles)}))
"""
    printed = archive.python("nautilus_trader", then=then)
    assert printed["ids"] == ["BTCUSDT.BINANCE"]
    assert [list(item.values()) if isinstance(item, dict) else item for item in printed["candles"]] == rows


@pytest.mark.parametrize("client", ["@binance/connector", "binance (npm)"])
def test_npm_clients_read_rows_to_the_last_digit(archive: HomeArchive, rows: list[list[Any]], client: str) -> None:
    need_node_clients()
    assert archive.node(client, then=PRINTED) == rows


def test_ccxt_for_javascript_reads_them(archive: HomeArchive, rows: list[list[Any]]) -> None:
    need_node_clients()
    printed = archive.node("ccxt for JavaScript", then=PRINTED)
    assert printed == [[columns[0], *map(float, columns[1:6])] for columns in rows]


@pytest.mark.parametrize("client", ["binance-api-node", "node-binance-api"])
def test_clients_that_send_no_key_read_them(archive: HomeArchive, rows: list[list[Any]], client: str) -> None:
    need_node_clients()
    printed = archive.node(client, then=PRINTED)
    assert [[item[name] for name in FIELDS] for item in printed] == [columns[:7] for columns in rows]


@pytest.mark.parametrize("client", ["binance (npm)", "binance-api-node"])
def test_they_read_the_listings(archive: HomeArchive, client: str) -> None:
    need_node_clients()
    (listing,) = archive.node(client, then="console.log(JSON.stringify(symbols));")
    assert (listing["symbol"], listing["baseAsset"], listing["quoteAsset"]) == ("BTCUSDT", "BTC", "USDT")


def test_microseconds_go_in_and_out(archive: HomeArchive, rows: list[list[Any]]) -> None:
    need_node_clients()
    then = """
const headers = { "X-MBX-TIME-UNIT": "MICROSECOND" };
const query = "symbol=BTCUSDT&interval=1h&startTime=1704067200000000&limit=1000";
console.log(await (await fetch(`${process.env.ARCHIVE_URL}/api/v3/klines?${query}`, { headers })).text());
"""
    printed = archive.node("binance (npm)", then=then)
    assert [[columns[0] // 1000, *columns[1:6], columns[6] // 1000, *columns[7:]] for columns in printed] == rows[:1000]
    assert {columns[6] % 1000 for columns in printed} == {999}
