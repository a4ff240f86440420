"""`candles up`, `serve`, `down`, `status` and `logs`: what runs on this machine."""

from __future__ import annotations

import argparse

from background.exchange_choice import ACCEPTED
from background.home import running_home
from background.logs import follow, show
from background.places import Places
from background.progress import StackError, say
from background.standalone_home import LOCAL_HOST, StandaloneHome
from cli.client import ApiError, CollectorApi
from cli.collect.wording import moment, waiting
from cli.homes import add_home_argument, home_of

DOWN = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what each of them takes."""
    command = parser.prog.rpartition(" ")[2]
    if command != "serve":
        add_home_argument(parser)
    if command in {"up", "serve"}:
        parser.add_argument("--exchange", default="", help=ACCEPTED)
        parser.epilog = (
            "Settings such as TOP_N_CRYPTOS, COLLECTION_SCHEDULE and DATABASE_URL come from the environment. They stay "
            "until they are changed; NAME=default takes one back to its default."
        )
    if command == "serve":
        parser.add_argument("--host", default=LOCAL_HOST, help=f"the address to listen on (default: {LOCAL_HOST})")
    if command == "status":
        parser.add_argument("--ping", action="store_true", help="only answer whether the API does, by the exit code")
    if command == "logs":
        parser.add_argument("--follow", action="store_true", help="go on with new lines until Ctrl-C")


def run(arguments: argparse.Namespace) -> int:
    """Start, stop or show what runs here."""
    places = Places.from_environment()
    match arguments.command:
        case "up":
            home_of(arguments, places, goes_on_by_itself=True).up(arguments.exchange)
        case "serve":
            return StandaloneHome(places, goes_on_by_itself=True, host=arguments.host).serve(arguments.exchange)
        case "down":
            home_of(arguments, places).down()
        case "status":
            return _status(arguments, places)
        case _:
            if not places.logs_dir.is_dir():
                raise StackError(f"There are no logs: {places.logs_dir} does not exist.", "`make up` starts the stack.")
            is_up = running_home(places) is not None
            if not is_up:
                say("Nothing runs here now. The last lines:")
            (follow if arguments.follow and is_up else show)(places.logs_dir)
    return 0


def _status(arguments: argparse.Namespace, places: Places) -> int:
    """Show what runs, and how it is with the exchange and the collection."""
    home = home_of(arguments, places)
    if arguments.ping:
        return 0 if home.answers() else DOWN
    if not home.status():
        return DOWN
    reported = home.description() or {}
    try:
        info = CollectorApi(str(reported["api_url"]), str(reported["api_key"])).system_info()
    except ApiError as error:
        say(f"no report  {error}")
        return DOWN
    exchange, store, collection = info.exchange, info.store, info.collection
    lag = "" if store.lag_hours is None else f", {store.lag_hours} h behind"
    say(f"archive   {store.candles:,} candles of {store.symbols} symbols{lag}")
    run = f", run {collection.last_run.run_id}" if collection.state == "running" and collection.last_run else ""
    following = f", next by itself {collection.next_scheduled}" if collection.next_scheduled else ""
    say(f"collects  {collection.state}{run}{following}")
    if exchange.blocked_until:
        say(f"WARNING   {waiting(moment(exchange.blocked_until))}: {exchange.blocked_reason}")
    if not exchange.reachable:
        say(f"WARNING   the exchange at {exchange.base_url} does not answer")
        return DOWN
    return 0
