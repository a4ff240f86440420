"""`candles collect`: a collection with its progress and its result."""

from __future__ import annotations

import argparse

from background.places import Places
from cli.collect.arguments import add_arguments, request_of
from cli.collect.run import collect
from cli.console import console
from cli.homes import home_of

__all__ = ["add_arguments", "run"]


def run(arguments: argparse.Namespace) -> int:
    """Collect, and return 0 if nothing is missing."""
    request = request_of(arguments)
    places = Places.from_environment()
    return collect(request, places, console(), home_of(arguments, places))
