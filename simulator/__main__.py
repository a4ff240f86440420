"""Starts the simulated exchange: ``python -m simulator --port 9100 --replay FOLDER``."""

import argparse
import asyncio
import json
import signal
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from simulator.made import DAYS_KEPT, MadeMarket
from simulator.market import Clock, Market
from simulator.replay import ReplayedMarket, ReplayError
from simulator.server import SimulatedExchange
from simulator.settings import Settings, SettingsError

_HOST = "127.0.0.1"
_LARGEST_PORT = 65535
_BACKLOG = 1024


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code, 2 if it cannot start."""
    options = _parser().parse_args(arguments)
    try:
        settings = Settings()
        settings.update(_asked_settings(options))
        market, clock = _market(options.replay, options.days_kept)
        listener = socket.create_server((_HOST, options.port), backlog=_BACKLOG)
    except (ReplayError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(
            f"Port {options.port} on {_HOST} cannot be used: {error.strerror}. "
            "Stop what uses it, or give another --port.",
            file=sys.stderr,
        )
        return 2
    asyncio.run(_serve(SimulatedExchange(market, clock, settings), listener, _ready(market, clock, listener)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m simulator", description="A simulated Binance spot market.")
    parser.add_argument(
        "--port", type=_port, required=True, help="on 127.0.0.1; 0 takes a free one, named in the ready line"
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--simulated", action="store_true", help="candles are synthetic; the clock is the machine's")
    source.add_argument("--replay", type=Path, metavar="FOLDER", help="candles are the archive files of a folder")
    parser.add_argument("--latency-ms", type=float, help="how long each answer takes, at least")
    parser.add_argument(
        "--days-kept", type=int, default=DAYS_KEPT, metavar="N", help="days of synthetic hours kept once they were made"
    )
    parser.add_argument("--settings", default="{}", metavar="JSON", help="any of what PUT /_exchange/settings takes")
    return parser


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= _LARGEST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is not a port")
    return number


def _asked_settings(options: argparse.Namespace) -> object:
    try:
        values = json.loads(options.settings)
    except ValueError as error:
        raise SettingsError(f"--settings is not JSON: {error}") from error
    if options.latency_ms is not None and isinstance(values, dict):
        values["latency_ms"] = options.latency_ms
    return values


def _market(folder: Path | None, days_kept: int) -> tuple[Market, Clock]:
    if folder is None:
        return MadeMarket(days_kept), Clock()
    replayed = ReplayedMarket(folder)
    return replayed, Clock.starting_at(replayed.clock_start_ms)


def _ready(market: Market, clock: Clock, listener: socket.socket) -> str:
    now = datetime.fromtimestamp(clock.now_ms() / 1000, UTC)
    address = f"http://{_HOST}:{listener.getsockname()[1]}"
    return f"Simulated exchange ready at {address}: {len(market.listings)} symbols, clock at {now:%Y-%m-%d %H:%M} UTC"


async def _serve(exchange: SimulatedExchange, listener: socket.socket, ready: str) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    # Answers that hang or trickle on purpose are not waited for.
    runner = web.AppRunner(exchange.application(), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.SockSite(runner, listener, backlog=_BACKLOG).start()
    print(ready, flush=True)
    await ended.wait()
    await runner.cleanup()


if __name__ == "__main__":
    sys.exit(main())
