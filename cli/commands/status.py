"""`candles status`: how the archive stands, and what runs here."""

from __future__ import annotations

import argparse

from candle_collector.answers import HealthInfo, SystemInfo
from candle_collector.domain.health import Health, no_answer
from candle_collector.domain.wording import counted

from background.home import running_home
from background.places import Places
from background.progress import say
from cli.client import ApiError, ApiRefusedError, CollectorApi
from cli.collect.wording import moment, progress_line, waiting
from cli.homes import add_home_argument, home_of

DOWN = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    add_home_argument(parser)
    parser.add_argument("--ping", action="store_true", help="only answer whether the API does, by the exit code")


def run(arguments: argparse.Namespace) -> int:
    """Show how the archive stands, its run, what runs here, and how it is with the exchange."""
    places = Places.from_environment()
    home = home_of(arguments, places)
    if arguments.ping:
        return 0 if home.answers() else DOWN
    reported = home.description()
    if reported is None or running_home(places) != home.on:
        home.status()
        return DOWN
    api = CollectorApi(str(reported["api_url"]), str(reported["api_key"]))
    try:
        info, status = api.system_info(), api.status()
    except ApiError as error:
        if isinstance(error, ApiRefusedError) and error.refusal.code == "DATABASE_UNAVAILABLE":
            say(error.refusal.message)
        else:
            _say_health(no_answer(str(error)))
        home.status()
        return DOWN
    _say_health(info.health)
    if status.run_id is not None:
        mode = status.last_results.mode if status.last_results else status.current_operation
        say(f"run       {status.run_id} ({mode}): {progress_line(status, None, None)}")
    is_up = home.status()
    _say_archive(info)
    return 0 if is_up and info.exchange.reachable and info.health.state != "needs_you" else DOWN


def _say_health(health: HealthInfo | Health) -> None:
    """Print what is said first, in every home."""
    say(health.sentence)
    if health.remedy:
        say(f"  Remedy: {health.remedy}")


def _say_archive(info: SystemInfo) -> None:
    """Print the lines about the archive, the schedules and the exchange."""
    exchange, store, collection = info.exchange, info.store, info.collection
    lag = "" if store.lag_hours is None else f", {store.lag_hours} h behind"
    say(f"archive   {counted(store.candles, 'candle')} of {counted(store.symbols, 'symbol')}{lag}")
    run = f", run {collection.last_run.run_id}" if collection.state == "running" and collection.last_run else ""
    following = f", next by itself {collection.next_scheduled}" if collection.next_scheduled else ""
    say(f"collects  {collection.state}{run}{following}")
    if exchange.blocked_until:
        say(f"WARNING   {waiting(moment(exchange.blocked_until))}: {exchange.blocked_reason}")
    if not exchange.reachable:
        say(f"WARNING   the exchange at {exchange.base_url} does not answer")
