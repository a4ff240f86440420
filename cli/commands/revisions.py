"""`candles revisions`: the stored candles of a symbol that were replaced, with both values, the time and the run."""

from __future__ import annotations

import argparse

from candle_collector.domain.interval import Interval
from candle_collector.domain.series import Series
from candle_collector.domain.universe import as_symbol
from candle_collector.errors import CollectorError
from candle_collector.reading.stream_candles import range_of_dates

from background.progress import StackError
from cli.archives import add_stack_arguments, archive_of
from cli.console import console
from cli.difference_tables import revisions_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `candles revisions` takes."""
    parser.add_argument("symbol", type=as_symbol, help="such as BTCUSDT")
    parser.add_argument("--start", help="the first day or moment, such as 2025-01-31 or 2025-01-31T12:00:00Z (UTC)")
    parser.add_argument("--end", help="the last; a day is included whole")
    add_stack_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """List them."""
    archive = archive_of(arguments).source()
    market = archive.market
    try:
        within = range_of_dates(arguments.start, arguments.end, market)
    except ValueError as error:
        raise StackError(f"--start, --end: {error}") from error
    try:
        candles = archive.candles
        series = [Series(arguments.symbol, interval, market.name) for interval in Interval]
        revised = {item: candles.revised(item, item.interval.slots_within(within)) for item in series}
    except CollectorError as error:
        raise StackError(str(error)) from error
    screen = console()
    for item, found in revised.items():
        if found:
            screen.print(revisions_table(item, found))
    if not any(revised.values()):
        screen.print(f"No candle of {arguments.symbol} was replaced there.")
    return 0
