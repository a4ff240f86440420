"""`candles cancel` and `candles retry`: end a run, or ask again for what a run could not get."""

from __future__ import annotations

import argparse
import time

from candle_collector.domain.wording import counted

from background.places import Places
from background.progress import StackError, say
from cli.client import CollectorApi
from cli.collect.stack import read_stack
from cli.homes import add_home_argument, home_of, require_running


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what both take."""
    which = "the one that is active" if parser.prog.endswith("cancel") else "the newest that has something to retry"
    parser.add_argument("run_id", nargs="?", metavar="RUN", help=f"the run's id (default: {which})")
    add_home_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Do it."""
    places = Places.from_environment()
    require_running(arguments, places)
    stack = read_stack(places.stack_file)
    api = CollectorApi(stack.api_url, stack.api_key)
    if arguments.command == "cancel":
        return _cancel(api, arguments.run_id)
    if api.status().run_id is None:
        raise StackError("There was no run yet.", "`candles collect` starts one.")
    from cli.collect.run import follow_retry, report  # noqa: PLC0415 - `cancel` shows no progress, and starts sooner
    from cli.console import console  # noqa: PLC0415 - the same

    screen = console()
    ended = follow_retry(arguments.run_id, places, screen, home_of(arguments, places), time.sleep)
    return ended if isinstance(ended, int) else report(ended, places, screen)


def _cancel(api: CollectorApi, named: str | None) -> int:
    """End a run, and say what it stored."""
    status = api.status(named)
    if status.run_id is None or not status.is_running:
        raise StackError("No run is active." if named is None else f"Run {named} has ended.", "")
    cancelled = api.cancel(status.run_id)
    results = api.status(status.run_id).last_results
    stored = counted(results.total_records, "candle") if results else "what it has"
    if cancelled.state == "ended":
        say(f"Run {status.run_id} has ended; it stored {stored}, and all of it stays.")
    else:
        say(f"Run {status.run_id} ends after the answers in hand; it stored {stored} so far, and all of it stays.")
    say("`make retry` asks again for what it left out.")
    return 0
