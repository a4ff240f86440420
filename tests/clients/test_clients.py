"""Clients of Binance read every stored candle exactly, with the lines of docs/reading.md and nothing else.

The truth they are held to is the recorded archive itself, not what the API answers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from candle_collector.api.binance_shape import row
from candle_collector.domain.aggregate import Grid, by_bucket, merge
from candle_collector.domain.candle import Candle

from tests.clients.conftest import Archive
from tests.hourly import HOUR
from tests.recorded import recorded_rows

PRINT_CANDLES = "import json; print(json.dumps(candles))"


def recorded(symbol: str, first_year: int) -> list[Candle]:
    return [candle for year in range(first_year, 2026) for candle in recorded_rows(symbol, year)]


def rows(candles: list[Candle], hours: int = 1) -> list[list[Any]]:
    return [row(candle, HOUR, Grid(hours)) for candle in candles]


def floats(candles: list[Candle]) -> list[list[float]]:
    """Return the rows that ccxt and freqtrade keep: the time in ms, and floats."""
    return [[columns[0], *map(float, columns[1:6])] for columns in rows(candles)]


def feather_rows(path: Path) -> list[list[float]]:
    """Return the rows of a file of freqtrade's: the time in ms, and floats."""
    found = pd.read_feather(path)
    times = found["date"].dt.as_unit("ms").astype("int64")
    columns = [times, *(found[name] for name in ("open", "high", "low", "close", "volume"))]
    return [list(item) for item in zip(*(column.tolist() for column in columns), strict=True)]


def test_ccxt_reads_eight_years(archive: Archive, tmp_path: Path) -> None:
    reported = json.loads(archive.run("ccxt", then=PRINT_CANDLES, folder=tmp_path))
    assert reported == floats(recorded("BTCUSDT", 2018))


@pytest.mark.parametrize("client", ["python-binance", "binance-connector"])
def test_rows_are_read_to_the_last_digit(archive: Archive, tmp_path: Path, client: str) -> None:
    reported = json.loads(archive.run(client, then=PRINT_CANDLES, folder=tmp_path))
    assert reported == rows(recorded("BTCUSDT", 2018))


def test_freqtrade_downloads_hours_and_days_into_its_own_files(archive: Archive, tmp_path: Path) -> None:
    archive.run("freqtrade", folder=tmp_path)
    for symbol, pair, first_year in (("BTCUSDT", "BTC_USDT", 2018), ("ETHUSDT", "ETH_USDT", 2023)):
        hours = recorded(symbol, first_year)
        days = [merge(bucket, candles) for bucket, candles in by_bucket(hours, Grid(24))]
        for interval, candles in (("1h", hours), ("1d", days)):
            files = list(tmp_path.rglob(f"{pair}-{interval}.feather"))
            assert len(files) == 1, (tmp_path / "said").read_text()[-8000:]  # it exits with 0 when it gives up
            reported = feather_rows(files[0])
            # it cuts times to minutes: February 2018 has hours that opened at HH:28:14.789
            expected = [[columns[0] // 60_000 * 60_000, *columns[1:]] for columns in floats(candles)]
            assert reported == expected, f"{pair} {interval}"


def test_a_client_without_a_key_is_reported_so(archive: Archive, tmp_path: Path) -> None:
    refused = Archive(archive.url, "")
    with pytest.raises(AssertionError, match="MISSING_API_KEY"):
        refused.run("ccxt", folder=tmp_path)
