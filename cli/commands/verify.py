"""`candles verify`: the stored candles beside those of the exchange, and their repair."""

from __future__ import annotations

import argparse
import re
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from candle_collector.answers import Results, SymbolResult
from candle_collector.domain.wording import counted
from rich.console import Console

from background.places import Places
from cli.collect.arguments import check_range, intervals, moment, symbols
from cli.collect.result import show_result
from cli.collect.run import Runs, Wait, follow, say
from cli.collect.wording import EXIT_INCOMPLETE, exit_code
from cli.console import console
from cli.difference_tables import differences_table
from cli.homes import add_home_argument, home_of

PERCENT = 100


@dataclass(frozen=True)
class VerificationRequest:
    """What is to be compared; what is None is left to the API: all that is stored.

    Attributes
    ----------
    sample
        How many percent of the windows.
    """

    symbols: tuple[str, ...]
    intervals: tuple[str, ...]
    start: str | None
    end: str | None
    sample: int | None
    repair: bool
    exchange: str

    def trigger_body(self, _now: datetime) -> dict[str, Any]:
        """Make the body of the trigger."""
        given = {
            "symbols": list(self.symbols) or None,
            "intervals": list(self.intervals) or None,
            "start_date": self.start,
            "end_date": self.end,
            "sample": self.sample,
        }
        return {"mode": "verify", "repair": self.repair, **{name: value for name, value in given.items() if value}}

    def describe(self, body: dict[str, Any]) -> str:
        """Write what this body asks for: `verify with repair, BTCUSDT, from 2025-01-01`."""
        parts = ["verify with repair" if self.repair else "verify"]
        parts.append(", ".join(self.symbols) or "all that is stored")
        parts += [f"candles of {' and '.join(self.intervals)}"] if self.intervals else []
        parts += [f"{word} {body[name]}" for word, name in (("from", "start_date"), ("to", "end_date")) if name in body]
        if self.sample is not None:
            parts.append(f"{self.sample}% of the windows")
        return ", ".join(parts)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `candles verify` takes."""
    parser.add_argument("--symbols", type=symbols, default=(), help="BTCUSDT,ETHUSDT (default: all that are stored)")
    parser.add_argument("--intervals", type=intervals, default=(), help="1m,1h (default: all that are stored)")
    parser.add_argument("--start", type=moment, help="first day or moment, UTC (default: the first stored candle)")
    parser.add_argument(
        "--end", type=moment, help="last day or moment, UTC, included (default: the last stored candle)"
    )
    parser.add_argument("--sample", type=_percent, help="percent of the windows, drawn for each run (default: 100)")
    add_home_argument(parser)
    parser.add_argument("--repair", action="store_true", help="replace what differs; both values are kept")
    parser.add_argument(
        "--exchange", default="", help="auto, binance, simulated, replay:FOLDER or http://127.0.0.1:PORT"
    )


def run(arguments: argparse.Namespace) -> int:
    """Verify, and return 0 if nothing differs any more."""
    places = Places.from_environment()
    return verify(request_of(arguments), places, console(), home_of(arguments, places))


def request_of(arguments: argparse.Namespace) -> VerificationRequest:
    """Return the request of a command line.

    Raises
    ------
    StackError
        The range ends before it begins.
    """
    check_range(arguments.start, arguments.end)
    return VerificationRequest(
        arguments.symbols,
        arguments.intervals,
        arguments.start,
        arguments.end,
        arguments.sample,
        arguments.repair,
        arguments.exchange,
    )


def verify(
    request: VerificationRequest,
    places: Places,
    screen: Console,
    home: Runs,
    wait: Wait = time.sleep,
) -> int:
    """Verify as requested, say what differs, and return the exit code as `follow` does, or by what was found."""
    ended = follow(request, places, screen, home, wait)
    if isinstance(ended, int):
        return ended
    results = ended.status.last_results
    if results is None:
        say(screen, f"Run {ended.run_id} ended without results. Look into {places.logs_dir} for why.", "red")
        return EXIT_INCOMPLETE
    _report(screen, results)
    if without := _without_candles(request, results):
        say(screen, f"Nothing is stored there of {', '.join(without)}, so nothing was compared of it.", "yellow")
        say(screen, "  make coverage    # what is stored")
        return EXIT_INCOMPLETE
    return exit_code(results)


def _without_candles(request: VerificationRequest, results: Results) -> list[str]:
    """Return what was asked for by name, symbols or intervals or both, of which nothing is stored."""
    found = [item for item in results.details if item.status != "skipped"]
    if request.symbols and request.intervals:
        named = [f"{symbol} {interval}" for symbol in request.symbols for interval in request.intervals]
        stored = {f"{item.symbol} {item.interval}" for item in found}
    else:
        named = [*request.symbols, *request.intervals]
        stored = {name for item in found for name in (item.symbol, item.interval)}
    return [name for name in named if name not in stored]


def _report(screen: Console, results: Results) -> None:
    """Print what was found, and how to repair it."""
    show_result(screen, results)
    differing = [symbol for symbol in results.details if symbol.different]
    if differing:
        screen.print(differences_table(differing))
    compared, different, repaired = (
        sum(getattr(symbol, name) or 0 for symbol in results.details) for name in ("compared", "different", "repaired")
    )
    say(screen, f"{counted(compared, 'candle')} compared, {different:,} different, {repaired:,} repaired.", "bold")
    if repaired:
        say(screen, "Both values of each are kept: candles revisions SYMBOL lists them.")
    denied = sum(symbol.denied or 0 for symbol in differing)
    if denied:
        say(
            screen,
            f"Of these the exchange no longer has {counted(denied, 'candle')}: they stay, and nothing is to be done.",
        )
    replaceable = [symbol for symbol in differing if _is_replaceable(symbol)]
    if replaceable and not repaired:
        names = ",".join(symbol.symbol for symbol in replaceable[:10])
        say(screen, "Replace what differs by what the exchange has now:")
        say(screen, f"  make verify REPAIR=1 SYMBOLS={names}")


def _is_replaceable(found: SymbolResult) -> bool:
    """Return whether candles differ still that a repair would replace or add."""
    return (found.different or 0) > (found.repaired or 0) + (found.denied or 0)


def _percent(text: str) -> int:
    if not re.fullmatch(r"\d{1,3}", text, re.ASCII) or not 1 <= int(text) <= PERCENT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {PERCENT}")
    return int(text)
