"""The result of a run, and how to read what was collected."""

from urllib.parse import quote

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from local.collect.answers import OutcomeName, Results, SymbolOutcome
from local.collect.stack import Stack
from local.collect.wording import counted, hour, reason, span, windows

ENDED: tuple[OutcomeName, ...] = ("complete", "skipped", "partial", "failed")
MEANINGS: dict[OutcomeName, str] = {
    "complete": "nothing is missing now",
    "skipped": "nothing was missing, nothing was asked",
    "partial": "this run stored something, something is missing",
    "failed": "this run stored nothing, something is missing",
}
STYLES: dict[OutcomeName, str] = {
    "complete": "green",
    "skipped": "blue",
    "partial": "yellow",
    "failed": "red",
    "running": "cyan",
    "pending": "dim",
}
LISTED_SYMBOLS = 25
_WITH_KEY = '-H "X-API-Key: $KEY"'


def show_result(console: Console, results: Results) -> None:
    """Print the outcomes: counted, one by one while they are few, and what is amiss in full."""
    console.print(_outcomes(results))
    if results.total_cryptos <= LISTED_SYMBOLS:
        console.print(_symbols(results.details))
    amiss = results.having("partial", "failed")
    if amiss:
        console.print(_amiss(amiss))


def _outcomes(results: Results) -> Table:
    table = Table(title="Result", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_footer=True)
    table.add_column("outcome", footer="total")
    table.add_column("cryptos", justify="right", footer=str(results.total_cryptos))
    table.add_column("candles stored", justify="right", footer=f"{results.total_records:,}")
    table.add_column("requests", justify="right", footer=f"{results.requests:,}")
    table.add_column("meaning", style="dim")
    counts = (results.complete, results.skipped, results.partial, results.failed)
    for name, count in zip(ENDED, counts, strict=True):
        symbols = results.having(name)
        table.add_row(
            Text(name, style=STYLES[name] if count else "dim"),
            str(count),
            f"{sum(symbol.records for symbol in symbols):,}",
            f"{sum(symbol.requests for symbol in symbols):,}",
            MEANINGS[name],
        )
    return table


def _symbols(symbols: list[SymbolOutcome]) -> Table:
    table = Table(title="By crypto", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("symbol")
    table.add_column("outcome")
    for heading in ("candles stored", "requests", "retries"):
        table.add_column(heading, justify="right")
    table.add_column("holds, from", style="dim")
    table.add_column("to (UTC)", style="dim")
    for symbol in symbols:
        table.add_row(
            Text(symbol.symbol),
            Text(symbol.status, style=STYLES[symbol.status]),
            f"{symbol.records:,}",
            f"{symbol.requests:,}",
            f"{symbol.retries:,}",
            hour(symbol.first) if symbol.first else "",
            hour(symbol.last) if symbol.last else "",
        )
    return table


def _amiss(symbols: list[SymbolOutcome]) -> Table:
    table = Table(title="What is missing, and why", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("symbol")
    table.add_column("outcome")
    table.add_column("why", overflow="fold")
    table.add_column("missing (UTC)", no_wrap=True)
    for symbol in symbols:
        table.add_row(
            Text(symbol.symbol),
            Text(symbol.status, style=STYLES[symbol.status]),
            Text(reason(symbol.error)),
            windows(symbol.missing),
        )
    return table


def totals(results: Results, seconds: float | None, counted_by_exchange: int | None, cold_starts: int | None) -> str:
    """Write the run in one sentence.

    Parameters
    ----------
    results
        The run's outcomes.
    seconds
        From the run's start to its end.
    counted_by_exchange
        The candle requests the exchange itself counted during the run, None if it does not tell.
    cold_starts
        Workers that had to be started for the run, None if the logs do not tell.
    """
    parts = [f"{counted(results.total_records, 'candle')} stored"]
    if seconds:
        parts[0] += f" in {span(seconds)} ({results.total_records / seconds:,.0f} candles/s)"
    if counted_by_exchange is None:
        parts.append(f"{counted(results.requests, 'candle request')} by the workers' count")
    else:
        parts.append(f"the exchange counted {counted(counted_by_exchange, 'candle request')}")
    if cold_starts is not None:
        parts.append(f"{counted(cold_starts, 'worker')} started cold")
    return ", ".join(parts) + "."


def how_to_read(api_url: str, stack_file: str, run_id: str, symbol: str) -> str:
    """Write the commands that read the archive; the key is taken from the stack's file, so that none lands in a log."""
    return "\n".join(
        [
            "Read it:",
            _key_line(stack_file),
            f'  curl -s "{api_url}/api/v3/klines?symbol={quote(symbol)}&interval=1h&limit=3" {_WITH_KEY} | jq -c ".[]"',
            f'  curl -s "{api_url}/api/admin/system/info" {_WITH_KEY} | jq',
            _status_line(api_url, run_id),
        ]
    )


def where_it_lies(stack: Stack, state_dir: str) -> str:
    """Write where the candles are, and from which exchange they came."""
    return f"The candles of {stack.exchange} lie in the local DynamoDB ({stack.aws_endpoint_url}), kept in {state_dir}."


def how_to_look(api_url: str, stack_file: str, run_id: str | None) -> str:
    """Write the commands that ask for a run's status, the latest's without an id."""
    return f"{_key_line(stack_file)}\n{_status_line(api_url, run_id)}"


def _key_line(stack_file: str) -> str:
    return f"  KEY=$(jq -r .api_key {stack_file})"


def _status_line(api_url: str, run_id: str | None) -> str:
    query = f"?run_id={run_id}" if run_id else ""
    return f'  curl -s "{api_url}/api/admin/collect/status{query}" {_WITH_KEY} | jq'


def how_to_go_on() -> str:
    """Write how to ask for more than a first look."""
    return "That was a first look. For all of it up to yesterday: make collect TOP=100 START=2025-01-01"
