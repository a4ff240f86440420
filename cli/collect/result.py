"""The result of a run, and how to read what was collected."""

from collections.abc import Sequence
from urllib.parse import quote

from candle_collector.answers import OutcomeName, Results, SymbolResult
from candle_collector.domain.interval import interval_named
from candle_collector.domain.wording import counted
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from background.kept_settings import DEFAULT_INTERVALS, INTERVALS
from background.progress import IS_CLONE
from cli.collect.stack import Stack
from cli.collect.wording import having, moment, open_time, reason, requests_of, span, windows

ENDED: tuple[OutcomeName, ...] = ("complete", "skipped", "partial", "failed")
MEANINGS: dict[OutcomeName, str] = {
    "complete": "nothing is missing now",
    "skipped": "nothing was missing",
    "partial": "some stored, some missing",
    "failed": "none stored, some missing",
}
MEANINGS_OF_VERIFYING: dict[OutcomeName, str] = {
    "complete": "nothing differs now",
    "skipped": "nothing is stored there",
    "partial": "something differs, or was not compared",
    "failed": "nothing was compared",
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
    if results.end_reason:
        console.print(Text(f"The run was ended before it was done: {results.end_reason}.\n", style="yellow"))
    if len(results.details) <= LISTED_SYMBOLS:
        console.print(_symbols(results.details, "repaired" if results.mode == "verify" else "stored"))
    amiss = having(results, "partial", "failed")
    if amiss:
        _say_amiss(console, amiss, verifies=results.mode == "verify")


def _table(title: str, *, footer: bool = False) -> Table:
    """Make a table narrow enough for 80 columns."""
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_footer=footer,
    )


def _outcomes(results: Results) -> Table:
    verifies = results.mode == "verify"
    meanings = MEANINGS_OF_VERIFYING if verifies else MEANINGS
    table = _table("Result", footer=True)
    table.add_column("outcome", footer="total")
    table.add_column("series", justify="right", footer=str(len(results.details)))
    table.add_column(
        "candles repaired" if verifies else "candles stored", justify="right", footer=f"{results.total_records:,}"
    )
    table.add_column("requests", justify="right", footer=f"{requests_of(results):,}")
    table.add_column("meaning", style="dim")
    for name in ENDED:
        series = having(results, name)
        table.add_row(
            Text(name, style=STYLES[name] if series else "dim"),
            str(len(series)),
            f"{sum(item.records for item in series):,}",
            f"{sum(item.requests for item in series):,}",
            meanings[name],
        )
    return table


def _symbols(symbols: Sequence[SymbolResult], candles: str) -> Table:
    table = _table("By series")
    table.add_column("symbol")
    table.add_column("interval")
    table.add_column("outcome")
    table.add_column(candles, justify="right")
    table.add_column("requests", justify="right")
    table.add_column("retries", justify="right")
    table.add_column("holds (UTC)", style="dim")
    for symbol in symbols:
        table.add_row(
            Text(symbol.symbol),
            symbol.interval,
            Text(symbol.status, style=STYLES[symbol.status]),
            f"{symbol.records:,}",
            f"{symbol.requests:,}",
            f"{symbol.retries:,}" if symbol.retries else "",
            " to ".join(open_time(moment(end)) for end in (symbol.first, symbol.last) if end),
        )
    return table


def _say_amiss(console: Console, symbols: Sequence[SymbolResult], *, verifies: bool) -> None:
    """Print what is missing, once for each reason: one refusal by the exchange can fail every symbol alike.

    Parameters
    ----------
    verifies
        Whether it is a verification: then what was not compared is named in place of what is missing.
    """
    console.print(Text(f"What {'is amiss' if verifies else 'is missing'}, and why (UTC)", style="bold"))
    by_reason: dict[tuple[OutcomeName, str], list[SymbolResult]] = {}
    for symbol in symbols:
        by_reason.setdefault((symbol.status, reason(symbol.error)), []).append(symbol)
    for (name, why), alike in by_reason.items():
        console.print(Text.assemble((f" {len(alike)} {name}: ", STYLES[name]), why))
        for symbol in alike[:LISTED_SYMBOLS]:
            nothing = "" if verifies else "no window is named"
            for line in windows(symbol.missing, symbol.missing_candles) or [nothing]:
                console.print(Text(f"   {symbol.symbol} {symbol.interval}  {line}"))
        if len(alike) > LISTED_SYMBOLS:
            console.print(f"   and {len(alike) - LISTED_SYMBOLS} more, which the run's status names")
    console.print()


def totals(results: Results, seconds: float | None, counted_by_exchange: int | None, cold_starts: int | None) -> str:
    """Write the run in one sentence.

    Parameters
    ----------
    results
        The run's outcomes.
    seconds
        From the run's start to its end.
    counted_by_exchange
        The candle requests the exchange itself counted during the run, None if it does not say.
    cold_starts
        Workers that had to be started for the run, None if the logs do not say.
    """
    parts = [f"{counted(results.total_records, 'candle')} stored"]
    if seconds is not None and seconds < 1:
        parts[0] += " in less than a second"
    elif seconds is not None:
        parts[0] += f" in {span(seconds)} ({results.total_records / seconds:,.0f} candles/s)"
    if counted_by_exchange is None:
        parts.append(f"{counted(requests_of(results), 'candle request')} by the workers' count")
    else:
        parts.append(f"the exchange counted {counted(counted_by_exchange, 'candle request')}")
    if cold_starts is not None:
        parts.append(f"{counted(cold_starts, 'worker')} started cold")
    return ", ".join(parts) + "."


def how_to_read(api_url: str, stack_file: str, run_id: str, series: SymbolResult) -> str:
    """Write the commands that read the archive; the key is taken from the stack's file, so that none lands in a log."""
    query = f"symbol={quote(series.symbol)}&interval={series.interval}&limit=3"
    return "\n".join(
        [
            "Read it:",
            _key_line(stack_file),
            f'  curl -s "{api_url}/api/v3/klines?{query}" {_WITH_KEY} | jq -c ".[]"',
            f'  curl -s "{api_url}/api/admin/system/info" {_WITH_KEY} | jq',
            _status_line(api_url, run_id),
        ]
    )


def where_it_lies(stack: Stack, state_dir: str) -> str:
    """Write where the candles are, and from which exchange they came."""
    if stack.database_url is not None:
        where = stack.database_url
    else:
        where = f"the local DynamoDB ({stack.aws_endpoint_url}), kept in {state_dir}"
    return f"They came from {stack.exchange} and lie in {where}."


def what_stays(stack: Stack, collected: Sequence[str]) -> str:
    """Write what goes on running after a collection, and of which intervals.

    Parameters
    ----------
    collected
        The intervals of the run: its own, which change nothing in what the schedules collect.
    """
    kept = (stack.settings.get(INTERVALS) or DEFAULT_INTERVALS).split(",")
    of_kept = f"with candles of {' and '.join(kept)} (INTERVALS)"
    if stack.settings.get("SCHEDULES_ENABLED") == "true":
        lines = [f"The server stays up at {stack.api_url} and goes on by itself {of_kept}; `make down` stops it."]
    else:
        lines = [
            f"The server stays up at {stack.api_url}: `make down` stops it, `make up` has it go on by itself {of_kept}."
        ]
    by_hand = [name for name in dict.fromkeys(collected) if name not in kept]
    if by_hand:
        both = ",".join(map(str, sorted(map(interval_named, {*kept, *by_hand}))))
        lines.append(
            f"Candles of {' and '.join(by_hand)} were collected once, and stay; `make up INTERVALS={both}` has it go "
            "on with all of them."
        )
    return "\n".join(lines)


def how_to_see() -> str:
    """Write how to look at it in a browser; an installed wheel has no page."""
    return "See it in a browser: make dashboard" if IS_CLONE else ""


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
