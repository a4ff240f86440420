"""What is kept of each series beside its candles, in the runs table: listings and totals need no scan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from candle_collector.adapters.dynamodb.item_table import ItemTable, new_revision, translate_errors, write
from candle_collector.adapters.dynamodb.items import SeriesItem, attributes_of, fields_of
from candle_collector.domain.series import Series, prefix_of, series_named
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.errors import StaleTurnError

_SERIES = "SERIES"


class SeriesTable:
    """The `SeriesStore` in the runs table."""

    def __init__(self, table: ItemTable) -> None:
        self._series = table.model(SeriesItem)

    def get(self, series: Series) -> SeriesRecord:
        """Read a series' record."""
        with translate_errors():
            try:
                return _record(self._series.get(_SERIES, str(series), consistent_read=True))
            except self._series.DoesNotExist:
                return SeriesRecord(series)

    def put(self, record: SeriesRecord) -> SeriesRecord:
        """Write a series' record whole, while its revision is the newest."""
        written = replace(record, revision=new_revision())
        item = self._series(_SERIES, str(record.series), **attributes_of(written, SeriesItem))
        known = self._series.revision
        newest = known.does_not_exist() if record.revision is None else known == record.revision
        try:
            write(lambda: item.save(condition=newest))
        except StaleTurnError:
            if self.get(record.series).revision != written.revision:  # else it was ours, and its reply was lost
                raise
        return written

    def of_symbol(self, market: str, symbol: str) -> list[SeriesRecord]:
        """Read the records of a symbol's series, as of now."""
        named = self._series.sk.startswith(prefix_of(market, symbol))
        with translate_errors():
            found = map(_record, self._series.query(_SERIES, named, consistent_read=True))
            return sorted(found, key=lambda record: record.series)

    def all(self) -> Iterator[SeriesRecord]:
        """Read every series' record, page after page, as of now: one just written is in an export of all."""
        with translate_errors():
            found = map(_record, self._series.query(_SERIES, consistent_read=True))
            yield from sorted(found, key=lambda record: record.series)


def _record(item: SeriesItem) -> SeriesRecord:
    return SeriesRecord(series=series_named(item.sk), **fields_of(item))
