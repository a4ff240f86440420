"""The recorded candles of one and of five minutes, and what they cover."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

from tests.exchange import KLINES

RECORDED_INTERVALS = KLINES.parent / "klines-intervals"
SYMBOL = "BTCUSDT"
MINUTES: dict[str, Any] = {"start_date": "2025-10-29T04:22:00Z", "end_date": "2025-11-01T04:21:00Z"}
FIVE_MINUTES: list[dict[str, Any]] = [
    {"start_date": "2023-10-01", "end_date": "2023-10-31"},
    {"start_date": "2024-12-01", "end_date": "2025-01-31"},
]


def recorded(*files: Path) -> list[list[Any]]:
    """Return the rows of files as Binance's API would say them, but for the close time."""
    rows = []
    for path in files:
        with gzip.open(path, "rt", encoding="ascii") as file:
            for opened, open_, high, low, close, volume, _, quote, trades, base, taken, ignored in csv.reader(file):
                open_ms = int(opened) // 1000 if int(opened) > 10**14 else int(opened)
                rows.append([open_ms, open_, high, low, close, volume, quote, int(trades), base, taken, ignored])
    return rows
