"""The tables: candles as rows that people can query, records as JSON beside the columns that are searched.

Moments that are compared are ms since 1970 (UTC). Decimals are exact on both databases: text in SQLite, whose NUMERIC
is a float, and NUMERIC in PostgreSQL.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Dialect,
    Index,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    cast,
    event,
)

from candle_collector.domain.series import Series


class ExactDecimal(TypeDecorator[str]):
    """A decimal as plain text in Python and NUMERIC in PostgreSQL: no exponent, no digit changed."""

    impl = Numeric
    cache_ok = True

    def bind_processor(self, _dialect: Dialect) -> None:
        """Leave the text as it is; the statement casts it."""

    def result_processor(self, _dialect: Dialect, _coltype: object) -> None:
        """Leave the text as it is; the query asks for text."""

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Let PostgreSQL write out all digits: the driver would make a Decimal of each first."""
        return cast(column, Text)


metadata = MetaData()

_DECIMAL = Text().with_variant(ExactDecimal(), "postgresql")
_WORD = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is compared and sorted by its code points, whatever the database's language."""
_COUNTER = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts in INTEGER keys alone

# A name that no other program uses in the same database.
archive_schema = Table("archive_schema", metadata, Column("version", Integer, nullable=False))

series = Table(
    "series",
    metadata,
    Column("series_id", Integer, primary_key=True),
    Column("market", _WORD, nullable=False),
    Column("symbol", _WORD, nullable=False),
    Column("interval", _WORD, nullable=False),
    UniqueConstraint("market", "symbol", "interval"),
)

candles = Table(
    "candles",
    metadata,
    Column("series_id", Integer, primary_key=True, autoincrement=False),
    Column("open_time", BigInteger, primary_key=True, autoincrement=False),
    Column("open", _DECIMAL, nullable=False),
    Column("high", _DECIMAL, nullable=False),
    Column("low", _DECIMAL, nullable=False),
    Column("close", _DECIMAL, nullable=False),
    Column("volume", _DECIMAL, nullable=False),
    Column("quote_volume", _DECIMAL, nullable=False),
    Column("trade_count", BigInteger, nullable=False),
    Column("taker_base", _DECIMAL, nullable=False),
    Column("taker_quote", _DECIMAL, nullable=False),
    Column("offset_ms", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""A row a candle. `open_time` is where its slot begins, in ms since 1970; it opened `offset_ms` later."""

never_printed = Table(
    "never_printed",
    metadata,
    Column("series_id", Integer, primary_key=True, autoincrement=False),
    Column("open_time", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""A row for each slot of which the exchange has proven that it has no candle."""

coverage = Table(
    "coverage",
    metadata,
    Column("series_id", Integer, primary_key=True, autoincrement=False),
    Column("year", Integer, primary_key=True, autoincrement=False),
    Column("stored", Text, nullable=False),
    Column("never", Text, nullable=False),
)
"""Which slots of a UTC year have a row in `candles` and in `never_printed`, as ``1893456/1893500 1893510/1894000``."""

revisions = Table(
    "revisions",
    metadata,
    Column("revision_id", _COUNTER, primary_key=True),
    Column("series_id", Integer, nullable=False),
    Column("open_time", BigInteger, nullable=False),
    Column("run_id", _WORD, nullable=False),
    Column("replaced_at", _WORD, nullable=False),
    Column("stored", Text, nullable=False),
    Column("offered", Text, nullable=False),
    Index("revisions_by_time", "series_id", "open_time"),
)
"""A row for each candle that was replaced, with both values as `Candle.line` writes them."""

series_records = Table(
    "series_records",
    metadata,
    Column("market", _WORD, primary_key=True),
    Column("symbol", _WORD, primary_key=True),
    Column("interval", _WORD, primary_key=True),
    Column("revision", Text, nullable=False),
    Column("body", Text, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", _WORD, primary_key=True),
    Column("state", _WORD, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("write_id", Text, nullable=False),
    Column("body", Text, nullable=False),
)
"""`is_open` until the run's end was reported."""

run_series = Table(
    "run_series",
    metadata,
    Column("run_id", _WORD, primary_key=True),
    Column("series", _WORD, primary_key=True),
    Column("outcome", _WORD, nullable=False),
    Column("stopping", Boolean, nullable=False),
    Column("revision", Text, nullable=False),
    Column("body", Text, nullable=False),
)

occurrences = Table(
    "occurrences",
    metadata,
    Column("occurrence", _WORD, primary_key=True),
    Column("run_id", _WORD, nullable=False),
)

universes = Table(
    "universes",
    metadata,
    Column("day", _WORD, primary_key=True),
    Column("quote_asset", _WORD, primary_key=True),
    Column("run_id", _WORD, nullable=False),
    Column("body", Text, nullable=False),
)

states = Table(
    "states",
    metadata,
    Column("name", _WORD, primary_key=True),
    Column("body", Text),
)
"""What there is one of: the lease, the rate limiter, the market's last answers, whose turn it is to ask, the last
scheduled start that failed, the listings."""

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", _WORD, primary_key=True),
    Column("body", Text, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    Column("position", _COUNTER, primary_key=True),
    Column("message_id", _WORD, nullable=False, unique=True),
    Column("body", Text, nullable=False),
    Column("sent_at", BigInteger, nullable=False),
    Column("visible_at", BigInteger, nullable=False),
    Column("receives", Integer, nullable=False),
    Column("receipt", _WORD, unique=True),
    Column("dead", Boolean, nullable=False),
    Index("messages_by_time", "dead", "visible_at"),
)
"""The workers' queue. `receipt` names the newest receiving; it is empty where none holds the message."""


def key_of(of: Series) -> dict[str, str]:
    """Return the columns by which a series is found."""
    return {"market": of.market, "symbol": of.symbol, "interval": str(of.interval)}


_VIEW = """
CREATE VIEW readable_candles AS
SELECT series.symbol, series.interval, {time} AS open_time_utc, candles.open, candles.high, candles.low, candles.close,
       candles.volume, candles.quote_volume, candles.trade_count, candles.taker_base, candles.taker_quote
FROM candles JOIN series ON series.series_id = candles.series_id
"""
_TIMES = {
    "sqlite": "strftime('%%Y-%%m-%%d %%H:%%M:%%S', (candles.open_time + candles.offset_ms) / 1000, 'unixepoch')",
    "postgresql": (
        "to_char(to_timestamp((candles.open_time + candles.offset_ms) / 1000) AT TIME ZONE 'UTC',"
        " 'YYYY-MM-DD HH24:MI:SS')"
    ),
}
for _name, _time in _TIMES.items():
    event.listen(metadata, "after_create", DDL(_VIEW.format(time=_time)).execute_if(dialect=_name))  # type: ignore[no-untyped-call] # SQLAlchemy left it so

# Rows that a person deletes or moves are forgotten: the keys are read again where a year has no line.
_FORGETTING = {
    "sqlite": (
        (
            "CREATE TRIGGER {table}_deleted AFTER DELETE ON {table} "
            "BEGIN DELETE FROM coverage WHERE series_id = OLD.series_id; END"
        ),
        (
            "CREATE TRIGGER {table}_moved AFTER UPDATE OF series_id, open_time ON {table} "
            "BEGIN DELETE FROM coverage WHERE series_id IN (OLD.series_id, NEW.series_id); END"
        ),
    ),
    "postgresql": (
        (
            "CREATE FUNCTION forget_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "DELETE FROM coverage WHERE series_id = OLD.series_id; RETURN NULL; END $$"
        ),
        (
            "CREATE TRIGGER {table}_changed AFTER DELETE OR UPDATE OF series_id, open_time ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION forget_{table}()"
        ),
    ),
}
for _name, _statements in _FORGETTING.items():
    for _table in (candles.name, never_printed.name):
        for _statement in _statements:
            _made = DDL(_statement.format(table=_table))  # type: ignore[no-untyped-call] # SQLAlchemy left it so
            event.listen(metadata, "after_create", _made.execute_if(dialect=_name))
