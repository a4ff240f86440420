"""`candles collect`: a collection with its progress and its result, or its plan."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime

from rich.console import Console

from background.home import Home
from background.places import Places
from cli.client import CollectorApi
from cli.collect.arguments import CollectionRequest, add_arguments, request_of
from cli.collect.plan import show_plan
from cli.collect.run import collect, say
from cli.collect.stack import Exchange, read_stack
from cli.console import console
from cli.homes import home_of

__all__ = ["add_arguments", "run"]


def run(arguments: argparse.Namespace) -> int:
    """Collect, and return 0 if nothing is missing."""
    request = request_of(arguments)
    places = Places.from_environment()
    home = home_of(arguments, places)
    if arguments.dry_run:
        return _plan(request, places, home, console())
    return collect(request, places, console(), home, time.sleep)


def _plan(request: CollectionRequest, places: Places, home: Home, screen: Console) -> int:
    """Show what would be requested; everything is as before when it has been shown."""
    with home.unchanged(request.exchange):
        stack = read_stack(places.stack_file)
        body = request.trigger_body(Exchange(stack.exchange_url).now(datetime.now(UTC)))
        say(screen, f"Planning {request.describe(body)} ...")
        plan = CollectorApi(stack.api_url, stack.api_key).plan(body)
    show_plan(screen, plan, costs_money=stack.database_url is None)
    return 0
