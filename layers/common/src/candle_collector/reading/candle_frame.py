"""Stored candles as columns, for pandas and for Parquet; it needs pandas and pyarrow, which no function has."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from candle_collector.domain.aggregate import INTERVALS
from candle_collector.domain.market import Market
from candle_collector.errors import CollectorError, NotFoundError
from candle_collector.ports import CandleStore, SeriesStore
from candle_collector.reading.candle_source import parts_of
from candle_collector.reading.stream_candles import Month, Parts, range_of_dates, stored_parts, stream_parts

if TYPE_CHECKING:
    import pandas as pd

DECIMALS = ("open", "high", "low", "close", "volume", "quote_volume", "taker_base", "taker_quote")
_FIELDS = ("open", "high", "low", "close", "volume", "quote_volume", "trade_count", "taker_base", "taker_quote")

_DIGITS, _AFTER_POINT = 38, 8
"""Binance's decimals have 8 digits behind the point and at most 20 before it; sums of a day have two more."""


class ExportNeedsError(CollectorError):
    """A library is missing that only export needs."""


def arrow() -> Any:
    """Return pyarrow.

    Raises
    ------
    ExportNeedsError
        It is not installed.
    """
    try:
        import pyarrow as pa  # type: ignore[import-untyped] # it ships none # noqa: PLC0415 - no function needs it
    except ImportError as error:
        raise ExportNeedsError(
            "pyarrow is missing: `make setup WITH=files`, or `pip install pandas pyarrow`"
        ) from error
    return pa


def schema() -> Any:
    """Return the columns of a table: aware UTC times in ms, exact decimals, and the symbol's segment."""
    pa = arrow()
    decimal, moment = pa.decimal128(_DIGITS, _AFTER_POINT), pa.timestamp("ms", "UTC")
    types = {"trade_count": pa.int64()}
    return pa.schema(
        [
            ("symbol", pa.string()),
            ("open_time", moment),
            *((name, types.get(name, decimal)) for name in _FIELDS),
            ("segment", pa.int16()),
        ]
    )


def table(month: Month) -> Any:
    """Return a month's candles as a pyarrow Table."""
    pa = arrow()
    columns = month.columns
    if not columns.rows:
        return schema().empty_table()
    decimal = pa.decimal128(_DIGITS, _AFTER_POINT)
    arrays = [
        _text(month.symbol).take(_numbers(pa.int64(), bytes(8 * columns.rows))),
        _numbers(pa.timestamp("ms", "UTC"), array("q", columns.open_times_ms(month.interval))),
        *(
            _texts(getattr(columns, name)).cast(decimal)
            if name in DECIMALS
            else _numbers(pa.int64(), array("q", getattr(columns, name)))
            for name in _FIELDS
        ),
        _numbers(pa.int16(), array("h", month.segments)),
    ]
    return pa.Table.from_arrays(arrays, schema=schema())


# Made of buffers: for anything made of a list pyarrow imports pandas, half a second and 40 MB that no file needs.


def _numbers(kind: Any, values: bytes | array[int]) -> Any:
    """Return numbers, which lie in memory as Arrow has them, as an Array."""
    pa = arrow()
    buffer = pa.py_buffer(values)
    return pa.Array.from_buffers(kind, buffer.size * 8 // kind.bit_width, [None, buffer])


def _text(text: str) -> Any:
    """Return an Array of one text."""
    pa = arrow()
    data = text.encode()
    return pa.StringArray.from_buffers(1, pa.py_buffer(array("i", [0, len(data)])), pa.py_buffer(data))


def _texts(texts: Sequence[str]) -> Any:
    """Return an Array of at least one text without commas, as those of decimals are."""
    arrow()
    from pyarrow import compute  # noqa: PLC0415 - no function needs it

    return compute.split_pattern(_text(",".join(texts)), ",").flatten()


def _parts(
    symbols: Iterable[str], interval: str, market: Market, records: SeriesStore, candles: CandleStore
) -> Iterator[Parts]:
    """Yield what the candles of each stored symbol are read from, by symbol."""
    for symbol in sorted(set(symbols)):
        with suppress(NotFoundError):
            yield stored_parts(parts_of(symbol, interval, market, records, candles), records, candles)


def candle_frame(
    candles: CandleStore,
    records: SeriesStore,
    symbols: Iterable[str],
    *,
    market: Market,
    start: str | None = None,
    end: str | None = None,
    interval: str = "1h",
    exact: bool = True,
) -> pd.DataFrame:
    """Return candles as a DataFrame, sorted by symbol and time.

    Its columns are symbol, open_time (aware, UTC), open, high, low, close, volume, quote_volume, trade_count,
    taker_base, taker_quote, and segment: 2 and up where a name was perhaps used again.

    Parameters
    ----------
    market
        Whose symbols are meant.
    start, end
        Dates (``2025-01-31``) or timestamps (``2025-01-31T12:00:00Z``), both included; all where they are None.
    interval
        One of those stored, or one that they make up: 1m, 3m ... 1d, 3d, 1w, 1M.
    exact
        Prices and volumes as decimals of 8 digits (Arrow's), as the exchange sent them; else as floats.

    Raises
    ------
    ExportNeedsError
        pandas or pyarrow is not installed.
    ValueError
        A date or the interval is not valid.
    IntervalNotServedError
        What is stored of a symbol does not make up the interval; one of which nothing is stored is left out.
    """
    if interval not in INTERVALS:
        raise ValueError(f"the interval {interval} is not one of {', '.join(INTERVALS)}")
    pa = arrow()
    try:
        import pandas as pd  # noqa: PLC0415 - no function needs it
    except ImportError as error:
        raise ExportNeedsError("pandas is missing: `make setup WITH=files`, or `pip install pandas pyarrow`") from error
    within = range_of_dates(start, end, market)
    months = [
        table(month)
        for parts in _parts(symbols, interval, market, records, candles)
        for month in stream_parts(candles, parts, within)
    ]
    whole = pa.concat_tables([schema().empty_table(), *months])
    if not exact:
        floats = [field.with_type(pa.float64()) if field.name in DECIMALS else field for field in whole.schema]
        whole = whole.cast(pa.schema(floats))
    frame: pd.DataFrame = whole.to_pandas(
        types_mapper=lambda kind: pd.ArrowDtype(kind) if pa.types.is_decimal(kind) else None
    )
    return frame
