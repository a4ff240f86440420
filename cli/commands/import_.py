"""`candles import`: candles from files into the archive, so that they cost no request (docs/migration.md)."""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from candle_collector.adapters.files import CandleFile, CandleFileError, candle_file
from candle_collector.bootstrap import Container
from candle_collector.collecting.import_candles import (
    Difference,
    Imported,
    ImportPorts,
    import_symbol,
    importing,
)
from candle_collector.domain import dates
from candle_collector.domain.candle import Candle
from candle_collector.domain.closing import closed_end_at
from candle_collector.domain.windows import Window
from candle_collector.errors import CollectorError
from rich.progress import Progress, track

from background.progress import StackError
from cli.archives import add_stack_arguments, archive_of

SHOWN_DIFFERENCES = 20
DIFFERENT = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `candles import` takes."""
    parser.epilog = "What is stored already stays as it is. Exit code 1: something stored differs from the files."
    parser.add_argument("files", nargs="+", type=Path, help="CSV, .csv.gz, .zip or Parquet; folders stand for theirs")
    parser.add_argument("--symbol", help="whose candles they are, where the names (BTCUSDT-1h-...) do not say it")
    parser.add_argument(
        "--archive",
        action="store_true",
        help="the files are the exchange's own archive, whole: hours that they leave out between candles were never "
        "printed. Without it, such hours stay missing and collection requests them",
    )
    parser.add_argument("--differences", type=Path, help="write all that differs to this CSV file")
    add_stack_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check all files, and store what they hold."""
    tables = archive_of(arguments).tables()
    closed_end = closed_end_at(round(tables.clock.now().timestamp() * 1000))
    try:
        files, candles = _checked(arguments, closed_end)
        results = _store(tables, files, closed_end=closed_end, archive=arguments.archive, candles=candles)
    except CollectorError as error:
        raise StackError(str(error)) from error
    different = [difference for result in results for difference in result.different]
    if arguments.differences:
        with arguments.differences.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("symbol", "open_time", "stored", "offered"), *map(_cells, different)])
    return DIFFERENT if different else 0


def _files(paths: list[Path]) -> list[Path]:
    """Return the files that are meant, folders' own in their place."""
    return [
        file
        for path in paths
        for file in (sorted(child for child in path.iterdir() if child.is_file()) if path.is_dir() else [path])
    ]


def _checked(arguments: argparse.Namespace, closed_end: int) -> tuple[list[CandleFile], int]:
    """Read all files once before anything is stored, and return them in order and how many candles they hold."""
    files = [candle_file(path, symbol=arguments.symbol) for path in _files(arguments.files)]
    without = [file.path for file in files if file.period is None]
    if arguments.archive and without:
        raise CandleFileError(f"{without[0]}: --archive takes files with the archive's names, BTCUSDT-1h-2025-01.zip")
    files.sort(key=lambda file: (file.symbol or "", file.period.start if file.period else 0, str(file.path)))
    shown = track(files, "Checking ", transient=True, disable=not sys.stdout.isatty())
    return files, sum(file.check(closed_end=closed_end) for file in shown)


def _store(
    tables: Container, files: list[CandleFile], *, closed_end: int, archive: bool, candles: int
) -> list[Imported]:
    """Store what the files hold, symbol by symbol, behind a bar."""
    ports = ImportPorts(tables.candles, tables.series, tables.leases, tables.clock)
    results = []
    with importing(ports) as lease, Progress(disable=not sys.stdout.isatty(), transient=True) as bar:
        task = bar.add_task("Importing", total=candles)
        for symbol, batches, periods in _by_symbol(files, closed_end):
            lease.hold()
            result = import_symbol(
                symbol,
                batches,
                ports,
                lease,
                stated=periods if archive else (),
                closed_end=closed_end,
                progress=lambda rows: bar.advance(task, rows),
            )
            _report(result)
            results.append(result)
    return results


def _by_symbol(
    files: list[CandleFile], closed_end: int
) -> Iterator[tuple[str, Iterator[tuple[Candle, ...]], tuple[Window, ...]]]:
    """Yield symbols with their candles and the periods of their files: those of files that are about one symbol first.

    A file that names the symbol in each row is read once, from its first symbol to its last.
    """
    named: dict[str, list[CandleFile]] = defaultdict(list)
    for file in files:
        if file.symbol is not None:
            named[file.symbol].append(file)
    for symbol, of_symbol in sorted(named.items()):
        batches = (candles for file in of_symbol for _, candles in file.batches(closed_end=closed_end))
        yield symbol, batches, tuple(file.period for file in of_symbol if file.period)
    for file in files:
        if file.symbol is None:
            for symbol, group in groupby(file.batches(closed_end=closed_end), key=itemgetter(0)):
                yield symbol, (candles for _, candles in group), ()


def _report(result: Imported) -> None:
    """Print a line on a symbol, and the first candles that differ."""
    print(
        f"{result.symbol}: {result.offered:,} candles, {result.stored:,} stored, {result.equal:,} were there, "
        f"{len(result.different):,} differ, {result.never_printed:,} hours never printed",
        flush=True,
    )
    for difference in result.different[:SHOWN_DIFFERENCES]:
        print(
            f"  {dates.format_hour(difference.stored.hour)} stored {difference.stored.line()}, "
            f"the file has {difference.offered.line()}; the stored one stays"
        )
    if len(result.different) > SHOWN_DIFFERENCES:
        print(f"  and {len(result.different) - SHOWN_DIFFERENCES:,} more; --differences FILE writes all")


def _cells(difference: Difference) -> list[str]:
    """Return a difference as symbol, time, what is stored, what was offered."""
    return [
        difference.symbol,
        dates.format_hour(difference.stored.hour),
        difference.stored.line(),
        difference.offered.line(),
    ]
