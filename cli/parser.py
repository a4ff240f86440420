"""The parser of the command line: it says what is wrong in a sentence, by the name under which it was typed."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NoReturn

NOT_DONE = 2


class Parser(argparse.ArgumentParser):
    """A parser that leaves the usage to ``--help``.

    Attributes
    ----------
    called
        The parser of the subcommand that is called, where this is the command's own.
    """

    called: Parser | None = None

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where it is written what is taken, and end with 2."""
        from background.progress import StackError  # noqa: PLC0415 - what is right needs none of it here

        of = self.called or self
        problem = _sentence(message, re.findall(r"--[a-z-]+", of.format_usage()))
        print(StackError(problem, f"`{of.prog} --help` shows what it takes."), file=sys.stderr, flush=True)
        sys.exit(NOT_DONE)


def _sentence(message: str, options: Iterable[str]) -> str:
    """Return a message of argparse's as a sentence."""
    if found := re.fullmatch(r"unrecognized arguments: (.+)", message, re.DOTALL):
        word = found[1].split()[0].partition("=")[0]
        return f"{found[1]}: there is no such argument{_perhaps(word, options)}."
    if found := re.fullmatch(r"the following arguments are required: (.+)", message):
        return f"{found[1]}: it is missing."
    if found := re.fullmatch(r"argument (\S+): (.+)", message, re.DOTALL):
        return f"{_as_given(found[1])}: {_of_choices(found[2]).rstrip('.')}."
    return f"{message}."


def _as_given(argument: str) -> str:
    """Return an argument by its name, or as the variable that make was given for it."""
    variable = argument.lstrip("-").replace("-", "_").upper()
    given = os.environ.get(variable)
    return f"{variable}={given}" if os.environ.get("MAKELEVEL") and given else argument


def _of_choices(what: str) -> str:
    """Return what is wrong with a value; of one that is not among the choices, which may be meant."""
    found = re.fullmatch(r"invalid choice: '(.*)' \(choose from (.*)\)", what, re.DOTALL)
    if found is None:
        return what
    choices = [choice.strip("' ") for choice in found[2].split(",")]
    return f"{found[1]!r} is not one of {', '.join(choices)}{_perhaps(found[1], choices)}"


def _perhaps(word: str, known: Iterable[str]) -> str:
    from candle_collector.domain.interval_names import meant  # noqa: PLC0415 - as above

    names = list(known)
    close = get_close_matches(word, names, n=1)
    return meant(word, names) or (f"; perhaps {close[0]} is meant" if close else "")
