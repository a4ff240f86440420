"""`candles import`: candles from files into the archive, so that they cost no request (docs/migration.md)."""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from candle_collector.adapters.binance.market import BINANCE
from candle_collector.adapters.files.candle_file import CandleFile, candle_file
from candle_collector.adapters.files.checksums import has_checksum
from candle_collector.adapters.files.refusals import CandleFileError
from candle_collector.adapters.files.trees import find_files
from candle_collector.bootstrap import Container
from candle_collector.collecting.import_candles import (
    Difference,
    Imported,
    ImportPorts,
    import_series,
    importing,
)
from candle_collector.domain.candle import Candle
from candle_collector.domain.closing import closed_ms_at
from candle_collector.domain.interval import Interval, interval_named, ms_of
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window
from candle_collector.errors import CollectorError
from rich.progress import Progress, track

from background.files import naming
from background.progress import StackError
from cli.archives import add_stack_arguments, archive_of

SHOWN_DIFFERENCES = 20
DIFFERENT, NOT_TAKEN = 1, 2


@dataclass
class Checked:
    """What was found at the paths, each file read once before anything is stored.

    Attributes
    ----------
    files
        Those that can be taken, in the order of their symbols and periods.
    whole
        Those among them with a checksum that fits.
    refused
        A sentence for each that cannot.
    left_out
        Those in folders whose names are not of candles.
    candles
        How many the files hold.
    """

    files: list[CandleFile] = field(default_factory=list)
    whole: set[Path] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    left_out: list[Path] = field(default_factory=list)
    candles: int = 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `candles import` takes."""
    parser.epilog = (
        "What is stored already stays as it is. Exit code 1: something stored differs from the files. Exit code 2: a "
        "file was refused, or nothing was there to import; the other files are taken all the same."
    )
    parser.add_argument(
        "files", nargs="+", type=Path, help="CSV, .csv.gz, .zip or Parquet; folders stand for all that lie in them"
    )
    parser.add_argument("--symbol", help="whose candles they are, where the names (BTCUSDT-1h-...) do not say it")
    parser.add_argument(
        "--interval",
        choices=list(map(str, Interval)),
        help="of which length they are, where the names do not say it (default: 1h)",
    )
    parser.add_argument(
        "--archive",
        action="store_true",
        help="the files are the exchange's own archive: candles that one leaves out between others were never printed, "
        "if its CHECKSUM lies beside it and fits. Without, those stay missing and collection requests them",
    )
    parser.add_argument("--differences", type=Path, help="write all that differs to this CSV file")
    add_stack_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check all files, and store what those hold that can be taken."""
    tables = archive_of(arguments).tables()
    closed_ms = closed_ms_at(ms_of(tables.clock.now()))
    checked = _checked(arguments, closed_ms)
    if arguments.archive:
        _report_checksums(checked)
    try:
        results = _store(tables, checked, closed_ms=closed_ms, archive=arguments.archive) if checked.files else []
    except CollectorError as error:
        raise StackError(str(error)) from error
    different = [difference for result in results for difference in result.different]
    if arguments.differences:
        with naming(arguments.differences), arguments.differences.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(
                [("symbol", "interval", "open_time", "stored", "offered"), *map(_cells, different)]
            )
    _report_all(checked, results)
    if checked.refused or not results:
        return NOT_TAKEN
    return DIFFERENT if different else 0


def _checked(arguments: argparse.Namespace, closed_ms: int) -> Checked:
    """Read all files once before anything is stored; one that cannot be taken does not keep the others out."""
    found = find_files(arguments.files)
    checked = Checked(left_out=found.left_out, refused=found.unreadable)
    symbol = arguments.symbol.upper() if arguments.symbol else None
    interval = interval_named(arguments.interval) if arguments.interval else None
    for path in track(found.files, "Checking ", transient=True, disable=not sys.stdout.isatty()):
        try:
            file = _file(path, symbol, interval, archive=arguments.archive)
            is_whole = has_checksum(path)
            checked.candles += file.check(closed_ms=closed_ms)
        except CandleFileError as error:
            checked.refused.append(str(error))
        else:
            checked.files.append(file)
            checked.whole |= {path} if is_whole else set()
    checked.files.sort(
        key=lambda file: (file.symbol or "", file.interval, file.period.start if file.period else 0, str(file.path))
    )
    return checked


def _file(path: Path, symbol: str | None, interval: Interval | None, *, archive: bool) -> CandleFile:
    file = candle_file(path, symbol=symbol, interval=interval)
    if archive and file.period is None:
        raise CandleFileError(
            f"{path}: --archive takes files with the archive's names, BTCUSDT-1h-2025-01.zip. Import it without"
        )
    return file


def _store(tables: Container, checked: Checked, *, closed_ms: int, archive: bool) -> list[Imported]:
    """Store what the files hold, series by series, behind a bar."""
    ports = ImportPorts(tables.market, tables.candles, tables.series, tables.leases, tables.clock)
    results = []
    with importing(ports) as lease, Progress(disable=not sys.stdout.isatty(), transient=True) as bar:
        task = bar.add_task("Importing", total=checked.candles)
        for series, batches, stated in _by_series(checked, closed_ms):
            lease.hold()
            try:
                result = import_series(
                    series,
                    batches,
                    ports,
                    lease,
                    stated=stated if archive else (),
                    closed_end=series.interval.slot_at(closed_ms),
                    progress=lambda rows: bar.advance(task, rows),
                )
            except CandleFileError as error:  # it was right a moment ago
                checked.refused.append(f"{error}; it was changed meanwhile, and what was read of it before is stored")
            else:
                _report(result)
                results.append(result)
    return results


def _by_series(
    checked: Checked, closed_ms: int
) -> Iterator[tuple[Series, Iterator[tuple[Candle, ...]], tuple[Window, ...]]]:
    """Yield series with their candles and the periods of their whole files: those of files that are about one first.

    A file that names the symbol in each row is read once, from its first symbol to its last.
    """
    named: dict[Series, list[CandleFile]] = defaultdict(list)
    for file in checked.files:
        if file.symbol is not None:
            named[Series(file.symbol, file.interval, BINANCE.name)].append(file)
    for series, files in sorted(named.items()):
        batches = (candles for file in files for _, candles in file.batches(closed_ms=closed_ms))
        yield series, batches, tuple(file.period for file in files if file.period and file.path in checked.whole)
    for file in checked.files:
        if file.symbol is None:
            try:
                for series, group in groupby(file.batches(closed_ms=closed_ms), key=itemgetter(0)):
                    yield series, (candles for _, candles in group), ()
            except CandleFileError as error:
                checked.refused.append(str(error))


def _report_checksums(checked: Checked) -> None:
    """Print whose gaps are taken for the exchange's, and whose are not."""
    without = [file.path for file in checked.files if file.path not in checked.whole]
    print(f"{len(checked.whole):,} files have a checksum that fits: a candle that one leaves out was never printed")
    if without:
        print(
            f"{len(without):,} files have no CHECKSUM beside them, so that nothing says that they are whole: candles "
            f"that they leave out stay missing, and collection requests them. The first: {_one_line(without[0])}"
        )


def _report_all(checked: Checked, results: Sequence[Imported]) -> None:
    """Print the totals, and name what was not taken."""
    for path in checked.left_out:
        print(f"left out: {_one_line(path)} is not a file of candles by its name")
    if not checked.files and not checked.refused:
        print("Nothing was imported: there is no file of candles at these paths", file=sys.stderr)
    for sentence in checked.refused:
        print(f"refused: {_one_line(sentence)}", file=sys.stderr)
    offered, stored, equal = (sum(getattr(item, name) for item in results) for name in ("offered", "stored", "equal"))
    different = sum(len(item.different) for item in results)
    print(
        f"{len(checked.files):,} files taken, {len(checked.refused):,} refused, {len(checked.left_out):,} left out; "
        f"{offered:,} candles, {stored:,} stored, {equal:,} were there, {different:,} differ"
    )


def _one_line(text: str | Path) -> str:
    """Return a text that any terminal takes as one line: names of files may hold any byte but a slash and a zero."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in str(text)
    )


def _report(result: Imported) -> None:
    """Print a line on a symbol, and the first candles that differ."""
    print(
        f"{result.series.symbol} {result.series.interval}: {result.offered:,} candles, {result.stored:,} stored, "
        f"{result.equal:,} were there, "
        f"{len(result.different):,} differ, {result.never_printed:,} never printed",
        flush=True,
    )
    for difference in result.different[:SHOWN_DIFFERENCES]:
        print(
            f"  {result.series.interval.format(difference.stored.slot)} stored {difference.stored.line()}, "
            f"the file has {difference.offered.line()}; the stored one stays"
        )
    if len(result.different) > SHOWN_DIFFERENCES:
        print(f"  and {len(result.different) - SHOWN_DIFFERENCES:,} more; --differences FILE writes all")


def _cells(difference: Difference) -> list[str]:
    """Return a difference as symbol, interval, time, what is stored, what was offered."""
    return [
        difference.series.symbol,
        str(difference.series.interval),
        difference.series.interval.format(difference.stored.slot),
        difference.stored.line(),
        difference.offered.line(),
    ]
