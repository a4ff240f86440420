"""`candles up`, `serve`, `down`, `status` and `logs`: what runs on this machine."""

from __future__ import annotations

import argparse

from candle_collector.answers import HealthInfo, SystemInfo
from candle_collector.domain.health import Health, no_answer
from candle_collector.domain.ids import is_run_id
from candle_collector.domain.wording import counted

from background.exchange_choice import ACCEPTED
from background.home import running_home
from background.logs import Wanted, follow, show
from background.places import Places
from background.progress import StackError, say
from background.standalone_home import LOCAL_HOST, StandaloneHome
from cli.client import ApiError, ApiRefusedError, CollectorApi
from cli.collect.arguments import symbols
from cli.collect.wording import moment, progress_line, waiting
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
        parser.add_argument("--run", type=_run_id, metavar="RUN", help="only what is about this run")
        parser.add_argument("--symbols", type=symbols, default=(), help="only what is about one of BTCUSDT,ETHUSDT")


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
            wanted = Wanted(arguments.run or "", arguments.symbols)
            (follow if arguments.follow and is_up else show)(places.logs_dir, wanted)
    return 0


def _run_id(text: str) -> str:
    """Take the id of a run."""
    if not is_run_id(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a run's id: `candles status` shows the last one's")
    return text


def _status(arguments: argparse.Namespace, places: Places) -> int:
    """Show how the archive stands, its run, what runs here, and how it is with the exchange."""
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
