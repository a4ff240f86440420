"""Replays a folder of Binance's archive files, ``SYMBOL-1h-YEAR[-MONTH].csv[.gz]``, parsing only what is asked for."""

import gzip
import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from simulator.market import HOUR_MS, Listing, Row

_NAME = re.compile(r"(?P<symbol>[\w.-]+)-1h-(?P<year>\d{4})(-\d{2}){0,2}\.csv(\.gz)?")
_QUOTES = ("USDT", "FDUSD", "USDC", "TUSD", "BUSD", "DAI", "BTC", "ETH", "BNB", "EUR", "TRY", "BRL", "GBP")
_COLUMNS = 12
_MICROSECONDS = 10**14
"""The archive's times are microseconds from 2025 on: larger than any time in ms before the year 5138."""

CLOCK_MARGIN_MS = 30_000
"""For how long the newest candle has been closed when the clock starts: collectors leave a margin after the close."""


class ReplayError(Exception):
    """A folder that cannot be replayed; the message says what is wrong with it."""


class ReplayedMarket:
    """The market that a folder of archive files recorded.

    A symbol whose last row is the folder's newest is TRADING, one whose data ends earlier is in BREAK.

    Parameters
    ----------
    folder
        Where the files lie; other files in it are left alone.

    Raises
    ------
    ReplayError
        If the folder is missing, holds no such file, or the newest file of a symbol cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ReplayError(f"{folder} is not a folder. Give one that holds files such as BTCUSDT-1h-2024.csv.gz.")
        self._files: dict[str, dict[int, list[Path]]] = defaultdict(lambda: defaultdict(list))
        for path in sorted(folder.iterdir()):
            if name := _NAME.fullmatch(path.name):
                self._files[name["symbol"]][int(name["year"])].append(path)
        self._years: dict[tuple[str, int], list[Row]] = {}
        ends = {symbol: last for symbol in sorted(self._files) if (last := self._last_ms(symbol)) is not None}
        if not ends:
            raise ReplayError(f"{folder} holds no candles: no file such as BTCUSDT-1h-2024.csv[.gz] with rows in it.")
        self.newest_ms = max(ends.values())
        self.listings: Mapping[str, Listing] = {
            symbol: _listing(symbol, trading=end // HOUR_MS == self.newest_ms // HOUR_MS)
            for symbol, end in ends.items()
        }

    @property
    def clock_start_ms(self) -> int:
        """An hour after the newest row opened, when it has closed, and a margin."""
        return self.newest_ms + HOUR_MS + CLOCK_MARGIN_MS

    def ascending(self, symbol: str, start_ms: int) -> Iterator[Row]:
        """Yield rows that open at or after `start_ms`, oldest first.

        Raises
        ------
        ReplayError
            If a file of the symbol cannot be read.
        """
        for year in sorted(self._files[symbol]):
            if _year_start_ms(year + 1) > start_ms:
                rows = self._rows(symbol, year)
                yield from rows[bisect_left(rows, start_ms, key=_opens) :]

    def descending(self, symbol: str, end_ms: int) -> Iterator[Row]:
        """Yield rows that open at or before `end_ms`, newest first.

        Raises
        ------
        ReplayError
            If a file of the symbol cannot be read.
        """
        for year in sorted(self._files[symbol], reverse=True):
            if _year_start_ms(year) <= end_ms:
                rows = self._rows(symbol, year)
                yield from reversed(rows[: bisect_right(rows, end_ms, key=_opens)])

    def _last_ms(self, symbol: str) -> int | None:
        return next((row[0] for row in self.descending(symbol, _year_start_ms(9999))), None)

    def _rows(self, symbol: str, year: int) -> list[Row]:
        key = (symbol, year)
        if key not in self._years:
            # Monthly and yearly files may overlap: the last one read wins.
            rows = {row[0]: row for path in self._files[symbol][year] for row in _read(path)}
            self._years[key] = [rows[opened] for opened in sorted(rows)]
        return self._years[key]


def _opens(row: Row) -> int:
    return row[0]


def _year_start_ms(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1000


def _read(path: Path) -> list[Row]:
    """Return a file's rows, times in ms; a header line, as some files have, is passed over."""
    try:
        data = path.read_bytes()
        lines = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("ascii").split()
        return [_row(line) for line in lines if line[:1].isdigit()]
    except (OSError, EOFError, ValueError) as error:
        raise ReplayError(f"{path} cannot be read as candles: {error}") from error


def _row(line: str) -> Row:
    columns = line.split(",")
    if len(columns) != _COLUMNS:
        raise ValueError(f"a line with {len(columns)} columns instead of {_COLUMNS}")
    opened, price, high, low, closed, volume, close_time, quote, trades, taker_base, taker_quote, unused = columns
    open_ms, close_ms = _ms(opened), _ms(close_time)
    return open_ms, (
        f'[{open_ms},"{price}","{high}","{low}","{closed}","{volume}",{close_ms},"{quote}",{int(trades)},'
        f'"{taker_base}","{taker_quote}","{unused}"]'
    )


def _ms(text: str) -> int:
    time = int(text)
    return time // 1000 if time >= _MICROSECONDS else time


def _listing(symbol: str, *, trading: bool) -> Listing:
    quote = next((quote for quote in _QUOTES if symbol.endswith(quote) and symbol != quote), symbol[-3:])
    return Listing(symbol, symbol.removesuffix(quote), quote, "TRADING" if trading else "BREAK")
