"""The rows of a Parquet file, whose decimals are decimals or text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from candle_collector.adapters.files.columns import NEEDED, Row, names_of
from candle_collector.adapters.files.refusals import CandleFileError

_ROWS_A_BATCH = 9600


def parquet_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a Parquet file."""
    try:
        import pyarrow as pa  # type: ignore[import-untyped] # it ships none # noqa: PLC0415 - no function needs it
        import pyarrow.parquet as pq  # type: ignore[import-untyped] # the same # noqa: PLC0415 - the same
    except ImportError as error:
        raise CandleFileError("Parquet needs pyarrow: run `make setup`, or `pip install pyarrow`") from error
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        names = names_of(schema.names)
        readers: dict[str, Callable[[Any], Any]] = {}
        for name, field in zip(names, schema, strict=True):
            if pa.types.is_floating(field.type) and name in NEEDED:
                raise ValueError(f"{field.name} is a float, which does not hold the exchange's digits")
            if pa.types.is_decimal(field.type):
                readers[name] = _decimal_text
            elif pa.types.is_timestamp(field.type):
                if not field.type.tz and name in NEEDED:
                    raise ValueError("a time has no zone; a timestamp must say that it is UTC")
                readers[name] = _moment_ms
        read = 0
        for batch in file.iter_batches(_ROWS_A_BATCH):
            columns = [
                [readers[name](value) for value in column.to_pylist()] if name in readers else column.to_pylist()
                for name, column in zip(names, batch.columns, strict=True)
            ]
            for number, values in enumerate(zip(*columns, strict=True), read + 1):
                yield Row(number, dict(zip(names, values, strict=True)))
            read += batch.num_rows


def _decimal_text(value: Decimal | None) -> str:
    return "" if value is None else f"{value:f}"


def _moment_ms(value: datetime | None) -> int | None:
    return None if value is None else round(value.timestamp() * 1000)
