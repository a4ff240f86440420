"""`candles up`, `down`, `status` and `logs`: the local stack."""

from __future__ import annotations

import argparse

from localstack.function_logs import follow, show
from localstack.places import Places
from localstack.progress import StackError
from localstack.running import LocalStack

DOWN = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the four take."""
    if parser.prog.endswith(" up"):
        parser.add_argument(
            "--exchange", default="", help="auto, binance, simulated, replay:FOLDER or http://127.0.0.1:PORT"
        )
    elif parser.prog.endswith(" logs"):
        parser.add_argument("--follow", action="store_true", help="go on with new lines until Ctrl-C")


def run(arguments: argparse.Namespace) -> int:
    """Start, stop or show the local stack."""
    places = Places.from_environment()
    match arguments.command:
        case "up":
            LocalStack(places).up(arguments.exchange)
        case "down":
            LocalStack(places).down()
        case "status":
            return 0 if LocalStack(places).status() else DOWN
        case _:
            if not places.logs_dir.is_dir():
                raise StackError(f"There are no logs: {places.logs_dir} does not exist.", "`make up` starts the stack.")
            (follow if arguments.follow else show)(places.logs_dir)
    return 0
