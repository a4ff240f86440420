"""Which slots have a row: a line of windows for each series and year, so that years of minutes are read at once.

It is written in the transaction that writes the rows. Whoever deletes rows by hand deletes the lines of that series too
(a trigger, schema.py); where there is no line, the keys are read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Table, func, select, update

from candle_collector.adapters.sql.rows import insert_if_absent
from candle_collector.adapters.sql.schema import candles, coverage, never_printed
from candle_collector.domain import windows
from candle_collector.domain.interval import Interval
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window, Windows
from candle_collector.errors import StoredCandleDamagedError

_WINDOWS_MOST = 5_000
"""So many windows of a year are kept; of a year with more the keys are read."""

Known = tuple[Windows, Windows]
"""The stored slots, and those never printed."""


def read_known(connection: Connection, series_id: int | None, series: Series, within: Window) -> Known:
    """Return the known slots of `within`."""
    if series_id is None:
        return (), ()
    interval, stored, never = series.interval, list[Window](), list[Window]()
    lines = _lines(connection, series_id, interval.years_of(within))
    for year in interval.years_of(within):
        part = interval.year_window(year).clip(within)
        of_year = lines.get(year)
        found = _from_keys(connection, series_id, series, part) if of_year is None else of_year
        stored += windows.clip(found[0], part)
        never += windows.clip(found[1], part)
    return windows.union(stored), windows.union(never)


def add_known(connection: Connection, series_id: int, series: Series, stored: Windows, never: Windows) -> None:
    """Add slots whose rows this transaction has written to the lines of their years."""
    interval = series.interval
    touched = windows.union([*stored, *never])
    years = sorted({year for window in touched for year in interval.years_of(window)})
    for year in years:
        whole = interval.year_window(year)
        line = _locked(connection, series_id, year)
        if line is None:  # the rows of this transaction are among the keys
            known = _from_keys(connection, series_id, series, whole)
            if not insert_if_absent(connection, coverage, {**_key(series_id, year), **_text_of(known)}):
                line = _locked(connection, series_id, year)
        if line is not None and line != _TOO_MANY:
            known = _windows(line[0]), _windows(line[1])
            added = tuple(
                windows.union([*before, *windows.clip(more, whole)])
                for before, more in zip(known, (stored, never), strict=True)
            )
            where = (coverage.c.series_id == series_id, coverage.c.year == year)
            connection.execute(update(coverage).where(*where).values(**_text_of((added[0], added[1]))))


_TOO_MANY = ("", "-")
"""The line of a year with more windows than are kept."""


def _key(series_id: int, year: int) -> dict[str, int]:
    return {"series_id": series_id, "year": year}


def _locked(connection: Connection, series_id: int, year: int) -> tuple[str, str] | None:
    """Return the line of a year, which nobody else changes before the end of the transaction."""
    where = (coverage.c.series_id == series_id, coverage.c.year == year)
    row = connection.execute(select(coverage.c.stored, coverage.c.never).where(*where).with_for_update()).first()
    return None if row is None else (row.stored, row.never)


def _lines(connection: Connection, series_id: int, years: Iterable[int]) -> dict[int, Known]:
    """Return what the lines of years say; those of years without a line, or with too many windows, are left out."""
    columns = coverage.c
    statement = select(columns.year, columns.stored, columns.never).where(
        columns.series_id == series_id, columns.year.in_(list(years))
    )
    rows = connection.execute(statement).all()
    return {
        row.year: (_windows(row.stored), _windows(row.never)) for row in rows if (row.stored, row.never) != _TOO_MANY
    }


def _text_of(known: Known) -> dict[str, str]:
    if sum(map(len, known)) > _WINDOWS_MOST:
        return {"stored": _TOO_MANY[0], "never": _TOO_MANY[1]}
    return {
        name: " ".join(f"{start}/{end}" for start, end in of)
        for name, of in zip(("stored", "never"), known, strict=True)
    }


def _windows(text: str) -> Windows:
    return tuple(Window(*map(int, part.split("/"))) for part in text.split())


def _from_keys(connection: Connection, series_id: int, series: Series, within: Window) -> Known:
    keys = [_with_a_row(connection, table, series_id, series, within) for table in (candles, never_printed)]
    return keys[0], keys[1]


def _with_a_row(connection: Connection, table: Table, series_id: int, series: Series, within: Window) -> Windows:
    """Return the slots that have a row, from the keys alone.

    Most series have no gap, which the number of the rows and the ends prove: a third of the time that it takes to read
    all keys, and those are read faster than SQLite finds the gaps between them by a window function (measured).
    """
    open_time, interval = table.c.open_time, series.interval
    rows = [table.c.series_id == series_id, *inside(open_time, within, interval)]
    length = interval.length_ms
    ends = (func.min(open_time), func.max(open_time), func.count(), func.max(open_time % length))
    found: Any = connection.execute(select(*ends).where(*rows)).first()
    first, last, number, off_the_grid = found
    if not number:
        return ()
    if off_the_grid:
        raise StoredCandleDamagedError(f"{series}: a row between {first} and {last} does not open with a slot")
    if last - first == (number - 1) * length:
        return (Window(first // length, last // length + 1),)
    return windows.from_slots(at // length for at in connection.execute(select(open_time).where(*rows)).scalars())


def inside(open_time: Any, within: Window | None, interval: Interval) -> list[Any]:
    """Return the conditions on an open time that lies in a window of slots; none for all."""
    if within is None:
        return []
    return [open_time >= interval.open_ms(within.start), open_time < interval.open_ms(within.end)]
