"""What is collected is read, reported, exported and imported without a change: over HTTP, in files, and back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
import requests
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.adapters.dynamodb.candles_table import CandlesTable
from candle_collector.adapters.dynamodb.item_table import ItemTable
from candle_collector.adapters.files.candle_file import candle_file
from candle_collector.bootstrap import Container, SqlContainer
from candle_collector.collecting.import_candles import ImportLease, ImportPorts, import_series
from candle_collector.domain.closing import closed_ms_at
from candle_collector.domain.windows import Window
from candle_collector.settings import Settings

from tests.clients.snippets import snippet
from tests.e2e.conftest import PROJECT, RECORDED_CANDLES, StackUnderTest, _own_stack, settings_on
from tests.e2e.driving import KLINES, Api, hour, reported
from tests.e2e.runtimes import LOCAL_AWS
from tests.e2e.stored import CandleRows, CandleTable, StoredCandles, stored_candles
from tests.e2e.test_recorded_candles import OUTAGES, windows_of
from tests.hourly import HOUR, HOUR_MS, hourly
from tests.recorded import recorded_rows

YEARS = {
    "BTCUSDC": range(2022, 2026),
    "BTCUSDT": range(2018, 2026),
    "ETHUSDT": range(2023, 2026),
    "SOLUSDT": range(2024, 2026),
}
END = "2025-12-31"
COVERAGE = "/api/admin/coverage"


@dataclass(frozen=True)
class Collected:
    """A stack that has collected all recorded candles."""

    stack: StackUnderTest
    api: Api
    table: StoredCandles

    def candles(self, *words: str) -> str:
        """Run the command `candles` on the stack, and return what it printed."""
        command = [sys.executable, "-m", "cli", *words]
        ended = subprocess.run(  # noqa: S603 - the project's own program
            command, env=self.stack.environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def coverage(self, symbol: str, **bounds: str) -> Mapping[str, Any]:
        """Return what the API says of a symbol's coverage."""
        answer = self.api.get(f"{COVERAGE}/{symbol}", **bounds)
        assert answer.status_code == 200, answer.text
        found: Mapping[str, Any] = answer.json()
        return found


@pytest.fixture(scope="module")
def collected(runtime: str, request: pytest.FixtureRequest) -> Iterator[Collected]:
    if not RECORDED_CANDLES.is_dir():
        pytest.skip(f"the recorded candles are missing: {RECORDED_CANDLES}")
    for stack in _own_stack("reading", f"replay:{RECORDED_CANDLES}", runtime, **settings_on(runtime, request)):
        api = Api(stack)
        for symbol, years in YEARS.items():
            assert api.run(symbols=[symbol], start_date=f"{years[0]}-01-01", end_date=END)["complete"] == 1
        yield Collected(stack, api, stored_candles(stack))


def windows_in(answered: list[Mapping[str, Any]]) -> list[Window]:
    return [Window(hour(entry["start"][:13]), hour(entry["end"][:13])) for entry in answered]


def test_eight_years_are_covered_whole_and_the_outages_are_known(collected: Collected) -> None:
    coverage = collected.coverage("BTCUSDT", start_date="2018-01-01", end_date=END)
    assert (coverage["percent"], coverage["missing"], coverage["expected"]) == (100.0, [], 70_128)
    assert (coverage["stored"], coverage["never_printed_candles"]) == (70_008, 120)
    assert windows_in(coverage["never_printed"]) == windows_of(OUTAGES)
    assert len(coverage["segments"]) == 1


def test_holes_are_reported_as_missing_until_they_are_collected_again(collected: Collected) -> None:
    holes = [Window(hour(first), hour(first) + hours) for first, hours in (("2019-02-03T04", 1), ("2021-06-30T20", 9))]
    holes.append(Window(hour("2025-03-01T00"), hour("2025-03-03T00")))
    for hole in holes:
        collected.table.remove("BTCUSDT", range(*hole))
    coverage = collected.coverage("BTCUSDT", start_date="2018-01-01", end_date=END)
    assert windows_in(coverage["missing"]) == holes
    assert (coverage["percent"], coverage["missing_candles"]) == (99.91, 58)
    shown = subprocess.run(  # noqa: S603 - the project's own command
        [sys.executable, "-m", "cli", "coverage", "--symbols", "BTCUSDT", "--start", "2018-01-01", "--end", END],
        env=collected.stack.environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "99.91%" in shown
    for hole in holes:
        assert f"{reported(hole.start)[:16]} │ {reported(hole.end)[:16]}".replace("T", " ") in shown
    days = collected.api.get(
        KLINES, symbol="BTCUSDT", interval="1d", startTime=hour("2025-02-28") * HOUR_MS, limit=2
    ).json()
    assert [entry[0] for entry in days] == [hour("2025-02-28") * HOUR_MS, hour("2025-03-03") * HOUR_MS]
    assert collected.api.run("gap_fill", symbols=["BTCUSDT"])["complete"] == 1
    assert collected.coverage("BTCUSDT", start_date="2018-01-01", end_date=END)["missing"] == []


def test_the_list_agrees_with_every_symbol_by_itself(collected: Collected) -> None:
    listed = collected.api.get(COVERAGE).json()
    assert listed["next"] is None
    assert [entry["symbol"] for entry in listed["symbols"]] == list(YEARS)
    for entry in listed["symbols"]:
        assert entry | {"end": None, "missing": None} == {
            **collected.coverage(entry["symbol"]),
            "end": None,
            "missing": None,
        }


def test_a_symbol_that_paused_has_two_segments(collected: Collected) -> None:
    first, second = collected.coverage("BTCUSDC")["segments"]
    assert (first["end"], second["start"]) == ("2022-09-29T03:00:00Z", "2023-03-12T06:00:00Z")


def test_a_chart_that_asks_for_ui_klines_gets_the_candles(collected: Collected) -> None:
    query: dict[str, str | int] = {"symbol": "BTCUSDT", "interval": "4h", "limit": 1000}
    charted, stored = (collected.api.get(f"/api/v3/{name}", **query) for name in ("uiKlines", "klines"))
    assert charted.status_code == stored.status_code == 200
    assert charted.json() == stored.json()
    assert len(charted.json()) == 1000


@pytest.mark.parametrize("header", ["X-API-Key", "X-MBX-APIKEY"])
def test_a_key_may_come_in_our_header_or_in_binances(collected: Collected, header: str) -> None:
    answer = requests.get(
        f"{collected.stack.api_url}/api/v3/exchangeInfo", headers={header: collected.stack.api_key}, timeout=60
    )
    assert [entry["symbol"] for entry in answer.json()["symbols"]] == list(YEARS)


@pytest.mark.parametrize(
    ("requested", "code", "word"),
    [
        ({"symbol": "NOSUCH", "interval": "1h"}, -1121, "INVALID_SYMBOL"),
        ({"symbol": "BTCUSDT", "interval": "1x"}, -1120, "INVALID_INTERVAL"),
        ({"symbol": "BTC/USDT", "interval": "1h"}, -1100, "ILLEGAL_CHARACTERS"),
        ({"symbol": "BTCUSDT"}, -1102, "MISSING_PARAMETER"),
        ({"symbol": "BTCUSDT", "interval": "1h", "limit": "0"}, -1130, "INVALID_PARAMETER"),
    ],
)
def test_an_error_has_binances_shape_and_ours(
    collected: Collected, requested: dict[str, str], code: int, word: str
) -> None:
    answer = collected.api.get(KLINES, **requested)
    body = answer.json()
    assert (answer.status_code, body["code"]) == (400, code)
    assert body["error"] == {"code": word, "message": body["msg"]}


def exact(columns: list[list[Any]]) -> list[tuple[Any, ...]]:
    return list(zip(*columns, strict=True))


DECIMALS = ("open", "high", "low", "close", "volume", "quote_volume", "taker_base", "taker_quote")


def recorded() -> list[tuple[Any, ...]]:
    return [
        (symbol, entry.open_time_ms(HOUR), *(Decimal(getattr(entry, name)) for name in DECIMALS), entry.trade_count)
        for symbol, years in YEARS.items()
        for year in years
        for entry in recorded_rows(symbol, year)
    ]


def test_an_export_is_the_recorded_archive_to_pandas_and_duckdb(collected: Collected, tmp_path: Path) -> None:
    path = tmp_path / "candles.parquet"
    said = collected.candles("export", "--end", END, str(path))
    assert "144,979 candles of 4 symbols" in said
    assert "BTCUSDC was silent for a week or more, or came back at another price: it has 2 segments" in said
    frame = pd.read_parquet(path, dtype_backend="pyarrow")
    expected = recorded()
    times = frame["open_time"].astype("timestamp[ms][pyarrow]").astype("int64[pyarrow]")
    columns = [frame["symbol"], times, *(frame[name] for name in DECIMALS), frame["trade_count"]]
    assert exact([column.tolist() for column in columns]) == expected
    query = f"SELECT symbol, epoch_ms(open_time), {', '.join(DECIMALS)}, trade_count FROM '{path}'"  # noqa: S608 - our own path
    assert duckdb.connect().execute(query).fetchall() == expected


def test_the_snippets_for_pandas_and_duckdb_run_as_they_stand(collected: Collected, tmp_path: Path) -> None:
    collected.candles("export", "--symbols", "ETHUSDT", "--end", END, str(tmp_path / "candles.parquet"))
    for heading, then, printed in (
        ("pandas", "print(len(frame), frame.symbol.unique().tolist())", "372 ['BTCUSDT', 'ETHUSDT']\n"),
        ("Files: pandas, DuckDB, a spreadsheet", "print(len(frame), closes[0][0])", "26303 ETHUSDT\n"),
    ):
        ended = subprocess.run(  # noqa: S603 - our own documentation
            [sys.executable, "-c", f"{snippet(heading)}\n{then}"],
            env=collected.stack.environment | {"PYTHONPATH": str(PROJECT)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ended.stdout, ended.returncode) == (printed, 0), ended.stderr


def test_what_was_exported_is_found_stored_when_it_is_imported(collected: Collected, tmp_path: Path) -> None:
    path = tmp_path / "candles.parquet"
    collected.candles("export", "--symbols", "SOLUSDT", "--end", END, str(path))
    said = collected.candles("import", str(path))
    assert "SOLUSDT 1h: 17,544 candles, 0 stored, 17,544 were there, 0 differ, 0 never printed" in said


@contextmanager
def empty_archive(stack: StackUnderTest, folder: Path) -> Iterator[tuple[Container, StoredCandles]]:
    """Yield the adapters on an archive without a candle beside that of a stack, and its candles."""
    if stack.runtime != LOCAL_AWS:
        container = SqlContainer(Settings({"DATABASE_URL": f"sqlite:///{folder}/imported.db"}))
        yield container, CandleRows(container.database)
        container.database.close()
        return
    dynamodb = stack.aws.client("dynamodb", endpoint_url=stack.aws_endpoint_url)
    for table, keys in (("imported-candles", ("series", "block")), ("imported-runs", ("pk", "sk"))):
        dynamodb.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": keys[0], "KeyType": "HASH"}, {"AttributeName": keys[1], "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
        )
    imported = ItemTable("imported-runs", where=stack.where)
    candles = CandlesTable("imported-candles", client=imported.client)
    yield Container(Settings({}), runs_items=imported, candles=candles), CandleTable(stack, "imported-candles")


def test_the_archives_files_imported_are_what_collection_stored(collected: Collected, tmp_path: Path) -> None:
    with empty_archive(collected.stack, tmp_path) as (imported, stored):
        ports = ImportPorts(BINANCE, imported.candles, imported.series, imported.leases, imported.clock)
        closed_ms = closed_ms_at(round(ports.clock.now().timestamp() * 1000))
        lease = ImportLease(ports)
        lease.hold()
        for symbol in YEARS:
            files = [candle_file(path) for path in sorted(RECORDED_CANDLES.glob(f"{symbol}-1h-*"))]
            result = import_series(
                hourly(symbol),
                (batch for file in files for _, batch in file.batches(closed_ms=closed_ms)),
                ports,
                lease,
                stated=tuple(file.period for file in files if file.period),
                closed_end=HOUR.slot_at(closed_ms),
            )
            assert (result.offered, result.different) == (result.stored, [])
        for symbol in YEARS:
            assert stored.items(symbol) == collected.table.items(symbol)
            assert imported.series.get(hourly(symbol)) == collected.stack.container.series.get(hourly(symbol))


def test_the_importing_script_stores_what_is_missing_of_the_archive(collected: Collected) -> None:
    hole = range(hour("2024-05-05T03"), hour("2024-05-06T22"))
    before = collected.table.items("ETHUSDT")
    collected.table.remove("ETHUSDT", hole)
    files = [str(path) for path in sorted(RECORDED_CANDLES.glob("ETHUSDT-*"))]
    said = collected.candles("import", "--archive", *files)
    assert f"ETHUSDT 1h: 26,303 candles, {len(hole)} stored, {26_303 - len(hole):,} were there, 0 differ" in said
    assert collected.table.items("ETHUSDT") == before
