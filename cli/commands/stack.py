"""`candles up`, `serve`, `down` and `logs`: what runs on this machine."""

from __future__ import annotations

import argparse

from candle_collector.domain.ids import is_run_id

from background.exchange_choice import ACCEPTED
from background.home import running_home
from background.logs import Wanted, follow, show
from background.places import Places
from background.progress import StackError, say
from background.standalone_home import LOCAL_HOST, StandaloneHome
from cli.collect.arguments import symbols
from cli.homes import add_home_argument, home_of


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
    if command == "logs":
        parser.add_argument("--follow", action="store_true", help="go on with new lines until Ctrl-C")
        parser.add_argument("--run", type=_run_id, metavar="RUN", help="only what is about this run")
        parser.add_argument("--symbols", type=symbols, default=(), help="only what is about one of BTCUSDT,ETHUSDT")


def run(arguments: argparse.Namespace) -> int:
    """Start or stop what runs here, or show its logs."""
    places = Places.from_environment()
    match arguments.command:
        case "up":
            home_of(arguments, places, goes_on_by_itself=True).up(arguments.exchange)
        case "serve":
            return StandaloneHome(places, goes_on_by_itself=True, host=arguments.host).serve(arguments.exchange)
        case "down":
            home_of(arguments, places).down()
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
