"""Reads candles from files: the exchange's archive (CSV, zipped or gzipped) and Parquet of the same columns.

Rows go through the same checks as the exchange's answers, and a file with one wrong row is refused whole. What a file
leaves out proves something only if a checksum beside it says that it is as the exchange published it.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice, pairwise
from pathlib import Path

from candle_collector.adapters.binance import rows as binance_rows
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.adapters.binance.rows import WrongAnswerError
from candle_collector.adapters.files.columns import Row, answer_row
from candle_collector.adapters.files.names import said_of, suffix_of
from candle_collector.adapters.files.parquet_rows import parquet_rows
from candle_collector.adapters.files.refusals import UNREADABLE, CandleFileError, WrongRowError
from candle_collector.adapters.files.text_rows import csv_rows
from candle_collector.domain.candle import Candle
from candle_collector.domain.interval import DAY_MS, HOUR_MS, MINUTE_MS, Interval
from candle_collector.domain.series import Series
from candle_collector.domain.universe import is_symbol
from candle_collector.domain.windows import Window

_ROWS_A_BATCH = 2400

_INTERVAL_ROWS = 3
"""So many candles that are all some slots apart are of a longer interval."""


@dataclass(frozen=True)
class CandleFile:
    """A file of candles.

    Attributes
    ----------
    symbol
        Whose candles these are; None where the rows say it in a column of their own.
    period
        The slots of the year, month or day that its name says it is about, as the archive names its files.
    is_named
        Whether its name says the interval, which nothing but another name changes then.
    """

    path: Path
    symbol: str | None
    interval: Interval
    period: Window | None
    is_named: bool = False

    def batches(self, *, closed_ms: int) -> Iterator[tuple[Series, tuple[Candle, ...]]]:
        """Yield series and their candles in the order of the file; those of a series are ascending.

        Parameters
        ----------
        closed_ms
            Up to when everything has closed, in ms since 1970 UTC: no row may end later.

        Raises
        ------
        CandleFileError
            A row is wrong, out of order or twice, or the file cannot be read.
        """
        next_slot: dict[str, int] = {}
        closed_end = self.interval.slot_at(closed_ms)
        at = 0
        try:
            for symbol, rows in self._rows():
                read = self._candles(rows, start=next_slot.get(symbol, 0), closed_end=closed_end)
                yield Series(symbol, self.interval, BINANCE.name), read
                next_slot[symbol] = read[-1].slot + 1
                at = rows[-1].number
        except WrongRowError as error:
            raise CandleFileError(f"{self.path}: {error}. {error.remedy or 'Correct or remove the row'}") from error
        except UNREADABLE as error:
            where = f"behind row {at}: " if at else ""
            raise CandleFileError(f"{self.path}: {where}{error}. Fetch or write the file again") from error

    def check(self, *, closed_ms: int) -> int:
        """Read the whole file and return how many candles it holds.

        Raises
        ------
        CandleFileError
            As `batches`, or it holds none, or candles of a longer interval.
        """
        counts: dict[Series, int] = {}
        steps: dict[Series, int] = {}
        last: dict[Series, int] = {}
        for series, candles in self.batches(closed_ms=closed_ms):
            slots = [last.get(series, candles[0].slot), *(candle.slot for candle in candles)]
            steps[series] = math.gcd(steps.get(series, 0), *(after - before for before, after in pairwise(slots)))
            counts[series] = counts.get(series, 0) + len(candles)
            last[series] = slots[-1]
        for series, step in steps.items():
            if step > 1 and counts[series] >= _INTERVAL_ROWS:
                apart_ms = step * self.interval.length_ms
                raise CandleFileError(
                    f"{self.path}: its candles of {series.symbol} are {_length(apart_ms)} apart, and are taken for "
                    f"{self.interval}. {self._remedy(apart_ms)}"
                )
        if not counts:
            raise CandleFileError(f"{self.path}: it holds no candle. Fetch or write the file again")
        return sum(counts.values())

    def _remedy(self, apart_ms: int) -> str:
        """Return what to do about candles that are another time apart than those of the interval they are taken for."""
        own = next((interval for interval in Interval if interval.length_ms == apart_ms), None)
        if own is None:
            return f"The archive stores none of that length: fetch them as one of {', '.join(map(str, Interval))}"
        if not self.is_named:
            return f"Give their own interval: --interval {own}"
        renamed = re.sub(r"^([^-]+)-[^-]+-", rf"\1-{own}-", self.path.name)
        return f"Its name says {self.interval}, and only another name says otherwise: rename it {renamed}"

    def _rows(self) -> Iterator[tuple[str, list[Row]]]:
        """Yield the rows in batches of one symbol."""
        rows = parquet_rows(self.path) if suffix_of(self.path) == ".parquet" else csv_rows(self.path)
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
        WrongRowError
            The first that is wrong, where one is.
        """
        try:
            answer = [answer_row(row.values, self.interval) for row in rows]
            read = binance_rows.read_candles(
                answer, self.interval, start=start, limit=len(answer), running=closed_end - 1
            ).whole()
        except (WrongAnswerError, ValueError, TypeError, ArithmeticError) as error:
            raise self._first_wrong(rows, start, closed_end, reason=error) from error
        earliest = self.interval.slot_from(BINANCE.earliest_ms)
        period = self.period or Window(earliest, closed_end)
        if read[0].slot < max(period.start, earliest) or read[-1].slot >= period.end:
            raise self._first_wrong(rows, start, closed_end, reason="it is outside of the file's period")
        return read

    def _first_wrong(self, rows: Sequence[Row], start: int, closed_end: int, *, reason: object) -> WrongRowError:
        """Return which row is wrong and why: the first that is wrong by itself or behind the one before it.

        Parameters
        ----------
        reason
            What is wrong with all of them together, where each by itself is right.
        """
        after, opened = start, -1
        for row in rows:
            try:
                values = answer_row(row.values, self.interval)
                slot = self.interval.slot_at(values[0])
                if slot == after - 1 and 0 <= opened < values[0] and (apart_ms := self._usual_ms(rows)):
                    problem = f"its candle is {_length(values[0] - opened)} after the one before it, and is taken for "
                    return WrongRowError(row.number, f"{problem}{self.interval}", self._remedy(apart_ms))
                opened = values[0]
                self._check_slot(slot, after, closed_end)
                binance_rows.read_candles([values], self.interval, start=slot, limit=1, running=slot).whole()
            except (WrongAnswerError, ValueError, TypeError, ArithmeticError) as error:
                return WrongRowError(row.number, error)
            after = slot + 1
        return WrongRowError(rows[0].number, f"or one behind it: {reason}")

    def _usual_ms(self, rows: Sequence[Row]) -> int | None:
        """Return how many ms most rows are apart, where that is less than the interval: then no row is wrong."""
        times: list[int] = []
        for row in rows:
            try:
                times.append(answer_row(row.values, self.interval)[0])
            except (ValueError, TypeError, ArithmeticError):
                break
        usual = statistics.mode(after - before for before, after in pairwise(times))
        return usual if 0 < usual < self.interval.length_ms else None

    def _check_slot(self, slot: int, after: int, closed_end: int) -> None:
        """Refuse a slot that no row of the file may be of.

        Raises
        ------
        ValueError
        """
        interval = self.interval
        if slot >= closed_end:
            raise ValueError("its candle is of the future or still running")
        if slot < interval.slot_from(BINANCE.earliest_ms):
            raise ValueError(
                f"its candle is of {interval.moment_of(max(0, slot)):%Y}, before there was any; times are in ms or "
                "microseconds since 1970, or ISO with a zone"
            )
        if slot < after:
            raise ValueError(f"its candle of {interval.format(slot)} is there twice or out of order")
        if self.period and not self.period.start <= slot < self.period.end:
            raise ValueError(
                f"its candle of {interval.format(slot)} is outside of the time that the file's name states"
            )


def _length(ms: int) -> str:
    """Return a time as intervals are named, in its largest whole unit: ``5m``, ``2h``, ``7d``; else in ms."""
    units = ((DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "m"))
    return next((f"{ms // unit_ms}{name}" for unit_ms, name in units if ms % unit_ms == 0), f"{ms:,} ms")


def candle_file(path: Path, *, symbol: str | None = None, interval: Interval | None = None) -> CandleFile:
    """Return what a file's name says of it: ``BTCUSDT-1h-2025-01.zip`` holds BTCUSDT's hours of January 2025.

    Parameters
    ----------
    symbol, interval
        Of whom and of which length its candles are, where the name does not say.

    Raises
    ------
    CandleFileError
        It is of another kind or interval.
    """
    said = said_of(path, symbol, interval)
    period = None if said.period is None else said.interval.slots_within(said.period)
    return CandleFile(path, said.symbol, said.interval, period, said.is_named)
