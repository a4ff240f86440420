"""How candles that differ are shown to a person: a line a candle, with the fields that are not the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from candle_collector.answers import SymbolResult
from candle_collector.domain import dates
from candle_collector.domain.progress import Revision
from candle_collector.domain.series import Series
from rich import box
from rich.table import Table
from rich.text import Text

FIELDS = ("open", "high", "low", "close", "volume", "quote volume", "trades", "taker base", "taker quote", "offset ms")
"""What a stored line holds; the last is left out where it is 0."""


def changes(stored: str | None, offered: str | None) -> str:
    """Write what differs between two lines, field by field: ``close 100.5 -> 101, trades 7 -> 9``."""
    if not stored or not offered:
        return "not stored" if offered else "not at the exchange"
    old, new = (line.split(",") for line in (stored, offered))
    old, new = ([*fields, "0"][: len(FIELDS)] for fields in (old, new))
    return ", ".join(f"{name} {a} -> {b}" for name, a, b in zip(FIELDS, old, new, strict=True) if a != b)


def differences_table(symbols: Sequence[SymbolResult]) -> Table:
    """Return the table of the candles that differ, as far as they are named."""
    table = _table("What differs (stored -> the exchange's)", "symbol", "interval", "open (UTC)")
    for symbol in symbols:
        named = symbol.differences or ()
        for item in named:
            table.add_row(
                Text(symbol.symbol), symbol.interval, _short(item.open_time), Text(changes(item.stored, item.offered))
            )
        if rest := (symbol.different or 0) - len(named):
            table.add_row(Text(symbol.symbol), symbol.interval, "", f"and {rest:,} more")
    return table


def revisions_table(series: Series, revised: Sequence[tuple[Revision, str, datetime]]) -> Table:
    """Return the table of the candles of a series that were replaced, each by which run and when."""
    table = _table(f"{series.symbol} {series.interval}: replaced candles (old -> new)", "open (UTC)", "when", "run")
    for (stored, offered), run_id, at in revised:
        opened = _short(series.interval.format(stored.slot))
        table.add_row(opened, _short(dates.format_moment(at)), run_id, Text(changes(stored.line(), offered.line())))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(name, no_wrap=True)
    table.add_column("what differs")
    return table


def _short(moment: str) -> str:
    """Return ``2025-01-31T12:00:00Z`` as ``2025-01-31 12:00``."""
    return moment[:16].replace("T", " ")
