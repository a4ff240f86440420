"""The commands of the local stack: `python -m localstack up|down|status|logs`."""

from __future__ import annotations

import argparse
import sys

from localstack.function_logs import follow, show
from localstack.places import Places
from localstack.progress import StackError, say
from localstack.running import LocalStack


def main(argv: list[str] | None = None) -> int:
    """Do what the command line says; 0 if it is done, 1 with the remedy if not."""
    parser = argparse.ArgumentParser(prog="python -m localstack", description="The local stack.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start it, and deploy what has changed")
    up.add_argument("--exchange", default="", help="auto, binance, simulated, replay:FOLDER or http://127.0.0.1:PORT")
    commands.add_parser("down", help="stop it; everything stored stays")
    commands.add_parser("status", help="tell what runs, and where")
    logs = commands.add_parser("logs", help="show the functions' logs")
    logs.add_argument("--follow", action="store_true", help="go on showing new lines until Ctrl-C")
    asked = parser.parse_args(argv)
    try:
        places = Places.from_environment()
        stack = LocalStack(places)
        if asked.command == "up":
            stack.up(asked.exchange)
        elif asked.command == "down":
            stack.down()
        elif asked.command == "status":
            return 0 if stack.status() else 1
        elif asked.follow:
            follow(places.logs_dir)
        else:
            show(places.logs_dir)
    except StackError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
