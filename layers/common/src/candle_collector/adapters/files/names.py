"""What the name of a file, and its folders, say of the candles in it."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from candle_collector.adapters.files.refusals import CandleFileError
from candle_collector.domain import dates
from candle_collector.domain.interval import DAY_MS, HOUR, Interval, interval_named
from candle_collector.domain.windows import Window

SUFFIXES = (".csv.gz", ".csv", ".zip", ".parquet")
"""How the names of files end that may hold candles."""

ARCHIVE_NAME = re.compile(
    r"(?P<symbol>[^-]+)-(?P<interval>[^-]+)-(?P<period>\d{4}(?:-\d{2}(?:-\d{2})?)?)"
    r"(?: \(\d+\))?"  # a browser's name for a second copy
)
"""A name of the exchange's archive, without what it ends in."""


def suffix_of(path: Path) -> str | None:
    """Return how a file's name ends, if it is one that may hold candles."""
    return next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), None)


class Said(NamedTuple):
    """What is known of a file before it is read.

    Attributes
    ----------
    symbol
        Whose candles it holds; None where the rows say it.
    period
        The time that it is about, in ms since 1970 UTC; None where nothing says it.
    is_named
        Whether its name says the interval, which no argument changes then.
    """

    symbol: str | None
    interval: Interval
    period: Window | None
    is_named: bool


def said_of(path: Path, symbol: str | None, interval: Interval | None) -> Said:
    """Return whose candles a file holds and of which time, as far as its name or its folders say so.

    Parameters
    ----------
    symbol, interval
        Of whom and of which length its candles are, where the name does not say; hours if nothing does.

    Raises
    ------
    CandleFileError
        It is of another kind or interval.
    """
    suffix = suffix_of(path)
    if suffix is None:
        raise CandleFileError(f"{path}: takes files that end in {', '.join(SUFFIXES)}")
    if any(pair in {("futures", "um"), ("futures", "cm")} for pair in pairwise(path.resolve().parts)):
        raise CandleFileError(f"{path}: its folder is of Binance's futures, and the archive stores spot candles")
    named = ARCHIVE_NAME.fullmatch(path.name[: -len(suffix)])
    if named is None:
        return _said_by_folders(path, symbol, interval)
    try:
        length = interval_named(named["interval"])
    except ValueError as error:
        raise CandleFileError(f"{path}: by its name, {error}. Fetch one of these, or rename it") from error
    if interval not in {None, length}:
        raise CandleFileError(
            f"{path}: its name says that it holds {length}, and --interval says {interval}. Leave --interval out, or "
            "rename the file where its name is wrong"
        )
    return Said(_same(path, symbol, named["symbol"]), length, _period_of(path, named["period"]), is_named=True)


def _said_by_folders(path: Path, symbol: str | None, interval: Interval | None) -> Said:
    """Return what folders say, as an export's do: ``symbol=BTCUSDT/month=2025-01``."""
    said = dict(part.split("=", 1) for part in path.resolve().parts[-3:-1] if "=" in part)
    period = _period_of(path, said["month"]) if "month" in said else None
    named = _same(path, symbol, said["symbol"]) if "symbol" in said else symbol
    return Said(named, interval or HOUR, period, is_named=False)


def _same(path: Path, given: str | None, named: str) -> str:
    """Return the symbol that a name says, which is also the one that was given."""
    if given not in {None, named}:
        raise CandleFileError(
            f"{path}: its name says that it holds {named}, and --symbol says {given}. Leave --symbol out, or rename "
            "the file where its name is wrong"
        )
    return named


def _period_of(path: Path, text: str) -> Window:
    try:
        return _period(text)
    except ValueError as error:
        raise CandleFileError(f"{path}: {text} is not a date") from error


def _period(text: str) -> Window:
    year, month, day = (int(part) for part in [*text.split("-"), "0", "0"][:3])
    if not month:
        return Window(dates.start_of(f"{year:04}-01-01"), dates.end_of(f"{year:04}-12-31"))
    start = dates.start_of(f"{year:04}-{month:02}-{day or 1:02}")
    if day:
        return Window(start, start + DAY_MS)
    following = (year + 1, 1) if month == 12 else (year, month + 1)  # noqa: PLR2004 - December
    return Window(start, dates.start_of("{:04}-{:02}-01".format(*following)))
