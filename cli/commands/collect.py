"""`candles collect`: a collection on the local stack, with its progress and its result."""

from __future__ import annotations

import argparse

from cli.collect.arguments import add_arguments, request_of
from cli.collect.run import collect
from cli.console import console
from localstack.places import Places
from localstack.running import LocalStack

__all__ = ["add_arguments", "run"]


def run(arguments: argparse.Namespace) -> int:
    """Collect, and return 0 if nothing is missing."""
    request = request_of(arguments)
    places = Places.from_environment()
    return collect(request, places, console(), lambda exchange: LocalStack(places).up(exchange))
