"""The command `candles`: one parser for all subcommands, which are loaded when they are called.

Exit codes: 0 done, and nothing is missing; 1 done, but something is missing, differs or is down; 2 not done, for the
reason that was printed; 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from cli.parser import NOT_DONE, Parser

INTERRUPTED = 130


class Command(NamedTuple):
    """A subcommand: the module that has it, and a line of help."""

    module: str
    help: str


class CommandModule(Protocol):
    """What a module of `cli.commands` has."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add what the subcommand takes."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it, and return the exit code."""


COMMANDS = {
    "collect": Command("collect", "collect candles and watch it; starts what is needed"),
    "up": Command("stack", "start the server in the background (or, on local-aws, the whole template)"),
    "serve": Command("stack", "run the server in this terminal until it is stopped"),
    "down": Command("stack", "stop what runs; everything stored stays"),
    "status": Command("status", "show what runs, where, and how it is"),
    "logs": Command("stack", "show the logs"),
    "cancel": Command("run", "end the run that is active; what it stored stays"),
    "retry": Command("run", "ask again for what the last run could not get, and watch it"),
    "verify": Command("verify", "compare stored candles with the exchange's, and repair them if asked to"),
    "revisions": Command("revisions", "list the stored candles that were replaced"),
    "coverage": Command("coverage", "show how complete the archive is"),
    "export": Command("export", "write stored candles to a file or a folder"),
    "copy": Command("copy", "copy an archive into another one: databases, the local AWS, stacks on AWS"),
    "import": Command("import_", "store candles from files"),
    "keys": Command("keys", "create, list, rotate and revoke API keys"),
    "deploy": Command("deploy", "deploy to your AWS account"),
    "smoke": Command("smoke", "collect 2 symbols for 2 days on a deployed stack and read them back"),
    "destroy": Command("destroy", "delete a stack, after asking; its tables stay"),
}


def parser_for(words: Sequence[str]) -> Parser:
    """Return the parser; only the subcommand that is called is loaded."""
    parser = Parser(
        "candles",
        description="Your own archive of exchange candles.",
        epilog="Exit codes: 0 done; 1 done, but something is missing, differs or is down; 2 not done; 130 interrupted.",
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    called = next((word for word in words if not word.startswith("-")), None)
    for name, command in COMMANDS.items():
        subparser = subparsers.add_parser(
            name, help=command.help, description=f"{command.help[0].upper()}{command.help[1:]}."
        )
        if name == called:
            parser.called = subparser
            _module(name).add_arguments(subparser)
    return parser


def _module(name: str) -> CommandModule:
    module: CommandModule = importlib.import_module(f"cli.commands.{COMMANDS[name].module}")
    return module


def without_empty(words: Sequence[str]) -> list[str]:
    """Return the words without `--name ''` and `--name=`, which are variables of make that nobody set."""
    kept: list[str] = []
    for word in words:
        if word == "" and kept and kept[-1].startswith("--") and "=" not in kept[-1]:
            kept.pop()
        elif word and not re.fullmatch(r"--[\w-]+=", word):
            kept.append(word)
    return kept


def main(words: Sequence[str] | None = None) -> int:
    """Do what the command line says, and return the exit code."""
    words = without_empty(sys.argv[1:] if words is None else words)
    try:
        return _done(words)
    except ModuleNotFoundError as error:
        from cli.missing import remedy_for  # noqa: PLC0415 - `candles --help` needs none of it

        remedy = remedy_for(error)
        if remedy is None:
            raise
        print(remedy, file=sys.stderr, flush=True)
        return NOT_DONE


def _done(words: Sequence[str]) -> int:
    arguments = parser_for(words).parse_args(words)
    from candle_collector.errors import CollectorError  # noqa: PLC0415 - as above
    from candle_collector.settings import without_proxies  # noqa: PLC0415 - as above

    from background.progress import StackError  # noqa: PLC0415 - as above

    os.environ.update(without_proxies(os.environ))
    try:
        return _module(arguments.command).run(arguments)
    except StackError as error:
        print(error, file=sys.stderr, flush=True)
        return NOT_DONE
    except CollectorError as error:
        print(f"{error}.", file=sys.stderr, flush=True)
        return NOT_DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # as of `candles status | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOT_DONE
    except OSError as error:
        from cli.file_errors import refusal_of  # noqa: PLC0415 - as above

        refusal = refusal_of(error)
        if refusal is None:
            raise
        print(refusal, file=sys.stderr, flush=True)
        return NOT_DONE
