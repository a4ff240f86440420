"""Writes stored candles to CSV, to one Parquet file, or to Parquet by symbol and month: complete or not at all."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from candle_collector.domain.candle import Candle
from candle_collector.errors import CollectorError
from candle_collector.reading.candle_frame import arrow, schema, table
from candle_collector.reading.stream_candles import Month

ROW_GROUP_ROWS = 100_000
"""What is held before it is written to a Parquet file: some 20 MB."""

CSV_COLUMNS = (
    *("symbol", "open_time_ms", "open_time", "open", "high", "low", "close", "volume", "quote_volume"),
    *("trade_count", "taker_base", "taker_quote", "segment"),
)


class ExportRefusedError(CollectorError):
    """What is asked for would overwrite something."""


@dataclass
class Exported:
    """What was written.

    Attributes
    ----------
    rows
        Candles.
    segments
        How many segments each symbol has that has more than one.
    corrections
        A sentence for each symbol whose series' record does not name the first and the last stored candle.
    """

    rows: int = 0
    segments: dict[str, int] | None = None
    corrections: dict[str, str] = field(default_factory=dict)

    def count(self, month: Month) -> None:
        """Count a month in."""
        self.rows += len(month.candles)
        if month.segments and month.segments[-1] > 1:
            self.segments = {**(self.segments or {}), month.symbol: month.segments[-1]}
        if month.correction:
            self.corrections[month.symbol] = month.correction


def export(
    months: Iterable[Month], target: Path, *, force: bool = False, progress: Callable[[int], None] = lambda _: None
) -> Exported:
    """Write months, ordered by symbol and time, to ``.csv``, ``.parquet``, or a folder partitioned by symbol and month.

    Parameters
    ----------
    target
        A file by its ending, else a folder.
    force
        Whether what is there is replaced, once the new is complete.
    progress
        Reported how many hours were read.

    Raises
    ------
    ExportRefusedError
        The target exists, or its folder does not.
    """
    if target.exists() and not force:
        raise ExportRefusedError(f"{target} exists; --force replaces it")
    if not target.parent.is_dir():
        raise ExportRefusedError(f"the folder {target.parent} does not exist")
    write = {".csv": _write_csv, ".parquet": _write_parquet}.get(target.suffix, _write_folder)
    exported = Exported()

    def counted() -> Iterator[Month]:
        for month in months:
            exported.count(month)
            yield month
            progress(month.hours)

    with _complete_or_absent(target) as unfinished:
        write(counted(), unfinished)
    return exported


@contextmanager
def _complete_or_absent(target: Path) -> Iterator[Path]:
    """Yield a path to write to, and give it the target's name when all is written; remove it when something fails."""
    unfinished = target.with_name(f".{target.name}.unfinished")
    _remove(unfinished)
    try:
        yield unfinished
        if target.is_dir():
            replaced = target.with_name(f".{target.name}.replaced")
            _remove(replaced)
            target.rename(replaced)
            unfinished.rename(target)
            _remove(replaced)
        else:
            unfinished.replace(target)
    except BaseException:
        _remove(unfinished)
        raise


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write_csv(months: Iterable[Month], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(CSV_COLUMNS)
        for month in months:
            writer.writerows(map(_csv_row, [month.symbol] * len(month.candles), month.candles, month.segments))
        _to_disk(file)


def _csv_row(symbol: str, candle: Candle, segment: int) -> tuple[Any, ...]:
    opened = datetime.fromtimestamp(candle.open_time_ms / 1000, UTC)
    reported = (
        opened.strftime("%Y-%m-%dT%H:%M:%SZ") if not candle.offset_ms else f"{opened:%FT%T}.{opened:%f}"[:23] + "Z"
    )
    return (symbol, candle.open_time_ms, reported, *candle[1:10], segment)


def _write_parquet(months: Iterable[Month], path: Path) -> None:
    pa, pq = arrow(), _parquet()
    with path.open("wb") as file:
        with pq.ParquetWriter(file, schema(), compression="zstd") as writer:
            held: list[Any] = []
            rows = 0
            for month in months:
                held.append(table(month))
                rows += len(month.candles)
                if rows >= ROW_GROUP_ROWS:
                    writer.write_table(pa.concat_tables(held))
                    held, rows = [], 0
            if rows:
                writer.write_table(pa.concat_tables(held))
        _to_disk(file)


def _write_folder(months: Iterable[Month], path: Path) -> None:
    """Write a file a symbol and month, as Hive names them; the folder's name holds the symbol, the file does not."""
    pq = _parquet()
    path.mkdir()
    for month in months:
        if month.candles:
            folder = path / f"symbol={month.symbol}" / f"month={month.month}"
            folder.mkdir(parents=True)
            pq.write_table(table(month).drop_columns(["symbol"]), folder / "candles.parquet", compression="zstd")


def _parquet() -> Any:
    arrow()
    import pyarrow.parquet as pq  # type: ignore[import-untyped] # it ships none # noqa: PLC0415 - no function needs it

    return pq


def _to_disk(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())
