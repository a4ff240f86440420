"""How coverage is shown to a person: a line a series, and the windows of those that are named or miss something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

MOST_WINDOWS = 20
"""Of each kind, where nobody asked for a series by name."""


def series_table(series: Sequence[dict[str, Any]]) -> Table:
    """Return the table of all series, and their sums."""
    table = Table(title="Coverage", title_justify="left")
    for name in ("symbol", "first", "last"):
        table.add_column(name, no_wrap=True)
    for name in ("expected", "stored", "never printed", "missing", "covered"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in series:
        style = "yellow" if one["missing_hours"] else None
        table.add_row(*_cells(one), style=style)
    if len(series) > 1:
        counted = ("expected", "stored", "never_printed_hours", "missing_hours")
        sums = {name: sum(one[name] for one in series) for name in counted}
        covered = sums["expected"] - sums["missing_hours"]
        whole = covered * 10_000 // sums["expected"] / 100 if sums["expected"] else None
        table.add_section()
        table.add_row(*_cells({"symbol": f"all {len(series)}", "first": None, "last": None, "percent": whole, **sums}))
    return table


def _cells(one: dict[str, Any]) -> list[str]:
    counts = [f"{one[name]:,}" for name in ("expected", "stored", "never_printed_hours", "missing_hours")]
    first, last = (_short(one[name]) if one[name] else "" for name in ("first", "last"))
    return [one["symbol"], first, last, *counts, "" if one["percent"] is None else f"{one['percent']:.2f}%"]


def windows_table(one: dict[str, Any], *, everything: bool) -> list[Table | Text]:
    """Return what there is to say of one series: its listing, its lives, its windows.

    Parameters
    ----------
    everything
        Whether all windows are shown, those that were never printed too.
    """
    listing = one["listing"]
    if listing["is_proven"]:
        before = f"the exchange has no candle from {_short(listing['asked_from'])} until then"
    else:
        before = "nobody asked for the hours before"
    told: list[Table | Text] = [Text(f"\n{one['symbol']}: first candle {_short(one['first'])}; {before}")]
    if one["delisted_from"]:
        told.append(Text(f"delisted: no candle from {_short(one['delisted_from'])} on"))
    if len(one["segments"]) > 1:
        lives = ", ".join(f"{_short(life['start'])} to {_short(life['end'])}" for life in one["segments"])
        told.append(Text(f"silent for a week or more, perhaps two coins of one name: {lives}"))
    for title, windows in (
        ("missing", one["missing"]),
        *([("never printed", one["never_printed"])] if everything else []),
    ):
        if windows:
            told.append(_table(title, windows if everything else windows[:MOST_WINDOWS]))
            if not everything and len(windows) > MOST_WINDOWS:
                told.append(Text(f"and {len(windows) - MOST_WINDOWS} more; SYMBOLS={one['symbol']} shows all"))
    return told


def _table(title: str, windows: Sequence[dict[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in ("from", "to (open)"):
        table.add_column(name, no_wrap=True)
    table.add_column("hours", justify="right")
    if title == "missing":
        table.add_column("attempts", justify="right")
        table.add_column("last error")
    for window in windows:
        cells = [_short(window["start"]), _short(window["end"]), str(window["hours"])]
        if title == "missing":
            cells += [str(window["attempts"]), window["last_error"] or "not asked for yet"]
        table.add_row(*cells)
    return table


def _short(moment: str | None) -> str:
    """Return ``2025-01-31T12:00:00Z`` as ``2025-01-31 12:00``."""
    return "-" if moment is None else moment[:16].replace("T", " ")
