"""One day of a series: what is known of its candles, with attempts and the last error, and a way to fill them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import streamlit as st
from candle_collector.answers import MissingWindow, SymbolCoverage
from candle_collector.domain import windows
from candle_collector.domain.interval import Interval
from candle_collector.domain.windows import Window

from dashboard.charts.calendar import in_words
from dashboard.parts.start import fill_this
from dashboard.slots import NAMES, Kind, Slots, count_kinds, day_window, slot_at, touching, window_of


def say_day(coverage: SymbolCoverage, slots: Slots, day: date) -> None:
    """Say what is known of a day, window by window, and offer to fill it."""
    interval = slots.interval
    within = day_window(interval, day)
    (count,) = count_kinds(slots.kinds_by_day(day, day))
    with st.container(border=True):
        st.markdown(f"**{day:%A, %d %B %Y}**: {in_words(count)}")
        found, rejected = (touching(interval, of, within) for of in (coverage.missing, coverage.rejected))
        newer = slot_at(interval, coverage.last) if coverage.last else 0
        missing = [item for item in found if window_of(interval, item).start < newer]
        coming = [item for item in found if item not in missing]
        never = [item for item in coverage.never_printed if window_of(interval, item).clip(within).slots]
        rows: list[Mapping[str, Any]] = [
            *(_row(item, Kind.MISSING, interval, within) for item in missing),
            *(_row(item, Kind.TO_COME, interval, within) for item in coming),
            *(_row(item, Kind.REJECTED, interval, within) for item in rejected),
            *(_row(item, Kind.NEVER_PRINTED, interval, within) for item in never),
        ]
        if rows:
            rows.sort(key=lambda row: str(row["time (UTC)"]))
            st.dataframe(
                rows, hide_index=True, column_config={"last error": st.column_config.TextColumn(width="large")}
            )
        if not missing:
            return
        whole = windows.union(window_of(interval, item) for item in missing)
        start, end = interval.day_of(whole[0].start), interval.day_of(whole[-1].end - 1)
        label = "Fill this day" if start == end else f"Fill this gap ({start} to {end})"
        if st.button(label, icon=":material/build:", type="primary", key="fill-this"):
            fill_this(coverage.symbol, coverage.interval, start, end)
            st.switch_page("views/now.py")
        st.caption("It opens the form on *Now*, filled in for it.")


def _row(item: Any, kind: Kind, interval: Interval, within: Window) -> dict[str, Any]:
    part = window_of(interval, item).clip(within)
    first, last = interval.moment_of(part.start), interval.moment_of(part.end) - timedelta(minutes=1)
    attempts = item.attempts if isinstance(item, MissingWindow) else None
    error = item.last_error if isinstance(item, MissingWindow) else None
    nobody = "nobody asked for it yet" if kind is Kind.MISSING and not attempts else ""
    return {
        "time (UTC)": f"{first:%H:%M}" if part.slots == 1 else f"{first:%H:%M} to {last:%H:%M}",
        "is": NAMES[kind],
        "attempts": attempts,
        "last error": error or nobody,
    }
