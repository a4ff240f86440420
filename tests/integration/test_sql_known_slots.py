"""The lines that say which slots have a row: as the keys say, and forgotten where somebody else changed those."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.adapters.sql import known_slots
from candle_collector.adapters.sql.candles import SqlCandles
from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.schema import candles as rows
from candle_collector.adapters.sql.schema import coverage as lines
from candle_collector.adapters.sql.schema import never_printed as never_rows
from candle_collector.domain import windows
from candle_collector.domain.candle import Candle
from candle_collector.domain.interval import Interval
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

MINUTES = Series("BTCUSDT", Interval.MINUTE, BINANCE.name)
NEW_YEAR = Interval.MINUTE.first_of_day("2025-01-01")
NUMBERS = count()
AROUND = Window(NEW_YEAR - 300, NEW_YEAR + 300)


def candle(slot: int) -> Candle:
    return Candle(slot, "2", "3", "1", "2.5", "10", "25", 7, "5", "12.5")


@pytest.fixture
def store(database: Database) -> SqlCandles:
    return SqlCandles(database)


def put(store: SqlCandles, slots: Window, never: Window | None = None) -> None:
    of = [candle(slot) for slot in range(*slots)]
    store.store(MINUTES, of, (never,) if never else (), absent_blocks=frozenset())


SPANS = st.tuples(st.integers(-200, 200), st.integers(0, 90)).map(
    lambda at: Window(NEW_YEAR + at[0], NEW_YEAR + at[0] + at[1])
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=st.lists(st.tuples(SPANS, st.none() | SPANS), min_size=1, max_size=6))
def test_the_lines_say_what_the_keys_say_over_the_turn_of_a_year(
    store: SqlCandles, database: Database, steps: list[tuple[Window, Window | None]]
) -> None:
    series = MINUTES._replace(symbol=f"S{next(NUMBERS)}USDT")
    for stored, never in steps:
        of = [candle(slot) for slot in range(*stored)]
        store.store(series, of, (never,) if never and never.slots else (), absent_blocks=frozenset())
    by_lines = store.coverage(series, AROUND)
    with database.write() as connection:
        connection.execute(delete(lines))
    assert store.coverage(series, AROUND) == by_lines
    assert by_lines.stored == windows.union(stored for stored, _ in steps)


@pytest.mark.parametrize("table", [rows, never_rows], ids=["candles", "never printed"])
def test_rows_that_a_person_deletes_are_missing_at_once_and_stored_again(
    store: SqlCandles, database: Database, table: Any
) -> None:
    put(store, Window(NEW_YEAR, NEW_YEAR + 10), Window(NEW_YEAR + 20, NEW_YEAR + 30))
    gone = NEW_YEAR + (5 if table is rows else 25)
    with database.write() as connection:
        connection.execute(delete(table).where(table.c.open_time == Interval.MINUTE.open_ms(gone)))
    known = store.coverage(MINUTES, AROUND)
    assert not windows.contains((*known.stored, *known.never_printed), gone)
    put(store, Window(gone, gone + 1))
    assert windows.contains(store.coverage(MINUTES, AROUND).stored, gone)


def test_a_row_that_a_person_moves_is_found_where_it_is(store: SqlCandles, database: Database) -> None:
    put(store, Window(NEW_YEAR, NEW_YEAR + 10))
    open_ms = Interval.MINUTE.open_ms
    with database.write() as connection:
        moved = update(rows).where(rows.c.open_time == open_ms(NEW_YEAR + 9))
        connection.execute(moved.values(open_time=open_ms(NEW_YEAR + 50)))
    assert store.coverage(MINUTES, AROUND).stored == (
        Window(NEW_YEAR, NEW_YEAR + 9),
        Window(NEW_YEAR + 50, NEW_YEAR + 51),
    )


def test_a_year_of_too_many_windows_is_read_from_the_keys(
    store: SqlCandles, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_slots, "_WINDOWS_MOST", 3)
    slots = range(NEW_YEAR, NEW_YEAR + 20, 2)
    for slot in slots:
        put(store, Window(slot, slot + 1))
    assert store.coverage(MINUTES, AROUND).stored == windows.from_slots(slots)
    with database.read() as connection:
        assert [len(row.stored) for row in connection.execute(select(lines.c.stored))] == [0]
