"""What is kept of each series beside its candles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select

from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.records import Record, new_revision
from candle_collector.adapters.sql.rows import put_row
from candle_collector.adapters.sql.schema import series_records
from candle_collector.domain.candle import INTERVAL
from candle_collector.domain.series import Series
from candle_collector.errors import StaleTurnError

_SERIES = Record(Series, "the record of a series")


class SqlSeries:
    """The `SeriesStore` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, symbol: str) -> Series:
        """Read a series' record."""
        columns = series_records.c
        statement = select(columns.revision, columns.body).where(columns.symbol == symbol, columns.interval == INTERVAL)
        row = self._database.query(lambda connection: connection.execute(statement).first())
        return Series(symbol) if row is None else _series(row)

    def put(self, series: Series) -> Series:
        """Write a series' record whole, while its revision is the newest."""
        written = replace(series, revision=new_revision())
        key = {"symbol": series.symbol, "interval": INTERVAL}
        values = {"revision": written.revision, "body": _SERIES.write(replace(written, revision=None))}

        def write(connection: Connection) -> None:
            kept = put_row(connection, series_records, key, values, known=series.revision)
            if kept is None or kept.revision != written.revision:
                raise StaleTurnError(f"the record of {series.symbol} was written by somebody else meanwhile")

        self._database.transact(write)
        return written

    def all(self) -> Iterator[Series]:
        """Read every series' record, as of now."""
        columns = series_records.c
        statement = select(columns.revision, columns.body).where(columns.interval == INTERVAL).order_by(columns.symbol)
        rows = self._database.query(lambda connection: connection.execute(statement).all())
        yield from map(_series, rows)


def _series(row: Any) -> Series:
    return replace(_SERIES.read(row.body), revision=row.revision)
