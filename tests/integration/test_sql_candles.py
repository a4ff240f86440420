"""Candles as rows: exact to the last digit, readable by people, and refused where something else changed them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.adapters.sql.candles import SqlCandles
from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.schema import candles as rows
from candle_collector.domain import windows
from candle_collector.domain.interval import Interval
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window
from candle_collector.errors import DatabaseError, StoredCandleDamagedError
from sqlalchemy import exc, insert, select, text, update

from tests.exchange import needs_recordings
from tests.hourly import HOUR_MS, blocks_in, first_hour_of, hourly
from tests.port_contracts.candle_store import DAY, MIDNIGHT, SYMBOL, candles, within
from tests.recorded import recorded_rows

DECIMALS = (
    "0.00000001",
    "0",
    "1",
    "100",
    "13715.65",
    "99999999999999999999.99999999999999999999",
    "123456789012345678901234567890",
    "0.1",
    "1000000",
    "0.30000000000000004",
)

EXACT = ("open", "high", "low", "close", "volume", "quote_volume", "taker_base", "taker_quote")


@pytest.fixture
def store(database: Database) -> SqlCandles:
    return SqlCandles(database)


@pytest.mark.parametrize("decimal", DECIMALS)
def test_no_digit_of_a_decimal_changes(store: SqlCandles, decimal: str) -> None:
    values: dict[str, Any] = dict.fromkeys(EXACT, decimal)
    candle = candles(0)[0]._replace(trade_count=2**40, **values)
    store.store(hourly(SYMBOL), [candle], (), absent_blocks=frozenset())
    assert store.candles(hourly(SYMBOL), within(0, 1), limit=1) == [candle]
    assert store.columns(hourly(SYMBOL), within(0, 1)).candles() == [candle]


def test_decimals_are_numbers_in_postgresql_and_text_in_sqlite(store: SqlCandles, database: Database) -> None:
    store.store(hourly(SYMBOL), [candles(3)[0]._replace(open="0.00000001")], (), absent_blocks=frozenset())
    with database.read() as connection:
        found = connection.execute(text("SELECT open, open_time_utc, symbol FROM readable_candles")).first()
    assert found is not None
    is_sqlite = database.engine.dialect.name == "sqlite"
    assert found == ("0.00000001" if is_sqlite else Decimal("0.00000001"), f"{DAY} 03:00:00", SYMBOL)


def test_people_see_when_a_candle_off_the_hour_opened(store: SqlCandles, database: Database) -> None:
    store.store(hourly(SYMBOL), [candles(3)[0]._replace(offset_ms=1_694_789)], (), absent_blocks=frozenset())
    with database.read() as connection:
        statement = text("SELECT open_time_utc, interval, trade_count FROM readable_candles")
        assert connection.execute(statement).all() == [(f"{DAY} 03:28:14", "1h", candles(3)[0].trade_count)]


def test_the_database_itself_refuses_a_second_candle_of_a_slot(store: SqlCandles, database: Database) -> None:
    store.store(hourly(SYMBOL), candles(3), (), absent_blocks=frozenset())
    with database.read() as connection:
        row = connection.execute(select(rows)).mappings().first()
    assert row is not None
    with (
        database.engine.begin() as connection,
        pytest.raises(exc.IntegrityError),
    ):
        connection.execute(insert(rows).values(**row))


def test_coverage_with_many_gaps_is_exact(store: SqlCandles) -> None:
    hours = [hour for hour in range(3000) if hour % 7 and hour % 100 > 2]
    store.store(hourly(SYMBOL), candles(*hours), (within(0, 1), within(7, 8)), absent_blocks=frozenset())
    known = store.coverage(hourly(SYMBOL), within(0, 3000))
    assert known.stored == windows.from_slots(MIDNIGHT + hour for hour in hours)
    assert known.never_printed == (within(0, 1), within(7, 8))
    assert known.blocks == blocks_in(windows.from_slots(MIDNIGHT + hour for hour in (*hours, 0, 7)))


def test_more_never_printed_candles_than_a_statement_has_parameters_are_stored(store: SqlCandles) -> None:
    store.store(hourly(SYMBOL), [], (within(0, 70_000),), absent_blocks=frozenset())
    assert store.coverage(hourly(SYMBOL), within(0, 70_000)).never_printed == (within(0, 70_000),)


@pytest.mark.parametrize("damage", ["", "NaN", "1e5", "-1", "1,2", b"5"])
def test_a_damaged_row_is_reported_and_not_served(store: SqlCandles, database: Database, damage: Any) -> None:
    is_sqlite = database.engine.dialect.name == "sqlite"
    store.store(hourly(SYMBOL), candles(7, 8), (), absent_blocks=frozenset())

    def change(value: Any) -> None:
        with database.write() as connection:
            connection.execute(update(rows).where(rows.c.open_time == (MIDNIGHT + 7) * HOUR_MS).values(close=value))

    if is_sqlite or damage in {"NaN", "-1"}:
        change(damage)
        with pytest.raises(StoredCandleDamagedError, match=f"{SYMBOL}#1h {DAY}T07:00"):
            store.candles(hourly(SYMBOL), within(0, 24), limit=10)
        with pytest.raises(StoredCandleDamagedError, match=f"{SYMBOL}#1h {DAY}T07:00"):
            store.columns(hourly(SYMBOL), within(0, 24))
    elif damage == "1e5":
        change(damage)  # a number, which PostgreSQL writes out
        assert store.candles(hourly(SYMBOL), within(7, 8), limit=1)[0].close == "100000"
        assert store.columns(hourly(SYMBOL), within(7, 8)).close == ("100000",)
    else:
        with pytest.raises(DatabaseError):
            change(damage)
    assert store.candles(hourly(SYMBOL), within(8, 24), limit=10) == candles(8)


def test_a_row_off_the_grid_is_reported(store: SqlCandles, database: Database) -> None:
    store.store(hourly(SYMBOL), candles(7, 8, 9), (), absent_blocks=frozenset())
    with database.write() as connection:
        changed = update(rows).where(rows.c.open_time == (MIDNIGHT + 8) * HOUR_MS)
        connection.execute(changed.values(open_time=(MIDNIGHT + 8) * HOUR_MS + 60_000))
    with pytest.raises(StoredCandleDamagedError, match="does not open with a slot"):
        store.coverage(hourly(SYMBOL), within(0, 24))
    with pytest.raises(StoredCandleDamagedError, match="does not open with a slot"):
        store.candles(hourly(SYMBOL), within(0, 24), limit=10)
    with pytest.raises(StoredCandleDamagedError, match="does not open with a slot"):
        store.columns(hourly(SYMBOL), within(0, 24))


@needs_recordings
def test_a_recorded_month_with_candles_off_the_hour_comes_back_as_it_was(store: SqlCandles) -> None:
    february = Window(first_hour_of("2018-02-01"), first_hour_of("2018-03-01"))
    recorded = [row for row in recorded_rows("BTCUSDT", 2018) if february.start <= row.slot < february.end]
    store.store(hourly("BTCUSDT"), recorded, (), absent_blocks=frozenset())
    assert store.candles(hourly("BTCUSDT"), february, limit=1000) == recorded
    assert store.coverage(hourly("BTCUSDT"), february).stored == windows.from_slots(row.slot for row in recorded)


def test_a_series_has_its_symbol_and_interval_once(store: SqlCandles, database: Database) -> None:
    kept = (hourly(SYMBOL), Series(SYMBOL, Interval.MINUTE, BINANCE.name), hourly("ETHUSDT"))
    for hour in range(3):
        for series in kept:
            store.store(series, candles(hour), (), absent_blocks=frozenset())
    with database.read() as connection:
        found = connection.execute(text("SELECT market, symbol, interval FROM series ORDER BY series_id")).all()
    assert found == [("binance", SYMBOL, "1h"), ("binance", SYMBOL, "1m"), ("binance", "ETHUSDT", "1h")]
