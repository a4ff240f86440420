"""Writes stored candles to CSV, to one Parquet file, or to Parquet by symbol and month: complete or not at all.

Each export writes under a name of its own beside its target, and takes the target's name at the end in one step. So
exports to one target at a time do not see each other's halves.
"""

from __future__ import annotations

import csv
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import repeat
from pathlib import Path
from typing import Any

from candle_collector.domain import dates
from candle_collector.domain.interval import DAY_MS, HOUR, Interval, moment_at
from candle_collector.errors import CollectorError
from candle_collector.reading.candle_frame import arrow, schema, table
from candle_collector.reading.stream_candles import Month

ROW_GROUP_ROWS = 100_000
"""What is held before it is written to a Parquet file: some 20 MB."""

CSV_COLUMNS = (
    *("symbol", "open_time_ms", "open_time", "open", "high", "low", "close", "volume", "quote_volume"),
    *("trade_count", "taker_base", "taker_quote", "segment"),
)


_LEFT_BEHIND_SECONDS = 86_400
"""An unfinished file that was not written to for longer is of an export that was killed."""

_REPLACE_TRIES = 5


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
        self.rows += month.columns.rows
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
        A file by its ending, else a folder. Of a symbolic link that to which it leads is written.
    force
        Whether what is there is replaced, once the new is complete. A folder is replaced only if exports alone wrote
        what lies in it.
    progress
        Reported how many slots were read.

    Raises
    ------
    ExportRefusedError
        The target exists, perhaps only since the export began, or is not what an export may replace; or its folder
        does not exist.
    """
    write = {".csv": _write_csv, ".parquet": _write_parquet}.get(target.suffix, _write_folder)
    place = _place(target)
    _check(target, place, force=force)
    exported = Exported()

    def counted() -> Iterator[Month]:
        for month in months:
            exported.count(month)
            yield month
            progress(month.slots)

    with _complete_or_absent(target, place, force=force) as unfinished:
        write(counted(), unfinished)
    return exported


def _place(target: Path) -> Path:
    """Return where a target really lies: behind all links."""
    try:
        return target.resolve()
    except (OSError, RuntimeError) as error:  # links in a circle
        raise ExportRefusedError(f"{target} leads nowhere: {error}") from error


def _check(target: Path, place: Path, *, force: bool) -> None:
    """Refuse a target that is there, or is not what an export may replace."""
    shown = f"{target}, which leads to {place}," if target.is_symlink() else str(target)
    if place.is_symlink():
        raise ExportRefusedError(f"{shown} leads nowhere")
    if not place.parent.is_dir():
        raise ExportRefusedError(f"the folder {place.parent} does not exist")
    if not place.exists():
        return
    if not force:
        raise ExportRefusedError(f"{shown} exists; --force replaces it")
    if not place.is_dir():
        if not place.is_file():
            raise ExportRefusedError(f"{shown} is not a file; name a new one")
        return
    if not place.name:
        raise ExportRefusedError(f"{shown} is the root of all files; name a new folder")
    if foreign := next((path for path in sorted(place.rglob("*")) if _is_foreign(path.relative_to(place))), None):
        raise ExportRefusedError(f"{shown} holds {foreign}, which no export wrote; name a new folder")


def _is_foreign(path: Path) -> bool:
    """Whether a path in a folder is one that no export writes; what file managers leave everywhere is passed over."""
    forms = ("symbol=*", "symbol=*/month=*", "symbol=*/month=*/candles.parquet")
    return path.name != ".DS_Store" and not (len(path.parts) <= len(forms) and path.match(forms[len(path.parts) - 1]))


@contextmanager
def _complete_or_absent(target: Path, place: Path, *, force: bool) -> Iterator[Path]:
    """Yield a path to write to, and give it the target's name when all is written; remove it when something fails."""
    _remove_left_behind(place)
    unfinished = _beside(place, "unfinished")
    try:
        yield unfinished
        if force:
            _replace(target, place, unfinished)
        else:
            _take_name(target, place, unfinished)
    finally:
        _remove(unfinished)


def _take_name(target: Path, place: Path, unfinished: Path) -> None:
    """Name what is complete, unless somebody took the name meanwhile."""
    try:
        if unfinished.is_dir():
            _check(target, place, force=False)
            unfinished.rename(place)
        else:
            try:
                place.hardlink_to(unfinished)  # which never replaces
            except FileExistsError:
                raise
            except OSError:  # a file system without links
                _check(target, place, force=False)
                unfinished.rename(place)
    except OSError as error:
        if not os.path.lexists(place):
            raise
        raise ExportRefusedError(f"{target} was written by somebody else meanwhile; --force replaces it") from error


def _replace(target: Path, place: Path, unfinished: Path) -> None:
    """Name what is complete in place of what is there: a file at once, a folder after moving the old one aside."""
    for _ in range(_REPLACE_TRIES):
        _check(target, place, force=True)  # what came meanwhile is not deleted unseen
        replaced = _beside(place, "replaced")
        try:
            if place.is_dir() or (unfinished.is_dir() and place.exists()):
                place.rename(replaced)
        except FileNotFoundError:
            continue  # another export moved it
        try:
            unfinished.replace(place)
        except OSError:
            if not place.exists():
                if replaced.exists():
                    replaced.rename(place)
                raise
            _remove(replaced)  # another export has put its own there: it is newer
            continue
        _remove(replaced)
        return
    raise ExportRefusedError(f"{target} is being written by others; export again when they are done")


def _beside(place: Path, what: str) -> Path:
    """Return a new name beside a place."""
    return place.with_name(f".{place.name}.{secrets.token_hex(4)}.{what}")


def _remove_left_behind(place: Path) -> None:
    """Remove what killed exports to the same place left."""
    for path in place.parent.iterdir():
        is_unfinished = path.name.startswith(f".{place.name}.") and path.name.endswith(".unfinished")
        if is_unfinished and time.time() - path.stat().st_mtime > _LEFT_BEHIND_SECONDS:
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _write_csv(months: Iterable[Month], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(CSV_COLUMNS)
        for month in months:
            columns = month.columns
            writer.writerows(
                zip(
                    repeat(month.symbol, columns.rows),
                    columns.open_times_ms(month.interval),
                    _moments(month),
                    *columns[1:10],
                    month.segments,
                    strict=True,
                )
            )
        _to_disk(file)


def _moments(month: Month) -> Iterator[str]:
    """Yield when each candle opened, as people and programs read it; with its ms where it opened off the grid."""
    interval, columns = month.interval, month.columns
    kept: tuple[int, list[str]] = (-1, [])
    for slot, offset_ms in zip(columns.slot, columns.offset_ms, strict=True):
        if offset_ms:
            opened = moment_at(interval.open_ms(slot) + offset_ms)
            yield f"{opened:%FT%T}.{opened:%f}"[:23] + "Z"
        else:
            day, of_day = divmod(slot, interval.slots_a_day)
            if day != kept[0]:
                kept = (day, _hours_of(day) if interval is HOUR else _moments_of(day, interval))
            yield kept[1][of_day]


def _moments_of(day: int, interval: Interval) -> list[str]:
    """Return when the slots of a UTC day begin."""
    return [dates.format_ms(ms) for ms in range(day * DAY_MS, (day + 1) * DAY_MS, interval.length_ms)]


@lru_cache(maxsize=4000)
def _hours_of(day: int) -> list[str]:
    """Return when the hours of a UTC day begin: each symbol has the same days, eleven years of them in 7 MB."""
    return _moments_of(day, HOUR)


def _write_parquet(months: Iterable[Month], path: Path) -> None:
    pa, pq = arrow(), _parquet()
    with path.open("wb") as file:
        with pq.ParquetWriter(file, schema(), compression="zstd") as writer:
            held: list[Any] = []
            rows = 0
            for month in months:
                held.append(table(month))
                rows += month.columns.rows
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
        if month.columns.rows:
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
