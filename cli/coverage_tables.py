"""How coverage is shown to a person: a line a series, and the windows of those that are named or miss something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from candle_collector.adapters.binance.market import BINANCE
from candle_collector.answers import MissingWindow, SymbolCoverage, Window
from candle_collector.domain import dates
from candle_collector.domain.coverage import percent
from candle_collector.domain.interval import DAY_MS, interval_named, ms_of
from rich.table import Table
from rich.text import Text

MOST_WINDOWS = 20
"""Of each kind, where nobody asked for a series by name."""


def without_newest(coverage: SymbolCoverage, newest: int | None, now: datetime) -> tuple[SymbolCoverage, int]:
    """Return the coverage without the candles that are not expected yet, and how many of them a forward run brings.

    Those younger than a day may still come: the rule by which one is proven never to have been printed does not judge
    them either. Those after the newest candle of the whole archive nobody has asked for, if its last run had an end
    or was long ago; where a run has asked for them in vain, they are missing. Of an interval that the deployment does
    not collect a forward run brings none.

    Parameters
    ----------
    newest
        When that candle opened, in ms since 1970 UTC.
    """
    interval = interval_named(coverage.interval)
    young = interval.slot_of(now) - BINANCE.young_slots(interval)
    never_requested = young if newest is None else min(young, interval.slot_at(newest) + 1)
    kept: list[MissingWindow] = []
    left_out = 0
    for item in coverage.missing:
        start, end = (interval.slot_at(dates.start_of(text)) for text in (item.start, item.end))
        cut = min(end, max(start, young if item.attempts else never_requested))
        left_out += end - cut
        if start < cut:
            kept.append(replace(item, end=interval.format(cut), candles=cut - start))
    expected, missing = coverage.expected - left_out, coverage.missing_candles - left_out
    covered = expected - missing - sum(item.candles for item in coverage.rejected)
    changed = replace(
        coverage, missing=kept, missing_candles=missing, expected=expected, percent=percent(covered, expected)
    )
    return changed, left_out if coverage.is_kept else 0


def which_newest(newest: int | None, now: datetime) -> str:
    """Return which candles `without_newest` leaves out, in words."""
    if newest is None or newest >= ms_of(now) - DAY_MS:
        return "of the last day"
    return f"after {_short(dates.format_ms(newest))}, the newest candle of all, which no run has asked for"


def series_table(series: Sequence[SymbolCoverage]) -> Table:
    """Return the table of all series, and their sums."""
    table = Table(title="Coverage", title_justify="left")
    for name in ("symbol", "interval", "first", "last"):
        table.add_column(name, no_wrap=True)
    for name in ("expected", "stored", "never printed", "missing", "covered"):
        table.add_column(name, justify="right", no_wrap=True)
    for coverage in series:
        ends = (_short(moment) if moment else "" for moment in (coverage.first, coverage.last))
        style = "yellow" if coverage.missing_candles else None
        table.add_row(
            coverage.symbol, coverage.interval, *ends, *_counts(_numbers(coverage), coverage.percent), style=style
        )
    if len(series) > 1:
        sums = [sum(column) for column in zip(*map(_numbers, series), strict=True)]
        expected, missing = sums[0], sums[3]
        table.add_section()
        table.add_row(f"all {len(series)}", "", "", "", *_counts(sums, percent(expected - missing, expected)))
    return table


def _numbers(coverage: SymbolCoverage) -> tuple[int, int, int, int]:
    return coverage.expected, coverage.stored, coverage.never_printed_candles, coverage.missing_candles


def _counts(numbers: Sequence[int], share: float | None) -> list[str]:
    return [*(f"{number:,}" for number in numbers), "" if share is None else f"{share:.2f}%"]


def windows_table(coverage: SymbolCoverage, *, everything: bool) -> list[Table | Text]:
    """Return what there is to say of a series: its listing, its lives, its record where that was wrong, its windows.

    Parameters
    ----------
    everything
        Whether all windows are shown, those that were never printed too.
    """
    listing = coverage.listing
    if listing.is_proven:
        before = f"the exchange has no candle from {_short(listing.asked_from)} until then"
    else:
        before = "those before were never requested"
    lines: list[Table | Text] = [
        Text(f"\n{coverage.symbol} {coverage.interval}: first candle {_short(coverage.first)}; {before}")
    ]
    if not coverage.is_kept:
        lines.append(Text("INTERVALS does not name it: no schedule collects it; what is stored stays"))
    if coverage.delisted_from:
        lines.append(Text(f"delisted: no candle from {_short(coverage.delisted_from)} on"))
    if len(coverage.segments) > 1:
        lives = ", ".join(f"{_short(life.start)} to {_short(life.end)}" for life in coverage.segments)
        lines.append(Text(f"silent for a week, or back at another price, perhaps two coins of one name: {lives}"))
    if coverage.record_repaired:
        lines.append(Text("the series' record did not fit what is stored; this is what is stored"))
    for title, windows in (
        ("missing", coverage.missing),
        *([("never printed", coverage.never_printed)] if everything else []),
    ):
        if windows:
            lines.append(_table(title, windows if everything else windows[:MOST_WINDOWS]))
            if not everything and len(windows) > MOST_WINDOWS:
                lines.append(Text(f"and {len(windows) - MOST_WINDOWS} more; --symbols {coverage.symbol} shows all"))
    return lines


def _table(title: str, windows: Sequence[Window]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in ("from", "to (open)"):
        table.add_column(name, no_wrap=True)
    table.add_column("candles", justify="right")
    if title == "missing":
        table.add_column("attempts", justify="right")
        table.add_column("last error")
    for window in windows:
        cells = [_short(window.start), _short(window.end), str(window.candles)]
        if isinstance(window, MissingWindow):
            cells += [str(window.attempts), window.last_error or "not requested yet"]
        table.add_row(*cells)
    return table


def _short(moment: str | None) -> str:
    """Return ``2025-01-31T12:00:00Z`` as ``2025-01-31 12:00``."""
    return "-" if moment is None else moment[:16].replace("T", " ")
