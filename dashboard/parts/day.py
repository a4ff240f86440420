"""One day of a series: what is known of its hours, with attempts and the last error, and a way to fill them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import streamlit as st
from candle_collector.answers import MissingWindow, SymbolCoverage
from candle_collector.domain import dates, windows
from candle_collector.domain.windows import Window

from dashboard.charts.calendar import in_words
from dashboard.hours import NAMES, Hours, Kind, by_day, day_window, hour_at, touching, window_of
from dashboard.parts.start import fill_this


def say_day(coverage: SymbolCoverage, hours: Hours, symbol: str, day: date) -> None:
    """Say what is known of a day, window by window, and offer to fill it."""
    within = day_window(day)
    (count,) = by_day(hours.kinds(within))
    with st.container(border=True):
        st.markdown(f"**{day:%A, %d %B %Y}**: {in_words(count)}")
        found, rejected = touching(coverage.missing, within), touching(coverage.rejected, within)
        newer = hour_at(coverage.last) if coverage.last else 0
        missing = [item for item in found if window_of(item).start < newer]
        coming = [item for item in found if item not in missing]
        never = [item for item in coverage.never_printed if window_of(item).clip(within).hours]
        rows: list[Mapping[str, Any]] = [
            *(_row(item, Kind.MISSING, within) for item in missing),
            *(_row(item, Kind.TO_COME, within) for item in coming),
            *(_row(item, Kind.REJECTED, within) for item in rejected),
            *(_row(item, Kind.NEVER_PRINTED, within) for item in never),
        ]
        if rows:
            rows.sort(key=lambda row: str(row["hours (UTC)"]))
            st.dataframe(
                rows, hide_index=True, column_config={"last error": st.column_config.TextColumn(width="large")}
            )
        if not missing:
            return
        whole = windows.union(map(window_of, missing))
        start, end = dates.format_hour(whole[0].start)[:10], dates.format_hour(whole[-1].end - 1)[:10]
        label = "Fill this day" if start == end else f"Fill this gap ({start} to {end})"
        if st.button(label, icon=":material/build:", type="primary", key="fill-this"):
            fill_this(symbol, start, end)
            st.switch_page("views/now.py")
        st.caption("It opens the form on *Now*, filled in for it.")


def _row(item: Any, kind: Kind, within: Window) -> dict[str, Any]:
    part = window_of(item).clip(within)
    first, last = windows.moment_of(part.start), windows.moment_of(part.end - 1)
    attempts = item.attempts if isinstance(item, MissingWindow) else None
    error = item.last_error if isinstance(item, MissingWindow) else None
    nobody = "nobody asked for it yet" if kind is Kind.MISSING and not attempts else ""
    return {
        "hours (UTC)": f"{first:%H}:00" if part.hours == 1 else f"{first:%H}:00 to {last:%H}:59",
        "is": NAMES[kind],
        "attempts": attempts,
        "last error": error or nobody,
    }
