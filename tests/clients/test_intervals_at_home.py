"""Clients read minutes, hours and weeks of an archive at home that holds recorded minutes and five minutes alone."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from candle_collector.domain import dates

from tests.clients.at_home import HomeArchive, need_nautilus, need_node_clients
from tests.clients.conftest import Archive, need_clients
from tests.clients.test_clients import feather_rows
from tests.exchange import KLINES, running_exchange
from tests.recorded_intervals import FIVE_MINUTES, MINUTES, RECORDED_INTERVALS, SYMBOL, recorded
from tests.standalone.running import running_archive

LENGTHS = {"1m": 60_000, "5m": 300_000, "1h": 3_600_000, "1w": 604_800_000}
NAUTILUS_NAMES = {"1m": "MINUTE_1", "5m": "MINUTE_5", "1h": "HOUR_1", "1w": "WEEK_1"}
FREQTRADE_RANGES = {"1m": "20251029-20251102", "5m": "20241201-20250201", "1h": "20231001-", "1w": "20230925-"}
"""It asks for every page of a range, stored or not."""
MONDAY_MS = 4 * 86_400_000
"""The first of 1970: weeks begin on Mondays."""
BEGINS = dates.start_of(FIVE_MINUTES[0]["start_date"])


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HomeArchive]:
    if not RECORDED_INTERVALS.is_dir():
        pytest.skip(f"the recorded candles are missing: {RECORDED_INTERVALS}")
    with (
        running_exchange("--replay", str(RECORDED_INTERVALS)) as exchange,
        running_archive(tmp_path_factory.mktemp("archive"), exchange.url, PUBLIC_READS="true") as archive,
    ):
        for interval, within in (("1m", MINUTES), *(("5m", months) for months in FIVE_MINUTES)):
            run_id = archive.trigger(
                SYMBOL, start=within["start_date"], end_date=within["end_date"], intervals=[interval]
            )
            held = archive.ended(run_id)
            assert held["complete"] == 1, held
        yield HomeArchive(archive.url, archive.key)


def recorded_candles(interval: str) -> list[list[Any]]:
    """Return all rows of an interval that the recorded ones hold or make up, as Binance's API would say them."""
    if interval == "1m":
        rows = recorded(*sorted(RECORDED_INTERVALS.glob(f"{SYMBOL}-1m-*")))
    elif interval == "5m":
        rows = recorded(*sorted(RECORDED_INTERVALS.glob(f"{SYMBOL}-5m-*")))
    else:
        hours = recorded(*sorted(KLINES.glob(f"{SYMBOL}-1h-*")))
        within = [(dates.start_of(part["start_date"]), dates.end_of(part["end_date"])) for part in FIVE_MINUTES]
        rows = [row for row in hours if any(start <= row[0] < end for start, end in within)]
    if interval == "1w":
        rows = weeks_of(rows)
    return [[*row[:6], row[0] + LENGTHS[interval] - 1, *row[6:]] for row in rows]


def weeks_of(hours: list[list[Any]]) -> list[list[Any]]:
    """Make the whole weeks of hours, by the decimal numbers of their fields."""
    made = []
    length = LENGTHS["1w"]
    for number, group in groupby(hours, lambda row: (row[0] - MONDAY_MS) // length):
        rows = list(group)
        if len(rows) == 7 * 24:
            sums = {column: f"{sum(Decimal(row[column]) for row in rows):f}" for column in (5, 6, 8, 9)}
            high, low = (max(rows, key=lambda row: Decimal(row[2])), min(rows, key=lambda row: Decimal(row[3])))
            prices = [rows[0][1], high[2], low[3], rows[-1][4]]
            trades = sum(row[7] for row in rows)
            opened = number * length + MONDAY_MS
            made.append([opened, *prices, sums[5], sums[6], trades, sums[8], sums[9], "0"])
    return made


@pytest.mark.parametrize("interval", LENGTHS)
def test_freqtrade_downloads_the_same_numbers(archive: HomeArchive, interval: str, tmp_path: Path) -> None:
    need_clients()
    changes = {
        "--timeframes 1h 1d --timerange 20180101-": f"--timeframes {interval} --timerange {FREQTRADE_RANGES[interval]}",
        '"BTC/USDT", "ETH/USDT"': '"BTC/USDT"',
        '"rateLimit": 1000': '"rateLimit": 50',
    }
    Archive(archive.url, archive.key).run("freqtrade", folder=tmp_path, changes=changes)
    (file,) = tmp_path.rglob(f"BTC_USDT-{interval}.feather")
    begins = dates.start_of("2024-12-01") if interval == "5m" else 0
    assert feather_rows(file) == floats([row for row in recorded_candles(interval) if row[0] >= begins])


def floats(rows: list[list[Any]]) -> list[list[float]]:
    return [[row[0], *map(float, row[1:6])] for row in rows]


def test_all_that_is_recorded_is_held_against_the_clients() -> None:
    if not RECORDED_INTERVALS.is_dir():
        pytest.skip(f"the recorded candles are missing: {RECORDED_INTERVALS}")
    assert {interval: len(recorded_candles(interval)) for interval in LENGTHS} == {
        "1m": 4320,
        "5m": 26_784,
        "1h": 2232,
        "1w": 12,
    }


@pytest.mark.parametrize("interval", LENGTHS)
def test_nautilus_trader_reads_rows_to_the_last_digit(archive: HomeArchive, interval: str) -> None:
    need_nautilus()
    then = """
import json
from msgspec import to_builtins
print(json.dumps(to_builtins(candles)))
"""
    changes = {"BinanceKlineInterval.HOUR_1": f"BinanceKlineInterval.{NAUTILUS_NAMES[interval]}"}
    printed = archive.python("nautilus_trader", then=then, changes={**changes, "1704067200000": str(BEGINS)})
    found = [list(item.values()) if isinstance(item, dict) else item for item in printed]
    assert found == recorded_candles(interval)


@pytest.mark.parametrize("interval", LENGTHS)
def test_ccxt_reads_the_same_numbers(archive: HomeArchive, interval: str) -> None:
    need_node_clients()
    changes = {'"1h"': f'"{interval}"', "Date.UTC(2024, 0)": str(BEGINS)}
    printed = archive.node("ccxt for JavaScript", then="console.log(JSON.stringify(candles));", changes=changes)
    assert printed == floats(recorded_candles(interval))
