"""What is kept of each series beside its candles, in the runs table: listings and totals need no scan."""

from __future__ import annotations

from collections.abc import Iterator

from candle_collector.adapters.dynamodb import items
from candle_collector.adapters.dynamodb.runs_table import told
from candle_collector.domain.series import Series

_SERIES = "SERIES"


class SeriesTable:
    """The series' records in DynamoDB."""

    def __init__(self, table: str) -> None:
        self._series = items.bind(items.SeriesItem, table)

    def get(self, symbol: str) -> Series:
        """Read a series' record."""
        with told():
            try:
                return items.series_of(self._series.get(_SERIES, items.series_key(symbol), consistent_read=True))
            except self._series.DoesNotExist:
                return Series(symbol)

    def put(self, series: Series) -> None:
        """Write a series' record whole."""
        with told():
            self._series(
                _SERIES,
                items.series_key(series.symbol),
                first=series.first,
                last=series.last,
                absent=series.absent,
                delisted=series.delisted,
                years={str(year): hours for year, hours in sorted(series.years.items())},
                failed_windows=[
                    [items.WindowAttribute().serialize(one.window), *one[1:]] for one in series.failed_windows
                ]
                or None,
                version=series.version,
            ).save()

    def all(self) -> Iterator[Series]:
        """Read every series' record, page after page."""
        with told():
            for item in self._series.query(_SERIES):
                yield items.series_of(item)
