"""What a collection would request, before it is started."""

from __future__ import annotations

from candle_collector.answers import Plan
from candle_collector.domain.wording import counted
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.collect.wording import MINUTE, span

LISTED_SYMBOLS = 25


def show_plan(console: Console, plan: Plan, *, costs_money: bool) -> None:
    """Print the plan: by crypto while they are few, and in all.

    Parameters
    ----------
    costs_money
        Whether what stores the candles is paid for by the request.
    """
    table = Table(title=f"Plan: {plan.start_date} to {plan.end_date}", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("symbol")
    table.add_column("interval")
    for name in ("missing candles", "requests"):
        table.add_column(name, justify="right")
    for symbol in plan.symbols[:LISTED_SYMBOLS]:
        table.add_row(Text(symbol.symbol), symbol.interval, f"{symbol.missing_candles:,}", f"{symbol.requests:,}")
    if len(plan.symbols) > LISTED_SYMBOLS:
        table.add_row(f"and {len(plan.symbols) - LISTED_SYMBOLS} more", "", "", "")
    console.print(table)
    if plan.note:
        console.print(Text(plan.note, style="yellow"))
    parts = [f"{plan.missing_candles:,} candles are missing", counted(plan.requests, "request")]
    if plan.requests:
        parts.append(f"about {span(plan.estimated_minutes * MINUTE)}")
    if costs_money:
        parts.append(f"about {plan.estimated_dollars:.4f} US dollars on AWS")
    console.print(Text(f"{', '.join(parts)}. Nothing was started."))
