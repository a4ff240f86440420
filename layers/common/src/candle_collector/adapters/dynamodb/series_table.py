"""What is kept of each series beside its candles, in the runs table: listings and totals need no scan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from candle_collector.adapters.dynamodb.item_table import ItemTable, new_revision, translate_errors, write
from candle_collector.adapters.dynamodb.items import SeriesItem, attributes_of, fields_of
from candle_collector.domain.candle import INTERVAL
from candle_collector.domain.series import Series
from candle_collector.errors import StaleTurnError

_SERIES = "SERIES"


class SeriesTable:
    """The `SeriesStore` in the runs table."""

    def __init__(self, table: ItemTable) -> None:
        self._series = table.model(SeriesItem)

    def get(self, symbol: str) -> Series:
        """Read a series' record."""
        with translate_errors():
            try:
                return _series(self._series.get(_SERIES, f"{symbol}#{INTERVAL}", consistent_read=True))
            except self._series.DoesNotExist:
                return Series(symbol)

    def put(self, series: Series) -> Series:
        """Write a series' record whole, while its revision is the newest."""
        written = replace(series, revision=new_revision())
        item = self._series(_SERIES, f"{series.symbol}#{INTERVAL}", **attributes_of(written, SeriesItem))
        known = self._series.revision
        newest = known.does_not_exist() if series.revision is None else known == series.revision
        try:
            write(lambda: item.save(condition=newest))
        except StaleTurnError:
            if self.get(series.symbol).revision != written.revision:  # else it was ours, and its reply was lost
                raise
        return written

    def all(self) -> Iterator[Series]:
        """Read every series' record, page after page, as of now: one just written is in an export of all."""
        with translate_errors():
            for item in self._series.query(_SERIES, consistent_read=True):
                yield _series(item)


def _series(item: SeriesItem) -> Series:
    return Series(symbol=item.sk.removesuffix(f"#{INTERVAL}"), **fields_of(item))
