"""Replays a folder of Binance's archive files, ``SYMBOL-INTERVAL-*.csv[.gz]``, parsing only what is asked for."""

import gzip
import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path

from simulator.candles import DECIMALS
from simulator.intervals import DAY, INTERVALS, MONTH, Interval
from simulator.market import Listing, Row
from simulator.symbols import listed_ms

_ARCHIVE_NAMES = {**INTERVALS, "1mo": MONTH}
"""Intervals by their names in files: some file systems do not know 1m from 1M."""

_NAME = re.compile(rf"(?P<symbol>[\w.-]+?)-(?P<interval>{'|'.join(_ARCHIVE_NAMES)})-(?P<period>.+?)\.csv(\.gz)?")
_QUOTES = ("USDT", "FDUSD", "USDC", "TUSD", "BUSD", "DAI", "BTC", "ETH", "BNB", "EUR", "TRY", "BRL", "GBP")
_COLUMNS = 12
_ALWAYS = (0, 10**14)
_MICROSECONDS = 10**14
"""The archive's times are microseconds from 2025 on: larger than any time in ms before the year 5138."""

CLOCK_MARGIN_MS = 30_000
"""For how long the newest candle has been closed when the clock starts: collectors leave a margin after the close."""


class ReplayError(Exception):
    """A folder that cannot be replayed; the message says what is wrong with it."""


@dataclass
class _Part:
    """Files whose periods overlap, and their rows, which are read when they are first asked for."""

    start_ms: int
    end_ms: int
    files: list[Path]

    @cached_property
    def rows(self) -> list[Row]:
        """All rows by open time; of rows that several files have, the last file's by name."""
        rows = {row[0]: row for path in sorted(self.files) for row in _read(path)}
        return [rows[opened] for opened in sorted(rows)]


class ReplayedMarket:
    """The market that a folder of archive files recorded.

    A symbol of which the next candle could not have closed yet when the folder's newest one had is TRADING, one whose
    data ends earlier is in BREAK.

    Parameters
    ----------
    folder
        Where the files lie; other files in it are left alone.

    Raises
    ------
    ReplayError
        If the folder is missing, holds no such file, or the newest file or the oldest of a symbol cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ReplayError(f"{folder} is not a folder. Give one that holds files such as BTCUSDT-1h-2024.csv.gz.")
        self._parts = _parts(folder)
        ends = {symbol: end for symbol in sorted(self._parts) if (end := self._end_ms(symbol)) is not None}
        if not ends:
            raise ReplayError(f"{folder} holds no candles: no file such as BTCUSDT-1h-2024.csv[.gz] with rows in it.")
        self._closed_ms = max(closed_ms for closed_ms, _ in ends.values())
        self.listings: Mapping[str, Listing] = {
            symbol: _listing(symbol, self._first_ms(symbol), trading=next_ms > self._closed_ms)
            for symbol, (_, next_ms) in ends.items()
        }

    @property
    def clock_start_ms(self) -> int:
        """When the newest candle has closed, and a margin."""
        return self._closed_ms + CLOCK_MARGIN_MS

    def intervals(self, symbol: str) -> list[Interval]:
        """Return the intervals that were recorded of a symbol, the shortest first."""
        return [interval for interval in INTERVALS.values() if interval in self._parts[symbol]]

    def ascending(self, symbol: str, interval: Interval, start_ms: int) -> Iterator[Row]:
        """Yield rows that open at or after `start_ms`, oldest first.

        Raises
        ------
        ReplayError
            If a file of the symbol cannot be read.
        """
        for part in self._parts[symbol][interval]:
            if part.end_ms > start_ms:
                yield from part.rows[bisect_left(part.rows, start_ms, key=_opens) :]

    def descending(self, symbol: str, interval: Interval, end_ms: int) -> Iterator[Row]:
        """Yield rows that open at or before `end_ms`, newest first.

        Raises
        ------
        ReplayError
            If a file of the symbol cannot be read.
        """
        for part in reversed(self._parts[symbol][interval]):
            if part.start_ms <= end_ms:
                yield from reversed(part.rows[: bisect_right(part.rows, end_ms, key=_opens)])

    def _end_ms(self, symbol: str) -> tuple[int, int] | None:
        """Return when the symbol's newest candle closes, and the one after it; None if it has no candles."""
        ends = []
        for interval in self.intervals(symbol):
            for open_ms, _ in self.descending(symbol, interval, _ALWAYS[1]):
                ends.append((interval.after(open_ms), interval.after(open_ms, 2)))
                break
        return max(ends, default=None)

    def _first_ms(self, symbol: str) -> int:
        """Return when the symbol was listed, where that is not known when its first recorded candle opens."""
        known_ms = listed_ms(symbol)
        if known_ms is not None:
            return known_ms
        rows = (next(self.ascending(symbol, interval, 0), None) for interval in self.intervals(symbol))
        return min(row[0] for row in rows if row is not None)


def _parts(folder: Path) -> Mapping[str, Mapping[Interval, list[_Part]]]:
    """Return the files of each symbol and interval, those whose periods overlap together, the oldest first."""
    found: dict[str, dict[Interval, list[_Part]]] = defaultdict(lambda: defaultdict(list))
    for path in folder.iterdir():
        if name := _NAME.fullmatch(path.name):
            start_ms, end_ms = _period_ms(name["period"])
            found[name["symbol"]][_ARCHIVE_NAMES[name["interval"]]].append(_Part(start_ms, end_ms, [path]))
    for by_interval in found.values():
        for interval, parts in by_interval.items():
            apart: list[_Part] = []
            for part in sorted(parts, key=lambda item: item.start_ms):
                if apart and part.start_ms < apart[-1].end_ms:
                    last = apart[-1]
                    apart[-1] = _Part(last.start_ms, max(last.end_ms, part.end_ms), last.files + part.files)
                else:
                    apart.append(part)
            by_interval[interval] = apart
    return {symbol: dict(by_interval) for symbol, by_interval in found.items()}


def _period_ms(text: str) -> tuple[int, int]:
    """Return the period that a file's name says, half open: a year, month or day, or from one to another, else all."""
    first, _, last = text.partition("_")
    try:
        return _span_ms(first)[0], _span_ms(last or first)[1]
    except ValueError:
        return _ALWAYS


def _span_ms(text: str) -> tuple[int, int]:
    for pattern, interval, slots in (("%Y-%m-%d", DAY, 1), ("%Y-%m", MONTH, 1), ("%Y", MONTH, 12)):
        with suppress(ValueError):
            start_ms = int(datetime.strptime(text, pattern).replace(tzinfo=UTC).timestamp()) * 1000
            return start_ms, interval.after(start_ms, slots)
    raise ValueError(f"{text} is not a year, month or day")


def _opens(row: Row) -> int:
    return row[0]


def _read(path: Path) -> list[Row]:
    """Return a file's rows, times in ms; a header line, as some files have, is passed over."""
    try:
        data = path.read_bytes()
        lines = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("ascii").split()
        return [_row(line) for line in lines if line[:1].isdigit()]
    except (OSError, EOFError, ValueError, ArithmeticError) as error:
        raise ReplayError(f"{path} cannot be read as candles: {error}") from error


def _row(line: str) -> Row:
    columns = line.split(",")
    if len(columns) != _COLUMNS:
        raise ValueError(f"a line with {len(columns)} columns instead of {_COLUMNS}")
    opened, price, high, low, closed, volume, close_time, quote, trades, taker_base, taker_quote, _ = columns
    open_ms = _ms(opened)
    return open_ms, (
        f'[{open_ms},"{_eight(price)}","{_eight(high)}","{_eight(low)}","{_eight(closed)}","{_eight(volume)}",'
        f'{_ms(close_time)},"{_eight(quote)}",{int(trades)},"{_eight(taker_base)}","{_eight(taker_quote)}","0"]'
    )


def _eight(text: str) -> str:
    """Return a decimal with eight decimals, as the archive's files have; some that people wrote have fewer."""
    whole, _, decimals = text.partition(".")
    if whole.isdigit() and len(decimals) == DECIMALS and decimals.isdigit():
        return text
    return f"{Decimal(text):.{DECIMALS}f}"


def _ms(text: str) -> int:
    time = int(text)
    return time // 1000 if time >= _MICROSECONDS else time


def _listing(symbol: str, first_ms: int, *, trading: bool) -> Listing:
    quote = next((quote for quote in _QUOTES if symbol.endswith(quote) and symbol != quote), symbol[-3:])
    return Listing(symbol, symbol.removesuffix(quote), quote, "TRADING" if trading else "BREAK", first_ms)
