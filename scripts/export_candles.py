#!/usr/bin/env python3
"""Writes stored candles to a file or folder for pandas, DuckDB or a spreadsheet.

    python scripts/export_candles.py --symbols BTCUSDT,ETHUSDT --start 2025-01-01 --end 2025-01-31 candles.csv
    python scripts/export_candles.py --interval 1d candles.parquet
    python scripts/export_candles.py candles                    # a folder, by symbol and month

docs/reading.md tells the columns. Started with any Python 3, it goes on in the project's own.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from generate_admin_api_key import add_stack_arguments, continue_in_venv, parse
from stack_tables import open_tables

if TYPE_CHECKING:
    from candle_collector.bootstrap import Container
    from candle_collector.domain.windows import Window
    from candle_collector.reading.stream_candles import Month

REFUSED = 2


def arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Write stored candles to a file that is complete or not there.")
    parser.add_argument("target", type=Path, help="NAME.csv, NAME.parquet, or a folder: Parquet by symbol and month")
    parser.add_argument("--symbols", default="", help="separated by commas (default: all that are stored)")
    parser.add_argument("--start", help="the first day or moment, such as 2025-01-31 or 2025-01-31T12:00:00Z (UTC)")
    parser.add_argument("--end", help="the last; a day is included whole")
    parser.add_argument("--interval", choices=["1h", "2h", "4h", "6h", "8h", "12h", "1d"], default="1h")
    parser.add_argument("--force", action="store_true", help="replace what is there, once the new is complete")
    add_stack_arguments(parser)
    return parse(parser, words)


def symbols_of(text: str, here: Container) -> list[str]:
    """Return the symbols that are meant, in order.

    Raises
    ------
    SystemExit
        One of them is not stored, or none is.
    """
    stored = {series.symbol for series in here.series.all() if series.last is not None}
    named = {symbol.strip().upper() for symbol in text.split(",") if symbol.strip()}
    if unknown := sorted(named - stored):
        sys.exit(f"Not stored: {', '.join(unknown)}. `make coverage` tells what is.")
    if not stored:
        sys.exit("Nothing is stored yet. `make collect` collects.")
    return sorted(named or stored)


def months(here: Container, symbols: list[str], within: Window, interval: str) -> Iterator[Month]:
    """Yield the months of all symbols."""
    from candle_collector.reading.stream_candles import stream_months  # noqa: PLC0415 - see main

    for symbol in symbols:
        yield from stream_months(here.candles, here.series, symbol, within, interval=interval)


def main(words: list[str]) -> int:
    """Export what the command line asks for, and return the exit code."""
    asked = arguments(words)
    # Imported here, as above: the project's environment has them, the Python that starts this may not.
    from candle_collector.domain.aggregate import INTERVAL_HOURS, Grid  # noqa: PLC0415 - see above
    from candle_collector.errors import CollectorError  # noqa: PLC0415 - see above
    from candle_collector.reading.export_candles import export  # noqa: PLC0415 - see above
    from candle_collector.reading.stream_candles import hours_to_stream, range_of_dates  # noqa: PLC0415 - see above
    from rich.progress import Progress  # noqa: PLC0415 - see above

    try:
        within = range_of_dates(asked.start, asked.end)
    except ValueError as error:
        sys.exit(f"--start, --end: {error}")
    here = open_tables(asked)
    began = time.monotonic()
    try:
        symbols = symbols_of(asked.symbols, here)
        grid = Grid(INTERVAL_HOURS[asked.interval])
        hours = sum(hours_to_stream(here.series.get(symbol), within, grid).hours for symbol in symbols)
        with Progress(disable=not sys.stdout.isatty(), transient=True) as bar:
            task = bar.add_task("Exporting", total=hours)
            exported = export(
                months(here, symbols, within, asked.interval),
                asked.target,
                force=asked.force,
                progress=lambda read: bar.advance(task, read),
            )
    except CollectorError as error:
        print(error, file=sys.stderr)
        return REFUSED
    seconds = time.monotonic() - began
    print(
        f"{exported.rows:,} candles of {len(symbols)} symbols in {seconds:.1f} s "
        f"({exported.rows / seconds:,.0f} a second): {asked.target}"
    )
    for symbol, segments in sorted((exported.segments or {}).items()):
        print(f"{symbol} was silent for a week or more: it has {segments} segments, perhaps of different coins")
    return 0


if __name__ == "__main__":
    continue_in_venv()
    sys.exit(main(sys.argv[1:]))
