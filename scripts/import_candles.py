#!/usr/bin/env python3
"""Takes candles from files into the archive, so that they cost no request to the exchange.

    python scripts/import_candles.py --archive BTCUSDT-1h-2024-*.zip
    python scripts/import_candles.py --symbol BTCUSDT my-candles.parquet

docs/migration.md tells which files fit. Started with any Python 3, it goes on in the project's own.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from generate_admin_api_key import add_stack_arguments, continue_in_venv, parse
from stack_tables import open_tables

if TYPE_CHECKING:
    from candle_collector.adapters.files import CandleFile
    from candle_collector.bootstrap import Container
    from candle_collector.collecting.import_candles import Difference, Imported
    from candle_collector.domain.candle import Candle
    from candle_collector.domain.windows import Window

SHOWN_DIFFERENCES = 20
DIFFERENT, REFUSED = 1, 2


def arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Take candles from files into the archive. What is stored already stays as it is.",
        epilog="Exit code: 0 all is stored; 1 something stored differs from the files; 2 nothing was begun.",
    )
    parser.add_argument("files", nargs="+", type=Path, help="CSV, .csv.gz, .zip or Parquet; folders stand for theirs")
    parser.add_argument("--symbol", help="whose candles they are, where the names (BTCUSDT-1h-...) do not say it")
    parser.add_argument(
        "--archive",
        action="store_true",
        help="the files are the exchange's own archive, whole: hours that they leave out between candles were never "
        "printed. Without it, such hours stay missing and collection asks for them",
    )
    parser.add_argument("--differences", type=Path, help="write all that differs to this CSV file")
    add_stack_arguments(parser)
    return parse(parser, words)


def found(paths: list[Path]) -> list[Path]:
    """Return the files that are meant, folders' own in their place."""
    return [
        file
        for path in paths
        for file in (sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path])
    ]


def checked(asked: argparse.Namespace, closed_end: int) -> tuple[list[CandleFile], int]:
    """Read all files once before anything is stored, and return them in order and how many candles they hold."""
    from candle_collector.adapters.files import CandleFileError, candle_file  # noqa: PLC0415 - see main
    from rich.progress import track  # noqa: PLC0415 - see main

    files = [candle_file(path, symbol=asked.symbol) for path in found(asked.files)]
    without = [file.path for file in files if file.period is None]
    if asked.archive and without:
        raise CandleFileError(f"{without[0]}: --archive takes files with the archive's names, BTCUSDT-1h-2025-01.zip")
    files.sort(key=lambda file: (file.symbol or "", file.period.start if file.period else 0, str(file.path)))
    shown = track(files, "Checking ", transient=True, disable=not sys.stdout.isatty())
    return files, sum(file.check(closed_end=closed_end) for file in shown)


def take(here: Container, files: list[CandleFile], *, closed_end: int, archive: bool, candles: int) -> list[Imported]:
    """Store what the files hold, symbol by symbol, behind a bar."""
    from candle_collector.collecting.import_candles import ImportPorts, import_symbol, importing  # noqa: PLC0415 - see main
    from rich.progress import Progress  # noqa: PLC0415 - see main

    ports = ImportPorts(here.candles, here.series, here.leases, here.clock)
    results = []
    with importing(ports) as hold, Progress(disable=not sys.stdout.isatty(), transient=True) as bar:
        task = bar.add_task("Importing", total=candles)
        for symbol, batches, periods in by_symbol(files, closed_end):
            hold()
            result = import_symbol(
                symbol,
                batches,
                ports,
                stated=periods if archive else (),
                closed_end=closed_end,
                progress=lambda rows: bar.advance(task, rows),
            )
            tell(result)
            results.append(result)
    return results


def by_symbol(
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


def tell(result: Imported) -> None:
    """Print a line on a symbol, and the first candles that differ."""
    print(
        f"{result.symbol}: {result.offered:,} candles, {result.stored:,} stored, {result.equal:,} were there, "
        f"{len(result.different):,} differ, {result.never_printed:,} hours never printed",
        flush=True,
    )
    for one in result.different[:SHOWN_DIFFERENCES]:
        print(f"  {' '.join(cells(one)[1:2])} stored {one.stored.line()}, the file has {one.offered.line()}; it stays")
    if len(result.different) > SHOWN_DIFFERENCES:
        print(f"  and {len(result.different) - SHOWN_DIFFERENCES:,} more; --differences FILE writes all")


def cells(one: Difference) -> list[str]:
    """Return a difference as symbol, time, what is stored, what was offered."""
    from candle_collector.domain import dates  # noqa: PLC0415 - see main

    return [one.symbol, dates.format_hour(one.stored.hour), one.stored.line(), one.offered.line()]


def main(words: list[str]) -> int:
    """Import what the command line names, and return the exit code."""
    asked = arguments(words)
    # Imported here, as above: the project's environment has them, the Python that starts this may not.
    from candle_collector.domain.closing import closed_end_at  # noqa: PLC0415 - see above
    from candle_collector.errors import CollectorError  # noqa: PLC0415 - see above

    here = open_tables(asked)
    closed_end = closed_end_at(round(here.clock.now().timestamp() * 1000))
    try:
        files, candles = checked(asked, closed_end)
        results = take(here, files, closed_end=closed_end, archive=asked.archive, candles=candles)
    except CollectorError as error:
        print(error, file=sys.stderr)
        return REFUSED
    different = [one for result in results for one in result.different]
    if asked.differences:
        with asked.differences.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("symbol", "open_time", "stored", "offered"), *map(cells, different)])
    return DIFFERENT if different else 0


if __name__ == "__main__":
    continue_in_venv()
    sys.exit(main(sys.argv[1:]))
