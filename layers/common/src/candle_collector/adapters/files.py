"""Reads candles from files: the exchange's archive (CSV, zipped or gzipped) and Parquet of the same columns.

Rows go through the same checks as the exchange's answers, and a file with one wrong row is refused whole.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby, islice
from pathlib import Path
from typing import Any, TextIO

from candle_collector.adapters.binance import rows as binance_rows
from candle_collector.adapters.binance.rows import WrongAnswerError
from candle_collector.domain import windows
from candle_collector.domain.candle import INTERVAL, Candle
from candle_collector.domain.universe import is_symbol
from candle_collector.domain.windows import HOUR_MS, Window
from candle_collector.errors import CollectorError

COLUMNS = (
    *("open_time", "open", "high", "low", "close", "volume", "close_time"),
    *("quote_volume", "trade_count", "taker_base", "taker_quote"),
)
"""The archive's columns in their order, by our names; its twelfth is unused."""

OTHER_NAMES = {
    "open_time_ms": "open_time",
    "date": "open_time",
    "quote_asset_volume": "quote_volume",
    "count": "trade_count",
    "trades": "trade_count",
    "number_of_trades": "trade_count",
    "taker_buy_volume": "taker_base",
    "taker_buy_base_volume": "taker_base",
    "taker_buy_base_asset_volume": "taker_base",
    "taker_buy_quote_volume": "taker_quote",
    "taker_buy_quote_asset_volume": "taker_quote",
}
"""How the archive's headers (where a file has one) and common clients call the same columns."""

_NEEDED = frozenset(COLUMNS) - {"close_time"}
_ROWS_A_BATCH = 2400
_MICROSECONDS = 10**14
"""No open time in ms is as large before the year 5138; the archive writes microseconds since 2025."""

_NAME = re.compile(r"(?P<symbol>[^-]+)-(?P<interval>[^-]+)-(?P<period>\d{4}(?:-\d{2}(?:-\d{2})?)?)")
_SUFFIXES = (".csv.gz", ".csv", ".zip", ".parquet")

Row = Mapping[str, Any]


class CandleFileError(CollectorError):
    """A file that cannot be taken; the message names it and the reason."""


@dataclass(frozen=True)
class CandleFile:
    """A file of candles.

    Attributes
    ----------
    symbol
        Whose candles these are; None where the rows say it in a column of their own.
    period
        The year, month or day that its name says it is about, as the archive names its files.
    """

    path: Path
    symbol: str | None
    period: Window | None

    def batches(self, *, closed_end: int) -> Iterator[tuple[str, tuple[Candle, ...]]]:
        """Yield symbols and their candles in the order of the file; a symbol's are ascending.

        Parameters
        ----------
        closed_end
            The hour after the last closed one: no row may be of a later hour.

        Raises
        ------
        CandleFileError
            A row is wrong, out of order or twice, or the file cannot be read.
        """
        next_hour: dict[str, int] = {}
        at = 1
        try:
            for symbol, rows in self._rows():
                read = _candles(rows, start=next_hour.get(symbol, 0), closed_end=closed_end)
                yield symbol, read
                next_hour[symbol] = read[-1].hour + 1
                at += len(rows)
        except (WrongAnswerError, ValueError, OSError, EOFError, csv.Error, zipfile.BadZipFile, zlib.error) as error:
            raise CandleFileError(f"{self.path}: at row {at} or the {_ROWS_A_BATCH} behind it: {error}") from error

    def check(self, *, closed_end: int) -> int:
        """Read the whole file and return how many candles it holds.

        Raises
        ------
        CandleFileError
            As `batches`, or it holds none.
        """
        rows = sum(len(candles) for _, candles in self.batches(closed_end=closed_end))
        if not rows:
            raise CandleFileError(f"{self.path}: it holds no candle")
        return rows

    def _rows(self) -> Iterator[tuple[str, list[Row]]]:
        """Yield the rows in batches of one symbol."""
        rows = _parquet_rows(self.path) if self.path.suffix == ".parquet" else _csv_rows(self.path)
        for symbol, group in groupby(rows, key=lambda row: row.get("symbol") or self.symbol):
            if symbol is None or not is_symbol(symbol):
                raise ValueError("its name does not begin with a symbol (BTCUSDT-1h-...), nor is there a column symbol")
            if self.symbol is not None and symbol != self.symbol:
                raise ValueError(f"it is said to hold {self.symbol}, and holds {symbol}")
            while batch := list(islice(group, _ROWS_A_BATCH)):
                yield symbol, batch


def candle_file(path: Path, *, symbol: str | None = None) -> CandleFile:
    """Return what a file's name says of it: ``BTCUSDT-1h-2025-01.zip`` holds BTCUSDT's hours of January 2025.

    Parameters
    ----------
    symbol
        Whose candles it holds, where the name does not say.

    Raises
    ------
    CandleFileError
        It is of another kind or interval.
    """
    suffix = next((suffix for suffix in _SUFFIXES if path.name.endswith(suffix)), None)
    if suffix is None:
        raise CandleFileError(f"{path}: takes files that end in {', '.join(_SUFFIXES)}")
    named = _NAME.fullmatch(path.name.removesuffix(suffix))
    if named is None:
        return CandleFile(path, symbol, None)
    if named["interval"] != INTERVAL:
        raise CandleFileError(f"{path}: holds candles of {named['interval']}, and the archive stores {INTERVAL}")
    try:
        period = _period(named["period"])
    except ValueError as error:
        raise CandleFileError(f"{path}: {named['period']} is not a date") from error
    return CandleFile(path, symbol or named["symbol"], period)


def _period(text: str) -> Window:
    year, month, day = (int(part) for part in [*text.split("-"), "0", "0"][:3])
    if not month:
        return windows.year_window(year)
    start = windows.first_hour_of(f"{year:04}-{month:02}-{day or 1:02}")
    if day:
        return Window(start, start + windows.HOURS_A_DAY)
    following = (year + 1, 1) if month == 12 else (year, month + 1)  # noqa: PLR2004 - December
    return Window(start, windows.first_hour_of("{:04}-{:02}-01".format(*following)))


def _candles(rows: Sequence[Row], *, start: int, closed_end: int) -> tuple[Candle, ...]:
    """Check rows as the exchange's answers are checked."""
    answer = [
        [
            opened := _ms(row["open_time"]),
            *(row[name] for name in COLUMNS[1:6]),
            opened + HOUR_MS - 1,  # the file's own is not kept: it is wrong around outages on Binance
            row["quote_volume"],
            int(row["trade_count"]),
            *(row[name] for name in COLUMNS[9:]),
            "0",
        ]
        for row in rows
    ]
    return binance_rows.read_candles(answer, start=start, limit=len(answer), running=closed_end - 1).whole()


def _ms(value: Any) -> int:
    """Return an open time in ms, from ms, microseconds or an ISO time with its zone.

    Raises
    ------
    ValueError
        It is not a time, or finer than a ms.
    """
    if isinstance(value, str) and not value.isdecimal():
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError(f"the time {value} has no zone")
        return round(moment.timestamp() * 1000)
    number = int(value)
    if number < _MICROSECONDS:
        return number
    if number % 1000:
        raise ValueError(f"the open time {number} is finer than a millisecond")
    return number // 1000


def _names(header: Iterable[str]) -> list[str]:
    """Return our names of a header's columns.

    Raises
    ------
    ValueError
        A column that is needed is missing.
    """
    names = [_snake(name) for name in header]
    names = [
        name if name in COLUMNS or OTHER_NAMES.get(name) in names else OTHER_NAMES.get(name, name) for name in names
    ]
    missing = sorted(_NEEDED - set(names))
    if missing:
        raise ValueError(f"the columns {', '.join(missing)} are missing, and what they hold cannot be synthetic")
    return names


def _snake(name: str) -> str:
    return re.sub(r"[ \-]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip())).lower()


def _csv_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a CSV file, with a header or, as the archive's, without."""
    with ExitStack() as stack:
        reader = csv.reader(_text(path, stack))
        first = next(reader, None)
        if first is None:
            return
        if first[0].strip().isdecimal() and len(first) > len(COLUMNS):
            names: Sequence[str] = COLUMNS
            yield dict(zip(names, first, strict=False))
        else:
            names = _names(first)
        for values in reader:
            if len(values) < len(names):
                raise ValueError(f"a row has {len(values)} columns in place of {len(names)}")
            yield dict(zip(names, values, strict=False))


def _text(path: Path, stack: ExitStack) -> TextIO:
    if path.suffix == ".gz":
        return stack.enter_context(gzip.open(path, "rt", encoding="utf-8", newline=""))
    if path.suffix != ".zip":
        return stack.enter_context(path.open(encoding="utf-8", newline=""))
    zipped = stack.enter_context(zipfile.ZipFile(path))
    inside = [name for name in zipped.namelist() if name.endswith(".csv")]
    if len(inside) != 1:
        raise ValueError(f"it holds {len(inside)} CSV files in place of one")
    return io.TextIOWrapper(stack.enter_context(zipped.open(inside[0])), encoding="utf-8", newline="")


def _parquet_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a Parquet file; its decimals are decimals or text."""
    try:
        import pyarrow as pa  # type: ignore[import-untyped] # it ships none # noqa: PLC0415 - no function needs it
        import pyarrow.parquet as pq  # type: ignore[import-untyped] # the same # noqa: PLC0415 - the same
    except ImportError as error:
        raise CandleFileError("Parquet needs pyarrow: run `make setup`, or `pip install pyarrow`") from error
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        names = _names(schema.names)
        readers: dict[str, Callable[[Any], Any]] = {}
        for name, field in zip(names, schema, strict=True):
            if pa.types.is_floating(field.type) and name in _NEEDED:
                raise ValueError(f"{field.name} is a float, which does not hold the exchange's digits")
            if pa.types.is_decimal(field.type):
                readers[name] = _decimal_text
            elif pa.types.is_timestamp(field.type):
                readers[name] = _moment_ms if field.type.tz else _refuse_naive
        for batch in file.iter_batches(_ROWS_A_BATCH * 4):
            columns = [
                [readers[name](value) for value in column.to_pylist()] if name in readers else column.to_pylist()
                for name, column in zip(names, batch.columns, strict=True)
            ]
            for values in zip(*columns, strict=True):
                yield dict(zip(names, values, strict=True))


def _decimal_text(value: Decimal | None) -> str:
    return "" if value is None else f"{value:f}"


def _moment_ms(value: datetime) -> int:
    return round(value.timestamp() * 1000)


def _refuse_naive(_: datetime) -> int:
    raise ValueError("a time has no zone; a timestamp must say that it is UTC")
