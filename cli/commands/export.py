"""`candles export`: stored candles to a file or folder, for pandas, DuckDB or a spreadsheet (docs/reading.md)."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from candle_collector.bootstrap import Container
from candle_collector.domain.aggregate import INTERVALS
from candle_collector.domain.universe import as_symbol
from candle_collector.domain.windows import Window
from candle_collector.errors import CollectorError, IntervalNotServedError, NotFoundError
from candle_collector.reading.candle_source import parts_of
from candle_collector.reading.export_candles import export
from candle_collector.reading.stream_candles import (
    Month,
    Parts,
    range_of_dates,
    slots_to_stream,
    stored_parts,
    stream_parts,
)
from rich.progress import Progress

from background.files import naming
from background.progress import StackError
from cli.archives import add_stack_arguments, archive_of

PARTIAL = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `candles export` takes."""
    parser.epilog = (
        "Exit code 1: written, but some of the symbols are left out, as what is stored of them does not make up the "
        "interval; they are named. A symbol that --symbols names is not left out: then nothing is written."
    )
    parser.add_argument("target", type=Path, help="NAME.csv, NAME.parquet, or a folder: Parquet by symbol and month")
    parser.add_argument("--symbols", default="", help="separated by commas (default: all that are stored)")
    parser.add_argument("--start", help="the first day or moment, such as 2025-01-31 or 2025-01-31T12:00:00Z (UTC)")
    parser.add_argument("--end", help="the last; a day is included whole")
    parser.add_argument(
        "--interval",
        choices=list(INTERVALS),
        default="1h",
        help="of which length: stored, or made of stored ones (default: 1h)",
    )
    parser.add_argument("--force", action="store_true", help="replace what is there, once the new is complete")
    add_stack_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write a file that is complete, or none."""
    archive = archive_of(arguments).source()
    try:
        within = range_of_dates(arguments.start, arguments.end, archive.market)
    except ValueError as error:
        raise StackError(f"--start, --end: {error}") from error
    began = time.monotonic()
    try:
        series, lost, left_out = _series(arguments.symbols, arguments.interval, archive)
        slots = sum(
            slots_to_stream(known, within.clip(part.within), part.source.grid).slots
            for parts in series
            for known, part in parts
        )
        with naming(arguments.target), Progress(disable=not sys.stdout.isatty(), transient=True) as bar:
            task = bar.add_task("Exporting", total=slots)
            exported = export(
                _months(archive, series, within),
                arguments.target,
                force=arguments.force,
                progress=lambda read: bar.advance(task, read),
            )
    except CollectorError as error:
        raise StackError(str(error)) from error
    seconds = time.monotonic() - began
    print(
        f"{exported.rows:,} candles of {len(series)} symbols in {seconds:.1f} s "
        f"({exported.rows / seconds:,.0f} a second): {arguments.target}"
    )
    for symbol, segments in sorted((exported.segments or {}).items()):
        print(
            f"{symbol} was silent for a week or more, or came back at another price: "
            f"it has {segments} segments, perhaps of different coins"
        )
    for correction in [*exported.corrections.values(), *lost]:
        print(f"{correction}. The export follows what is stored")
    if left_out:
        print(
            f"Left out, {len(left_out)} of {len(series) + len(left_out)} symbols: {', '.join(left_out)}. "
            f"{next(iter(left_out.values()))}",
            file=sys.stderr,
        )
    return PARTIAL if left_out else 0


def _series(text: str, interval: str, archive: Container) -> tuple[list[Parts], list[str], dict[str, str]]:
    """Return what each symbol is read from that is meant and stored, and a sentence for each whose candles are gone.

    A symbol that is named is looked up in the candle table, whether it has a record or not. Where none is named, all
    symbols that have a record are meant: no query lists what the candle table holds. Last come those among all of
    which what is stored does not make up the interval, each with a sentence on why.

    Raises
    ------
    StackError
        One of them is not stored, or nothing is, or the interval cannot be made of what is stored.
    """
    named = sorted({as_symbol(symbol) for symbol in text.split(",") if symbol.strip()})
    symbols = named or sorted({record.symbol for record in archive.series.all()})
    stored: list[Parts] = []
    unknown: list[str] = []
    lost: list[str] = []
    left_out: dict[str, str] = {}
    for symbol in symbols:
        try:
            parts = parts_of(symbol, interval, archive.market, archive.series, archive.candles)
        except NotFoundError:
            unknown.append(symbol)
            continue
        except IntervalNotServedError as error:
            if named:
                raise
            left_out[symbol] = f"{error}."
            continue
        read = stored_parts(parts, archive.series, archive.candles)
        if any(known.life.slots for known, _ in read):
            stored.append(read)
        else:
            unknown.append(symbol)
            lost += [known.correction for known, _ in read if known.correction]
    if named and unknown:
        raise StackError(f"Not stored: {', '.join(unknown)}.", "`make coverage` shows what is.")
    if not stored and left_out:
        raise StackError(f"Nothing is exported: {next(iter(left_out.values()))}", "ask for one that can be had.")
    if not stored:
        raise StackError("Nothing is stored yet.", "`make collect` collects.")
    return stored, lost, left_out


def _months(archive: Container, series: list[Parts], within: Window) -> Iterator[Month]:
    """Yield the months of all symbols."""
    for parts in series:
        yield from stream_parts(archive.candles, parts, within)
