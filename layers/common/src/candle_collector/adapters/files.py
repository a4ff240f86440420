"""Reads candles from files: the exchange's archive (CSV, zipped or gzipped) and Parquet of the same columns.

Rows go through the same checks as the exchange's answers, and a file with one wrong row is refused whole. What a file
leaves out proves something only if a checksum beside it says that it is as the exchange published it.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import lzma
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby, islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from candle_collector.adapters.binance import rows as binance_rows
from candle_collector.adapters.binance.rows import WrongAnswerError
from candle_collector.domain import dates, windows
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

SUFFIXES = (".csv.gz", ".csv", ".zip", ".parquet")
"""How the names of files end that may hold candles."""

CHECKSUM = ".CHECKSUM"
"""What the archive puts behind the name of a file for the one beside it that has its SHA-256."""

_NAME = re.compile(
    r"(?P<symbol>[^-]+)-(?P<interval>[^-]+)-(?P<period>\d{4}(?:-\d{2}(?:-\d{2})?)?)"
    r"(?: \(\d+\))?"  # a browser's name for a second copy
)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII | re.IGNORECASE)
_CHECKSUM_MOST = 1000
_LINE_MOST = 100_000
"""The most characters that are held of a line: a file of one endless line does not fill the memory."""

_INTERVAL_ROWS = 3
"""So many candles that are all a multiple of some hours apart are of a longer interval."""

_UNREADABLE = (
    *(ValueError, TypeError, LookupError, ArithmeticError, OSError, EOFError, RuntimeError),
    *(csv.Error, struct.error, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)
"""What the libraries raise on files that are cut, encrypted, or of another kind."""


class Row(NamedTuple):
    """A row by our names of its columns, and its number: the line of a CSV file, its header included, else from 1."""

    number: int
    values: Mapping[str, Any]


class CandleFileError(CollectorError):
    """A file that cannot be taken; the message names it, the row where one is wrong, and the remedy."""


class _WrongRowError(Exception):
    """A row that refuses its file."""

    def __init__(self, number: int, reason: object) -> None:
        super().__init__(f"at row {number}: {reason}")


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
        at = 0
        try:
            for symbol, rows in self._rows():
                read = self._candles(rows, start=next_hour.get(symbol, 0), closed_end=closed_end)
                yield symbol, read
                next_hour[symbol] = read[-1].hour + 1
                at = rows[-1].number
        except _WrongRowError as error:
            raise CandleFileError(f"{self.path}: {error}. Correct or remove the row") from error
        except _UNREADABLE as error:
            where = f"behind row {at}: " if at else ""
            raise CandleFileError(f"{self.path}: {where}{error}. Fetch or write the file again") from error

    def check(self, *, closed_end: int) -> int:
        """Read the whole file and return how many candles it holds.

        Raises
        ------
        CandleFileError
            As `batches`, or it holds none, or candles of a longer interval.
        """
        counts: dict[str, int] = {}
        steps: dict[str, int] = {}
        last: dict[str, int] = {}
        for symbol, candles in self.batches(closed_end=closed_end):
            hours = [last.get(symbol, candles[0].hour), *(candle.hour for candle in candles)]
            steps[symbol] = math.gcd(steps.get(symbol, 0), *(after - before for before, after in pairwise(hours)))
            counts[symbol] = counts.get(symbol, 0) + len(candles)
            last[symbol] = hours[-1]
        for symbol, step in steps.items():
            if step > 1 and counts[symbol] >= _INTERVAL_ROWS:
                raise CandleFileError(
                    f"{self.path}: its candles of {symbol} are {step} hours apart, and the archive stores {INTERVAL}. "
                    f"Export or fetch them as {INTERVAL}"
                )
        if not counts:
            raise CandleFileError(f"{self.path}: it holds no candle. Fetch or write the file again")
        return sum(counts.values())

    def has_checksum(self) -> bool:
        """Return whether a checksum lies beside the file: if so it fits, and the file is whole.

        Raises
        ------
        CandleFileError
            It does not fit, or cannot be read.
        """
        beside = self.path.with_name(self.path.name + CHECKSUM)
        try:
            with beside.open(encoding="utf-8") as file:
                words = file.read(_CHECKSUM_MOST).split()
            if len(words) != 2 or not _SHA256.fullmatch(words[0]) or words[1].lstrip("*") != self.path.name:  # noqa: PLR2004 - the sum and the name
                raise CandleFileError(f"{self.path}: {beside.name} is not its checksum. Fetch both again")
            with self.path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return False
        except (OSError, ValueError) as error:
            raise CandleFileError(f"{self.path}: {beside.name} cannot be read: {error}. Fetch both again") from error
        if found != words[0].lower():
            raise CandleFileError(
                f"{self.path}: {beside.name} does not fit: the file was cut or changed, or was published again. "
                "Fetch both again"
            )
        return True

    def _rows(self) -> Iterator[tuple[str, list[Row]]]:
        """Yield the rows in batches of one symbol."""
        rows = _parquet_rows(self.path) if _suffix(self.path) == ".parquet" else _csv_rows(self.path)
        for symbol, group in groupby(rows, key=lambda row: row.values.get("symbol") or self.symbol):
            if not isinstance(symbol, str) or not is_symbol(symbol):
                raise ValueError(
                    "its name does not begin with a symbol (BTCUSDT-1h-...), nor is there a column symbol; "
                    "rename it or give --symbol"
                )
            if self.symbol is not None and symbol != self.symbol:
                raise ValueError(f"it is said to hold {self.symbol}, and holds {symbol}")
            while batch := list(islice(group, _ROWS_A_BATCH)):
                yield symbol, batch

    def _candles(self, rows: Sequence[Row], *, start: int, closed_end: int) -> tuple[Candle, ...]:
        """Check rows as the exchange's answers are checked, and that they lie in the file's period.

        Raises
        ------
        _WrongRowError
            The first that is wrong, where one is.
        """
        try:
            answer = [_answer_row(row.values) for row in rows]
            read = binance_rows.read_candles(answer, start=start, limit=len(answer), running=closed_end - 1).whole()
        except (WrongAnswerError, ValueError, TypeError, ArithmeticError) as error:
            raise self._first_wrong(rows, start, closed_end, reason=error) from error
        period = self.period or Window(dates.EARLIEST, closed_end)
        if read[0].hour < max(period.start, dates.EARLIEST) or read[-1].hour >= period.end:
            raise self._first_wrong(rows, start, closed_end, reason="it is outside of the file's period")
        return read

    def _first_wrong(self, rows: Sequence[Row], start: int, closed_end: int, *, reason: object) -> _WrongRowError:
        """Return which row is wrong and why: the first that is wrong by itself or behind the one before it.

        Parameters
        ----------
        reason
            What is wrong with all of them together, where each by itself is right.
        """
        after = start
        for row in rows:
            try:
                values = _answer_row(row.values)
                hour = values[0] // HOUR_MS
                self._check_hour(hour, after, closed_end)
                binance_rows.read_candles([values], start=hour, limit=1, running=hour).whole()
            except (WrongAnswerError, ValueError, TypeError, ArithmeticError) as error:
                return _WrongRowError(row.number, error)
            after = hour + 1
        return _WrongRowError(rows[0].number, f"or one behind it: {reason}")

    def _check_hour(self, hour: int, after: int, closed_end: int) -> None:
        """Refuse an hour that no row of the file may be of.

        Raises
        ------
        ValueError
        """
        if hour >= closed_end:
            raise ValueError("its candle is of the future or still running")
        if hour < dates.EARLIEST:
            raise ValueError(
                f"its candle is of {windows.moment_of(max(0, hour)):%Y}, before there was any; times are in ms or "
                "microseconds since 1970, or ISO with a zone"
            )
        if hour < after:
            raise ValueError(f"its hour, {dates.format_hour(hour)}, is there twice or out of order")
        if self.period and not self.period.start <= hour < self.period.end:
            raise ValueError(f"its hour, {dates.format_hour(hour)}, is outside of the time that the file's name states")


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
    suffix = _suffix(path)
    if suffix is None:
        raise CandleFileError(f"{path}: takes files that end in {', '.join(SUFFIXES)}")
    if any(pair in {("futures", "um"), ("futures", "cm")} for pair in pairwise(path.resolve().parts)):
        raise CandleFileError(f"{path}: its folder is of Binance's futures, and the archive stores spot candles")
    named = _NAME.fullmatch(path.name[: -len(suffix)])
    if named is None:
        return _file_of_folders(path, symbol)
    if named["interval"] != INTERVAL:
        raise CandleFileError(f"{path}: holds candles of {named['interval']}, and the archive stores {INTERVAL}")
    return CandleFile(path, _same(path, symbol, named["symbol"]), _period_of(path, named["period"]))


def _suffix(path: Path) -> str | None:
    return next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), None)


def _file_of_folders(path: Path, symbol: str | None) -> CandleFile:
    """Return a file whose folders say what it holds, as an export's do: ``symbol=BTCUSDT/month=2025-01``."""
    said = dict(part.split("=", 1) for part in path.resolve().parts[-3:-1] if "=" in part)
    period = _period_of(path, said["month"]) if "month" in said else None
    return CandleFile(path, _same(path, symbol, said["symbol"]) if "symbol" in said else symbol, period)


def _same(path: Path, given: str | None, named: str) -> str:
    """Return the symbol that a name says, which is also the one that was given."""
    if given not in {None, named}:
        raise CandleFileError(f"{path}: its name says that it holds {named}, and --symbol says {given}")
    return named


def _period_of(path: Path, text: str) -> Window:
    try:
        return _period(text)
    except ValueError as error:
        raise CandleFileError(f"{path}: {text} is not a date") from error


def _period(text: str) -> Window:
    year, month, day = (int(part) for part in [*text.split("-"), "0", "0"][:3])
    if not month:
        return windows.year_window(year)
    start = windows.first_hour_of(f"{year:04}-{month:02}-{day or 1:02}")
    if day:
        return Window(start, start + windows.HOURS_A_DAY)
    following = (year + 1, 1) if month == 12 else (year, month + 1)  # noqa: PLR2004 - December
    return Window(start, windows.first_hour_of("{:04}-{:02}-01".format(*following)))


def _answer_row(row: Mapping[str, Any]) -> list[Any]:
    """Return a row as the exchange answers it.

    Raises
    ------
    ValueError
        Its time or its count of trades is not a number of that kind.
    """
    opened, trades = _ms(row["open_time"]), row["trade_count"]
    if trades is None or trades == "":
        raise ValueError("its count of trades is empty")
    return [
        opened,
        *(row[name] for name in COLUMNS[1:6]),
        opened + HOUR_MS - 1,  # the file's own is not kept: it is wrong around outages on Binance
        row["quote_volume"],
        int(trades),
        *(row[name] for name in COLUMNS[9:]),
        "0",
    ]


def _ms(value: Any) -> int:
    """Return an open time in ms, from ms, microseconds or an ISO time with its zone.

    Raises
    ------
    ValueError
        It is not a time, or finer than a ms.
    """
    if value is None or value == "":
        raise ValueError("its open time is empty")
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
    """Yield the rows of a CSV file, with a header or, as the archive's, without; empty lines are passed over."""
    with ExitStack() as stack:
        lines = _lines(path, stack)
        first_line = next(lines, "")
        delimiter = max(",;\t", key=first_line.count)  # spreadsheets write the others
        reader = csv.reader(_first_then(first_line, lines), delimiter=delimiter)
        names: Sequence[str] | None = None
        for values in reader:
            if not any(values):
                continue
            if names is None:
                if not (values[0].strip().isdecimal() and len(values) > len(COLUMNS)):
                    names = _names(values)
                    continue
                names = COLUMNS
            if len(values) < len(names):
                raise _WrongRowError(reader.line_num, f"it has {len(values)} columns in place of {len(names)}")
            yield Row(reader.line_num, dict(zip(names, values, strict=False)))


def _first_then(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def _lines(path: Path, stack: ExitStack) -> Iterator[str]:
    """Yield the lines of a file in the encoding that its first bytes say, UTF-8 where they say nothing."""
    packed = _unpacked(path, stack)
    is_utf16 = packed.peek(2).startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encoding = "utf-16" if is_utf16 else "utf-8-sig"
    text = stack.enter_context(io.TextIOWrapper(packed, encoding=encoding, newline=""))
    return iter(lambda: text.readline(_LINE_MOST), "")


def _unpacked(path: Path, stack: ExitStack) -> Any:
    """Open a file's bytes, or those of the one CSV file that is zipped in it: a reader that can peek."""
    suffix = _suffix(path)
    if suffix == ".csv.gz":
        return stack.enter_context(gzip.open(path, "rb"))
    if suffix != ".zip":
        return stack.enter_context(path.open("rb"))
    zipped = stack.enter_context(zipfile.ZipFile(path))
    inside = [Path(name) for name in zipped.namelist() if name.lower().endswith(".csv")]
    inside = [name for name in inside if not name.name.startswith("._")]  # what macOS adds
    if len(inside) != 1:
        raise ValueError(f"it holds {len(inside)} CSV files in place of one")
    outside, named = (_NAME.fullmatch(name) for name in (path.name[: -len(suffix)], inside[0].name[: -len(".csv")]))
    if outside and named and outside.groups() != named.groups():
        raise ValueError(f"the file in it is {inside[0].name}, which is another's name")
    return stack.enter_context(zipped.open(str(inside[0])))


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
                if not field.type.tz and name in _NEEDED:
                    raise ValueError("a time has no zone; a timestamp must say that it is UTC")
                readers[name] = _moment_ms
        read = 0
        for batch in file.iter_batches(_ROWS_A_BATCH * 4):
            columns = [
                [readers[name](value) for value in column.to_pylist()] if name in readers else column.to_pylist()
                for name, column in zip(names, batch.columns, strict=True)
            ]
            for number, values in enumerate(zip(*columns, strict=True), read + 1):
                yield Row(number, dict(zip(names, values, strict=True)))
            read += batch.num_rows


def _decimal_text(value: Decimal | None) -> str:
    return "" if value is None else f"{value:f}"


def _moment_ms(value: datetime | None) -> int | None:
    return None if value is None else round(value.timestamp() * 1000)
