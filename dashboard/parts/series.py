"""One series: its year by the day and a month by the hour; a click on a day, or its date typed, chooses it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import streamlit as st
from candle_collector.answers import SeriesByMonth
from candle_collector.domain import dates
from candle_collector.domain.interval import ms_of
from plotly.graph_objects import Figure

from cli.collect.wording import moment
from dashboard.charts.calendar import month_hours, month_of, year_calendar
from dashboard.charts.palette import LEGEND, legend_html
from dashboard.loading import Loader
from dashboard.parts.day import say_day
from dashboard.parts.page import COVERAGE, FRESH_SECONDS, plain, shown
from dashboard.slots import Kind, Slots, day_window, is_whole, missing_of, slots_of, to_come

USUAL = "1h"
"""The interval that goes without saying."""

CHOSEN_DAY = "chosen_day"
CHART = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}
"""Plotly's settings of a chart that is clicked and not moved."""


def show_series(loading: Loader, series: SeriesByMonth) -> None:
    """Show a series: a year by the day, the month of the chosen day by the hour, and what is known of that day."""
    first, last = moment(series.start or "").date(), (moment(series.end or "") - timedelta(minutes=1)).date()
    name = f"{series.symbol}-{series.interval}"
    head, pick = st.columns([3, 1], vertical_alignment="bottom")
    head.subheader(plain(series.symbol if series.interval == USUAL else f"{series.symbol}, {series.interval}"))
    day = _chosen_day(series, first, last)
    years = list(range(last.year, first.year - 1, -1))
    year: int = pick.selectbox("Year", years, index=years.index(day.year), key=f"year-{name}-{day.year}")
    if year != day.year:
        st.session_state[CHOSEN_DAY] = min(max(date(year, 1, 1), first), last)
        st.rerun()
    st.markdown(_sentence(series))
    coverage = shown(
        loading.load(f"{COVERAGE}-{name}-{year}", _asked(series, year), for_seconds=FRESH_SECONDS),
        loading.connection,
    )
    slots = slots_of(coverage)
    if CHOSEN_DAY not in st.session_state:
        day = _first_lacking(slots, day)
    if not is_whole(coverage):
        st.warning("**This year has more windows than one answer holds.** The last days of it may be shown wrongly.")
    st.query_params["day"] = day.isoformat()
    st.html(legend_html(LEGEND))
    with st.container(key="year-calendar"):
        alt = f"{series.symbol} in {year} by day. The field Day below chooses one."
        _clickable(year_calendar(slots, year, day), f"calendar-{name}-{year}", alt)
    _month(slots, series, day, first, last)
    say_day(coverage, slots, day)


def _asked(series: SeriesByMonth, year: int) -> Any:
    """Return the question for a year of a series, from its first candle that is expected."""
    start = max(dates.start_of(f"{year}-01-01"), ms_of(moment(series.start or "")))
    bounds = {"start": dates.format_start(start), "end": f"{year}-12-31"}
    return lambda api: api.coverage(series.symbol, series.interval, **bounds)


def _sentence(series: SeriesByMonth) -> str:
    parts = [f"{series.percent}% covered", f"{series.stored:,} stored"]
    if series.never_printed:
        parts.append(f"{series.never_printed:,} never printed")
    if series.rejected:
        parts.append(f"{series.rejected:,} wrong at the exchange")
    missing = missing_of(series)
    coming = series.missing - missing
    parts += [f"{coming:,} to come"] if coming else []
    parts += [
        f"**{missing:,} missing**" if missing else "nothing missing",
        f"first {(series.start or '')[:10]}",
    ]
    return " · ".join(parts)


def _chosen_day(series: SeriesByMonth, first: date, last: date) -> date:
    """Return the day that is looked at: the one in the address or clicked, else of the month that lacks most."""
    wanted = st.query_params.get("day")
    if wanted and CHOSEN_DAY not in st.session_state:
        try:
            st.session_state[CHOSEN_DAY] = date.fromisoformat(wanted)
        except ValueError:
            st.warning("**The day in the address is not valid.** Write it like 2025-01-31.")
    day: date | None = st.session_state.get(CHOSEN_DAY)
    if day is None:
        coming = to_come(series)
        lacking = {month.month: month.missing + month.rejected - coming.get(month.month, 0) for month in series.months}
        worst = max(lacking, key=lambda month: lacking[month])
        begins = date.fromisoformat(f"{worst}-01") if lacking[worst] else last
        return min(max(begins, first), last)
    if not first <= day <= last:
        st.warning(
            f"**{day} is outside of what is expected of {plain(series.symbol)}**, {first} to {last}. "
            "The nearest day is shown."
        )
        day = min(max(day, first), last)
    st.session_state[CHOSEN_DAY] = day
    return day


def _first_lacking(slots: Slots, day: date) -> date:
    """Return the first day, from a day on, of which a candle is missing or wrong; the day itself where none is."""
    since = day_window(slots.interval, day).start
    lacking = [window for window in (*slots.missing, *slots.rejected) if window.end > since]
    if not lacking:
        return day
    return slots.interval.moment_of(max(since, min(lacking).start)).date()


def _clickable(figure: Figure, name: str, alt: str) -> None:
    """Draw a chart whose points are days that can be chosen; `alt` says to what the same can be read without it."""
    st.plotly_chart(
        figure,
        config=CHART,
        key=name,
        on_select=lambda: _pick_day(name),
        selection_mode="points",
        width="stretch",
        alt=alt,
    )


def _pick_day(chart: str) -> None:
    data = clicked(chart)
    if data is not None:
        st.session_state[CHOSEN_DAY] = date.fromisoformat(data)


def clicked(chart: str) -> Any:
    """Return what belongs to the point that was clicked; None where one was let go."""
    points = st.session_state[chart]["selection"]["points"]
    return points[0].get("customdata") if points else None


def _month(slots: Slots, series: SeriesByMonth, day: date, first: date, last: date) -> None:
    begins, ends = month_of(day)
    text, pick = st.columns([3, 1], vertical_alignment="bottom")
    lacking = sum(kinds.count(Kind.MISSING) for kinds in slots.kinds_by_day(begins, ends))
    said = f"{lacking:,} missing" if lacking else "nothing missing"
    each = "hour" if slots.interval.slots_a_day > 1 else "day"
    text.markdown(f"**{day:%B %Y}** by the {each} (UTC) · {said}")
    if st.session_state.get("day-input") != day:
        st.session_state["day-input"] = day
    pick.date_input("Day", None, first, last, format="YYYY-MM-DD", key="day-input", on_change=_type_day)
    alt = f"{series.symbol} in {day:%B %Y} by {each}. What the chosen day lacks is listed below."
    _clickable(month_hours(slots, day.year, day.month, day), f"month-{series.symbol}-{series.interval}-{begins}", alt)


def _type_day() -> None:
    if isinstance(day := st.session_state["day-input"], date):
        st.session_state[CHOSEN_DAY] = day
