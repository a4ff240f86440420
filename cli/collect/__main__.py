"""The command line of `make collect`; see `make help` for its variables."""

import sys

from rich.console import Console

from cli.collect.arguments import parse
from cli.collect.run import collect
from cli.collect.stack import bring_up
from localstack.places import Places
from localstack.progress import StackError

LOG_WIDTH = 120


def main() -> int:
    """Run the command line and give its exit code."""
    request = parse(sys.argv[1:])
    # In a log or a pipe there is no width to keep to; tables get what they need.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else LOG_WIDTH)
    try:
        places = Places.from_environment()
    except StackError as error:
        console.print(str(error), style="red", markup=False)
        return 2
    return collect(request, places, console, bring_up)


if __name__ == "__main__":
    sys.exit(main())
