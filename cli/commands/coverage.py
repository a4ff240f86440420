"""`candles coverage`: how complete each series is, from the API of what runs here."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from candle_collector.domain import dates
from rich.progress import track

from background.places import Places
from background.progress import StackError, as_typed
from cli.client import CollectorApi
from cli.collect.arguments import check_range, intervals, moment, symbols
from cli.collect.stack import Exchange, read_stack
from cli.console import console
from cli.coverage_tables import series_table, which_newest, windows_table, without_newest
from cli.homes import add_home_argument, require_running


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `candles coverage` takes."""
    parser.add_argument("--symbols", type=symbols, default=(), help="BTCUSDT,ETHUSDT, with all their windows")
    parser.add_argument("--intervals", type=intervals, default=(), help="1m,1h (default: all that are stored)")
    parser.add_argument("--start", type=moment, help="the first day or moment that is expected, UTC")
    parser.add_argument("--end", type=moment, help="the last, UTC, included")
    add_home_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the coverage."""
    check_range(arguments.start, arguments.end)
    screen = console()
    places = Places.from_environment()
    require_running(arguments, places)
    stack = read_stack(places.stack_file)
    api = CollectorApi(stack.api_url, stack.api_key)
    named = frozenset(arguments.symbols)
    stored = [item for item in api.series(arguments.intervals) if not named or item[0] in named]
    found = {name for item in stored for name in item}
    if unknown := [name for name in (*arguments.symbols, *arguments.intervals) if name not in found]:
        within = f" in {' and '.join(arguments.intervals)}" if named and arguments.intervals else ""
        raise StackError(
            f"Nothing was collected of {', '.join(unknown)}{within}.", "`make coverage` shows what is stored."
        )
    # each series from its items: the list alone would trust the series' records
    shown = track(stored, "Reading", console=screen, transient=True, disable=not sys.stdout.isatty())
    series = [api.coverage(symbol, interval, start=arguments.start, end=arguments.end) for symbol, interval in shown]
    left_out, which = 0, ""
    if series and arguments.end is None:
        now = Exchange(stack.exchange_url).now(datetime.now(UTC))
        latest = api.system_info().store.latest_candle
        newest = None if latest is None else dates.start_of(latest)
        without = [without_newest(item, newest, now) for item in series]
        series, left_out = [item for item, _ in without], sum(candles for _, candles in without)
        which = which_newest(newest, now)
    if not series:
        screen.print(as_typed("Nothing is stored yet. `make collect` collects."))
        return 0
    screen.print(series_table(series))
    for coverage in series:
        if named or coverage.missing or len(coverage.segments) > 1 or coverage.record_repaired:
            screen.print(*windows_table(coverage, everything=bool(named)), sep="\n")
    if left_out:
        screen.print(as_typed(f"Not counted: {left_out:,} candles {which}; `make collect MODE=forward` has them."))
    return 0
