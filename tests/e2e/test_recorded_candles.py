"""Eight years of recorded candles, collected over HTTP and read back to the last digit; then damaged and repaired."""

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from candle_collector.domain.windows import Window

from tests.e2e.conftest import RECORDED_CANDLES, StackUnderTest
from tests.e2e.driving import Api, StackExchange, hour, without_close_time
from tests.e2e.runtimes import aws_at_length
from tests.e2e.stored import StoredCandles, stored_candles

YEARS = {
    "BTCUSDT": range(2018, 2026),
    "ETHUSDT": range(2023, 2026),
    "SOLUSDT": range(2024, 2026),
    "BTCUSDC": range(2022, 2026),
}
ALL: dict[str, Any] = {"symbols": list(YEARS), "start_date": "2018-01-01", "end_date": "2025-12-31"}
START, END = hour("2018-01-01"), hour("2026-01-01")

# ../shared/binance.md: from the first missing hour to the last one, both included.
OUTAGES = """
2018-01-04T04 2018-01-04T04
2018-02-08T01 2018-02-09T08
2018-06-26T02 2018-06-26T11
2018-06-27T13 2018-06-27T13
2018-07-04T01 2018-07-04T07
2018-10-19T06 2018-10-19T08
2018-11-14T02 2018-11-14T08
2019-03-12T02 2019-03-12T07
2019-05-15T03 2019-05-15T12
2019-08-15T02 2019-08-15T09
2019-11-13T02 2019-11-13T03
2019-11-25T02 2019-11-25T03
2020-02-09T02 2020-02-09T02
2020-02-19T12 2020-02-19T16
2020-03-04T10 2020-03-04T10
2020-04-25T02 2020-04-25T03
2020-06-28T02 2020-06-28T04
2020-11-30T06 2020-11-30T06
2020-12-21T15 2020-12-21T17
2020-12-25T02 2020-12-25T02
2021-02-11T04 2021-02-11T04
2021-03-06T02 2021-03-06T02
2021-04-20T02 2021-04-20T03
2021-04-25T05 2021-04-25T07
2021-08-13T02 2021-08-13T05
2021-09-29T07 2021-09-29T08
2023-03-24T13 2023-03-24T13
"""
DELISTED = "2022-09-29T03 2023-03-12T05"
"""BTCUSDC: the hours between its last candle before and its first after."""


def windows_of(text: str) -> list[Window]:
    """Return the windows of lines that name their first and last hour."""
    return [Window(hour(first), hour(last) + 1) for first, last in map(str.split, text.strip().splitlines())]


def recorded(symbol: str) -> Iterator[list[Any]]:
    """Yield the recorded rows of a symbol as Binance's API would say them, but for the close time."""
    for year in YEARS[symbol]:
        with gzip.open(RECORDED_CANDLES / f"{symbol}-1h-{year}.csv.gz", "rt", encoding="ascii") as file:
            for opened, open_, high, low, close, volume, _, quote, trades, base, taken, ignored in csv.reader(file):
                open_ms = int(opened) // 1000 if int(opened) > 10**14 else int(opened)
                yield [open_ms, open_, high, low, close, volume, quote, int(trades), base, taken, ignored]


@dataclass(frozen=True)
class Collected:
    """A stack that has collected all recorded candles, and the results of the run that did."""

    stack: StackUnderTest
    api: Api
    exchange: StackExchange
    table: StoredCandles
    results: dict[str, Any]
    requests: int


@pytest.fixture(scope="module")
def collected(replay_stack: StackUnderTest) -> Collected:
    api, exchange = Api(replay_stack), StackExchange(replay_stack)
    # With so slow an exchange no worker of 5 s gets through eight years.
    exchange.settings(latency_ms=50)
    results = api.run(**ALL)
    exchange.settings(latency_ms=0)
    return Collected(replay_stack, api, exchange, stored_candles(replay_stack), results, exchange.klines_asked())


def test_all_four_symbols_end_complete(collected: Collected) -> None:
    assert {
        item["symbol"]: (item["status"], item["missing"]) for item in collected.results["details"]
    } == dict.fromkeys(YEARS, ("complete", []))
    assert collected.results["total_records"] == 144_979


@aws_at_length
def test_eight_years_are_requeued_from_worker_to_worker(collected: Collected) -> None:
    log = collected.stack.local_dir / "logs" / f"{collected.stack.reported['stack_name']}-worker.log"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    turns = {line["turn"] for line in lines if line.get("symbol") == "BTCUSDT" and line.get("message") == "turn done"}
    assert len(turns) >= 2
    assert turns == set(range(1, len(turns) + 1))


@pytest.mark.parametrize("symbol", YEARS)
def test_every_candle_is_reported_as_it_was_recorded(collected: Collected, symbol: str) -> None:
    reported = without_close_time(collected.api.candles(symbol, START, END))
    expected = list(recorded(symbol))
    assert len(reported) == len(expected)
    assert reported == expected


def test_the_outages_are_known_as_never_printed(collected: Collected) -> None:
    outages = windows_of(OUTAGES)
    assert collected.table.never_printed("BTCUSDT") == outages
    assert collected.table.never_printed("ETHUSDT") == outages[-1:]
    assert collected.table.never_printed("SOLUSDT") == []
    assert collected.table.never_printed("BTCUSDC") == [*windows_of(DELISTED), *outages[-1:]]


def test_the_coverage_is_whole(collected: Collected) -> None:
    listed = collected.api.get("/api/admin/coverage").json()["symbols"]
    assert {entry["symbol"]: (entry["percent"], entry["missing_candles"]) for entry in listed} == dict.fromkeys(
        sorted(YEARS), (100.0, 0)
    )
    asked_for = collected.api.get("/api/admin/coverage/BTCUSDT", start_date="2018-01-01", end_date="2025-12-31").json()
    assert (asked_for["stored"], asked_for["never_printed_candles"]) == (70_008, 120)


def test_the_same_again_is_skipped_without_a_request(collected: Collected) -> None:
    collected.exchange.reset()
    results = collected.api.run(**ALL)
    assert results["skipped"] == 4
    assert collected.exchange.klines_asked() == 0


def scattered(first: str, *behind: int) -> list[int]:
    return [hour(first) + hours for hours in behind]


@pytest.mark.parametrize(
    ("mode", "removed"),
    [
        pytest.param("gap_fill", scattered("2021-06-05T14", 0), id="one hour"),
        pytest.param("gap_fill", scattered("2022-03-01T05", 0, 30, 31, 200, 500, 700, 990), id="seven scattered hours"),
        pytest.param("gap_fill", range(hour("2020-08-10"), hour("2020-08-13")), id="three days"),
        pytest.param("gap_fill", range(END - 100, END), id="the last hundred hours by gap_fill"),
        pytest.param("forward", range(END - 100, END), id="the last hundred hours by forward"),
    ],
)
def test_what_is_removed_comes_back_with_one_request_and_nothing_else_changes(
    collected: Collected, mode: str, removed: list[int]
) -> None:
    before = collected.table.items("BTCUSDT")
    collected.table.remove("BTCUSDT", removed)
    collected.exchange.reset()
    with collected.table.changes("BTCUSDT") as changed:
        results = collected.api.run(mode, symbols=["BTCUSDT"])
    assert [(item["status"], item["records"]) for item in results["details"]] == [("complete", len(removed))]
    assert collected.exchange.klines_asked() == 1
    assert collected.table.items("BTCUSDT") == before
    assert changed == {collected.table.day_with(item) for item in removed}
