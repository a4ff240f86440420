"""The symbols of symbols.csv: what each is, when it was listed, halted and delisted; listing days are Binance's."""

import csv
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from simulator.intervals import HOUR_MS

_SYMBOLS = Path(__file__).with_name("symbols.csv")


@cache
def symbols() -> Mapping[str, Mapping[str, str]]:
    """Return the lines of the file by symbol, in the order of their volume."""
    with _SYMBOLS.open(encoding="utf-8", newline="") as lines:
        return {line["symbol"]: line for line in csv.DictReader(lines)}


def hour_of(text: str) -> int:
    """Return the hour since 1970 of a text such as ``2021-04-25T05``."""
    return int(datetime.fromisoformat(text + ":00").replace(tzinfo=UTC).timestamp()) // 3600


def listed_ms(symbol: str) -> int | None:
    """Return when a symbol was listed, None for one that the file does not have."""
    line = symbols().get(symbol)
    return None if line is None else hour_of(line["listed"]) * HOUR_MS
