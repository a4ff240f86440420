"""The candle table and the series' records in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from candle_collector.domain import windows
from candle_collector.domain.candle import Candle, candle_from_line
from candle_collector.domain.candle_columns import CandleColumns, columns_of
from candle_collector.domain.progress import Revision
from candle_collector.domain.series import Series
from candle_collector.domain.windows import HOURS_A_DAY, Window, Windows
from candle_collector.errors import StaleTurnError
from candle_collector.ports import Revised, StoredDays


class FakeCandleStore:
    """Day items in memory.

    Attributes
    ----------
    lines
        The stored text by symbol and hour.
    writes
        The items that were written, in order, as symbol and day.
    """

    def __init__(self) -> None:
        self.lines: dict[tuple[str, int], str] = {}
        self.writes: list[tuple[str, str]] = []
        self._never: dict[str, set[int]] = defaultdict(set)
        self._revised: dict[str, list[Revised]] = defaultdict(list)

    def coverage(self, symbol: str, within: Window) -> StoredDays:
        """Return what is known of whole days."""
        if not within.hours:
            return StoredDays((), (), frozenset())
        days = Window(_midnight(within.start), _midnight(within.end - 1) + HOURS_A_DAY)
        stored = [hour for hour in range(*days) if (symbol, hour) in self.lines]
        never = [hour for hour in self._never[symbol] if days.start <= hour < days.end]
        stored_windows, never_windows = windows.from_hours(stored), windows.from_hours(never)
        touched = windows.days_in((*stored_windows, *never_windows))
        return StoredDays(stored_windows, never_windows, touched)

    def store(
        self,
        symbol: str,
        candles: Sequence[Candle],
        never_printed: Windows,
        *,
        absent_days: frozenset[str],
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        """Put whole days, and merge the others hour by hour."""
        fence()
        by_day: dict[str, list[Candle]] = defaultdict(list)
        for candle in candles:
            by_day[windows.day_of(candle.hour)].append(candle)
        for day, of_day in by_day.items():
            if day in absent_days and len(of_day) == HOURS_A_DAY:  # replaces the item
                self._never[symbol] -= set(range(windows.first_hour_of(day), windows.first_hour_of(day) + HOURS_A_DAY))
                self.lines.update({(symbol, candle.hour): candle.line() for candle in of_day})
            else:
                for candle in of_day:
                    self.lines.setdefault((symbol, candle.hour), candle.line())
        gone = list(windows.hours_in(never_printed))
        self._never[symbol] |= set(gone)
        touched = set(by_day) | {windows.day_of(hour) for hour in gone}
        self.writes += [(symbol, day) for day in sorted(touched)]

    def revise(
        self, symbol: str, revisions: Sequence[Revision], *, run_id: str, at: datetime, fence: Callable[[], None]
    ) -> None:
        """Replace candles."""
        fence()
        for stored, offered in revisions:
            if self.lines.get((symbol, stored.hour)) == stored.line():
                self.lines[symbol, stored.hour] = offered.line()
                self._revised[symbol].append(Revised(Revision(stored, offered), run_id, at))

    def revised(self, symbol: str, within: Window | None = None) -> list[Revised]:
        """Return what was replaced."""
        found = [item for item in self._revised[symbol] if not within or item.revision.stored.hour in range(*within)]
        return sorted(found, key=lambda item: (item.revision.stored.hour, item.run_id))

    def candles(self, symbol: str, within: Window, *, limit: int, newest: bool = False) -> list[Candle]:
        """Return stored candles."""
        hours = sorted(hour for name, hour in self.lines if name == symbol and within.start <= hour < within.end)
        kept = (hours[-limit:] if newest else hours[:limit]) if limit > 0 else []
        return [candle_from_line(hour, self.lines[symbol, hour]) for hour in kept]

    def columns(self, symbol: str, within: Window) -> CandleColumns:
        """Return stored candles as columns."""
        return columns_of(self.candles(symbol, within, limit=within.hours))

    def first_hour(self, symbol: str) -> int | None:
        """Return the first stored hour."""
        return min((hour for name, hour in self.lines if name == symbol), default=None)

    def last_hour(self, symbol: str) -> int | None:
        """Return the last stored hour."""
        return max((hour for name, hour in self.lines if name == symbol), default=None)

    def hours(self, symbol: str) -> Windows:
        """Return what is stored of a symbol."""
        return windows.from_hours(hour for name, hour in self.lines if name == symbol)

    def never_printed(self, symbol: str) -> Windows:
        """Return what is known of a symbol as never printed."""
        return windows.from_hours(self._never[symbol])

    def remove(self, symbol: str, hours: Windows) -> None:
        """Lose candles."""
        for hour in windows.hours_in(hours):
            self.lines.pop((symbol, hour), None)


def _midnight(hour: int) -> int:
    return hour - hour % HOURS_A_DAY


class FakeSeriesStore:
    """The series' records in memory."""

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}

    def get(self, symbol: str) -> Series:
        """Return a record."""
        return self._series.get(symbol, Series(symbol))

    def put(self, series: Series) -> Series:
        """Write a record under its revision."""
        kept = self._series.get(series.symbol)
        if (kept.revision if kept else None) != series.revision:
            raise StaleTurnError(f"the record of {series.symbol} has moved on")
        self._series[series.symbol] = replace(series, revision=str(int(series.revision or "0") + 1))
        return self._series[series.symbol]

    def overwrite(self, series: Series) -> None:
        """Write a record whatever stands there, as a fault would."""
        self.put(replace(series, revision=self.get(series.symbol).revision))

    def all(self) -> Iterator[Series]:
        """Yield every record."""
        for _, series in sorted(self._series.items()):
            yield series
