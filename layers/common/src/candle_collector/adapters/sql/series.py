"""What is kept of each series beside its candles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select

from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.records import Record, new_revision
from candle_collector.adapters.sql.rows import put_row
from candle_collector.adapters.sql.schema import key_of, series_records
from candle_collector.domain.series import Series
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.errors import StaleTurnError

_RECORD = Record(SeriesRecord, "the record of a series")


class SqlSeries:
    """The `SeriesStore` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, series: Series) -> SeriesRecord:
        """Read a series' record."""
        columns = series_records.c
        where = [getattr(columns, name) == value for name, value in key_of(series).items()]
        statement = select(columns.revision, columns.body).where(*where)
        row = self._database.query(lambda connection: connection.execute(statement).first())
        return SeriesRecord(series) if row is None else _record(row)

    def put(self, record: SeriesRecord) -> SeriesRecord:
        """Write a series' record whole, while its revision is the newest."""
        written = replace(record, revision=new_revision())
        key = key_of(record.series)
        values = {"revision": written.revision, "body": _RECORD.write(replace(written, revision=None))}

        def write(connection: Connection) -> None:
            kept = put_row(connection, series_records, key, values, known=record.revision)
            if kept is None or kept.revision != written.revision:
                raise StaleTurnError(f"the record of {record.series} was written by somebody else meanwhile")

        self._database.transact(write, followed=True)
        return written

    def of_symbol(self, market: str, symbol: str) -> list[SeriesRecord]:
        """Read the records of a symbol's series."""
        columns = series_records.c
        statement = select(columns.revision, columns.body).where(columns.market == market, columns.symbol == symbol)
        rows = self._database.query(lambda connection: connection.execute(statement).all())
        return sorted(map(_record, rows), key=lambda record: record.series)

    def all(self) -> Iterator[SeriesRecord]:
        """Read every series' record, as of now."""
        columns = series_records.c
        statement = select(columns.revision, columns.body)
        rows = self._database.query(lambda connection: connection.execute(statement).all())
        yield from sorted(map(_record, rows), key=lambda record: record.series)


def _record(row: Any) -> SeriesRecord:
    return replace(_RECORD.read(row.body), revision=row.revision)
