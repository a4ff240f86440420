"""The command line of `make coverage`: asks the local stack's API how complete each series is, and shows a table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import requests
from rich.console import Console
from rich.progress import track

from cli.collect.stack import Stack, read_stack
from cli.coverage.tables import series_table, windows_table
from localstack.places import Places
from localstack.progress import StackError

ANSWER_SECONDS = 60
LOG_WIDTH = 140


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line; empty values count as not given, as make passes them."""
    parser = argparse.ArgumentParser(prog="make coverage", description="Show how complete the archive is.")
    parser.add_argument("--symbols", default="", help="some symbols, separated by commas, with all their windows")
    parser.add_argument("--start", default="", help="the first day or moment that is expected")
    parser.add_argument("--end", default="", help="the last")
    return parser.parse_args(words)


class CoverageApi:
    """The API's routes of coverage."""

    def __init__(self, stack: Stack) -> None:
        self._url = f"{stack.api_url}/api/admin/coverage"
        self._session = requests.Session()
        self._session.headers["X-API-Key"] = stack.api_key

    def symbols(self) -> Iterator[str]:
        """Yield all symbols that something was collected of.

        Raises
        ------
        StackError
            The API does not answer.
        """
        after: str | None = None
        while True:
            page = self._get(self._url, {"after": after} if after else {})
            yield from (one["symbol"] for one in page["symbols"])
            after = page["next"]
            if after is None:
                return

    def of(self, symbol: str, *, start: str, end: str) -> dict[str, Any]:
        """Return the coverage of a symbol.

        Raises
        ------
        StackError
            The API refuses, for example because nothing was collected of it.
        """
        asked = {"start_date": start, "end_date": end}
        return self._get(f"{self._url}/{symbol}", {name: value for name, value in asked.items() if value})

    def _get(self, url: str, params: dict[str, str]) -> dict[str, Any]:
        try:
            response = self._session.get(url, params=params, timeout=ANSWER_SECONDS)
            answer: dict[str, Any] = response.json()
        except requests.RequestException as error:
            raise StackError(f"The API does not answer: {error}", "`make up` starts the local stack.") from error
        if not response.ok:
            raise StackError(f"The API refused: {answer['error']['message']}.")
        return answer


def main(words: Sequence[str]) -> int:
    """Show the coverage, and return 0, or 2 where it cannot be told."""
    asked = arguments(words)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else LOG_WIDTH)
    named = [symbol.strip().upper() for symbol in asked.symbols.split(",") if symbol.strip()]
    try:
        api = CoverageApi(read_stack(Places.from_environment().stack_file))
        symbols = named or list(api.symbols())
        # each symbol by its items: the list alone would believe the series' records
        asking = track(symbols, "Reading", console=console, transient=True, disable=not sys.stdout.isatty())
        series = [api.of(symbol, start=asked.start, end=asked.end) for symbol in asking]
    except StackError as error:
        console.print(str(error), style="red", markup=False)
        return 2
    if not series:
        console.print("Nothing is stored yet. `make collect` collects.")
        return 0
    console.print(series_table(series))
    for one in series:
        if named or one["missing"] or len(one["segments"]) > 1:
            console.print(*windows_table(one, everything=bool(named)), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
