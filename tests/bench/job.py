"""The job that all clients get: 50 symbols x the 12 months of 2025, hourly candles."""

import csv
import time
from pathlib import Path
from typing import Any

import simulator
from tests.hourly import HOUR_MS, moment_of, year_window

YEAR = year_window(2025)
SYMBOL_COUNT = 50
DAYS = 2 * SYMBOL_COUNT * (YEAR.slots // 24 + 60)
"""The days, each of one symbol, that all of them ask for, and those of the answers that reach beyond the year."""

LATENCY_MS = 50
BATCH = 1000
"""Candles in an answer: Binance's most."""

WORKERS = 4
"""How many workers the local stack runs at a time."""

FLOOR_IN_FLIGHT = 5

_SYMBOLS = Path(simulator.__file__).with_name("symbols.csv")


def listings(skipped: int = 0) -> list[dict[str, str]]:
    """Return the largest symbols that have every hour of the year, behind the `skipped` first."""
    with _SYMBOLS.open(encoding="utf-8") as lines:
        whole = [line for line in csv.DictReader(lines) if line["kind"] == "plain" and line["listed"] < "2025"]
    return whole[skipped : skipped + SYMBOL_COUNT]


def reported_to_peers(url: str) -> dict[str, Any]:
    """Return the job for a program that runs in an environment without this project."""
    return {
        "url": url,
        "pairs": [f"{item['base']}/{item['quote']}" for item in listings()],
        "start_ms": YEAR.start * HOUR_MS,
        "end_ms": YEAR.end * HOUR_MS,
        "days": f"{time.strftime('%Y%m%d', _utc(YEAR.start))}-{time.strftime('%Y%m%d', _utc(YEAR.end))}",
    }


def _utc(hour: int) -> time.struct_time:
    return moment_of(hour).timetuple()
