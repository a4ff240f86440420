"""The command line of `make collect`; see `make help` for its variables."""

import sys
from pathlib import Path

from rich.console import Console

from local.collect.arguments import parse
from local.collect.run import collect
from local.collect.stack import bring_up

PROJECT = Path(__file__).parents[2]

if __name__ == "__main__":
    sys.exit(collect(parse(sys.argv[1:]), root=PROJECT, console=Console(highlight=False), bring_up=bring_up))
