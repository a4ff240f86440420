"""What `candles collect` takes: its arguments, their checks, and defaults that make a first run worth watching."""

import argparse
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from candle_collector.domain import dates
from candle_collector.domain.interval import interval_named
from candle_collector.domain.run import COLLECTING_MODES
from candle_collector.domain.universe import SYMBOLS_MOST, as_quote_assets, as_symbol, is_symbol

from background.progress import StackError
from cli.homes import add_home_argument

FIRST_LOOK_TOP = 20
FIRST_LOOK_DAYS = 90


@dataclass(frozen=True)
class CollectionRequest:
    """One collection as it was asked for; what is None is left to this program's defaults or to the API's."""

    mode: str
    start: str | None
    end: str | None
    top: int | None
    symbols: tuple[str, ...]
    intervals: tuple[str, ...]
    exchange: str
    quotes: tuple[str, ...] = ()

    def trigger_body(self, now: datetime) -> dict[str, Any]:
        """Make the body of the trigger.

        A backward run without a start takes the last 90 days up to its end, and any run without symbols or top takes
        the first 20: enough to see and soon done.

        Parameters
        ----------
        now
            The exchange's clock, UTC: a replay's days end long before ours.
        """
        body: dict[str, Any] = {"mode": self.mode}
        start = self.start
        if start is None and self.mode == "backward":
            last = date.fromisoformat(self.end[:10]) if self.end else now.date() - timedelta(days=1)
            start = (last - timedelta(days=FIRST_LOOK_DAYS - 1)).isoformat()
        if start is not None:
            body["start_date"] = start
        if self.end is not None:
            body["end_date"] = self.end
        if self.symbols:
            body["symbols"] = list(self.symbols)
        else:
            body["top_n"] = self.top or FIRST_LOOK_TOP
        if self.intervals:
            body["intervals"] = list(self.intervals)
        if self.quotes:
            body["quote_assets"] = list(self.quotes)
        return body

    def describe(self, body: dict[str, Any]) -> str:
        """Write what this body asks for: `backward, from 2025-01-01, the top 20`."""
        parts = [self.mode]
        if "start_date" in body:
            parts.append(f"from {body['start_date']}")
        if "end_date" in body:
            parts.append(f"to {body['end_date']}")
        in_each = f" in each of {', '.join(self.quotes)}" if self.quotes else ""
        parts.append(f"the top {body['top_n']}{in_each}" if "top_n" in body else ", ".join(self.symbols))
        if self.intervals:
            parts.append(f"candles of {' and '.join(self.intervals)}")
        return ", ".join(parts)

    @property
    def is_first_look(self) -> bool:
        """Whether nothing was said of what to collect, so that the program should say how to ask for more."""
        given = (self.start, self.end, self.top, self.symbols, self.quotes, self.intervals)
        return self.mode == "backward" and not any(given)


def moment(text: str) -> str:
    """Take a date or a timestamp as the API does, which has the last word on its range."""
    try:
        dates.start_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _top(text: str) -> int:
    if not re.fullmatch(r"\d{1,4}", text, re.ASCII) or not 1 <= int(text) <= SYMBOLS_MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {SYMBOLS_MOST}")
    return int(text)


def _separated(text: str, example: str) -> list[str]:
    """Return what commas separate, each without the spaces around it."""
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"a comma has nothing beside it: write them as {example}")
    return names


def symbols(text: str) -> tuple[str, ...]:
    """Take names separated by commas."""
    named = tuple(as_symbol(symbol) for symbol in _separated(text, "BTCUSDT,ETHUSDT"))
    for symbol in named:
        if not is_symbol(symbol):
            raise argparse.ArgumentTypeError(f"{symbol!r} is not a symbol: write them as BTCUSDT,ETHUSDT")
    return named


def intervals(text: str) -> tuple[str, ...]:
    """Take the names of intervals separated by commas."""
    try:
        named = {interval_named(name) for name in _separated(text, "1m,1h")}
        return tuple(str(interval) for interval in sorted(named))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def quotes(text: str) -> tuple[str, ...]:
    """Take quote assets separated by commas."""
    try:
        return as_quote_assets(_separated(text, "USDT,BTC"))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `candles collect` takes."""
    add_home_argument(parser)
    parser.add_argument("--dry-run", action="store_true", help="show what would be requested, and start nothing")
    parser.epilog = (
        "Where another run is active, it is shown, and this one starts when it has ended. Exit codes: 0 every crypto "
        "is complete or skipped; 1 something is missing; 2 not done; 130 Ctrl-C, and the run goes on."
    )
    parser.add_argument("--mode", choices=COLLECTING_MODES, default="backward", help="default: backward")
    parser.add_argument("--start", type=moment, help=f"first day or moment, UTC (default: {FIRST_LOOK_DAYS} days)")
    parser.add_argument("--end", type=moment, help="last day or moment, UTC, included (default: yesterday)")
    parser.add_argument("--top", type=_top, help=f"how many of the top cryptos (default: {FIRST_LOOK_TOP})")
    parser.add_argument("--symbols", type=symbols, default=(), help="these instead of the top: BTCUSDT,ETHUSDT")
    parser.add_argument("--quotes", type=quotes, default=(), help="the top in each of these: USDT,BTC (default: USDT)")
    parser.add_argument(
        "--intervals", type=intervals, default=(), help="of which length: 1m,1h (default: INTERVALS, which is 1h)"
    )
    parser.add_argument(
        "--exchange", default="", help="auto, binance, simulated, replay:FOLDER or http://127.0.0.1:PORT"
    )


def check_range(start: str | None, end: str | None) -> None:
    """Refuse a range that ends before it begins.

    Raises
    ------
    StackError
        It does.
    """
    if start and end and dates.start_of(start) >= dates.end_of(end):
        raise StackError(f"START {start} is after END {end}.", "give a START before END.")


def request_of(arguments: argparse.Namespace) -> CollectionRequest:
    """Return the request of a command line.

    Raises
    ------
    StackError
        Two arguments exclude each other.
    """
    start, end = arguments.start, arguments.end
    for name in ("top", "quotes"):
        if arguments.symbols and getattr(arguments, name):
            raise StackError(
                f"{name.upper()} and SYMBOLS (--{name}, --symbols) exclude each other.", "give one of them."
            )
    check_range(start, end)
    return CollectionRequest(
        arguments.mode,
        start,
        end,
        arguments.top,
        arguments.symbols,
        arguments.intervals,
        arguments.exchange,
        arguments.quotes,
    )
