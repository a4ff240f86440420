"""How complete the archive is: every crypto by month, the least covered first; one crypto by day and by hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import streamlit as st
from candle_collector.answers import SeriesByMonth

from dashboard.charts.matrix import months_matrix
from dashboard.charts.palette import LEGEND, legend_html
from dashboard.parts.page import COVERAGE, choose, choose_interval, footer, loader, months, shown
from dashboard.parts.series import CHART, CHOSEN_DAY, clicked, show_series
from dashboard.slots import missing_of

_ONE, _EVERY, _VIEW = "One crypto", "All by month", "coverage-view"
_LIST_ROWS = 12


def main() -> None:
    """Draw the page."""
    loading = loader()
    loaded = months(loading)
    found = shown(loaded, loading.connection)
    series = sorted(found, key=_least_first)
    stored = [item for item in series if item.expected]
    if not stored:
        st.info("**Nothing is stored yet.** Start a collection on *Now*.", icon=":material/info:")
        footer(loading.connection, loaded.answered_at)
        return
    views = (_ONE, _EVERY)
    head, pick = st.columns([5, 1], vertical_alignment="bottom")
    view = head.segmented_control("View", views, default=_ONE, key=_VIEW, label_visibility="collapsed") or _ONE
    with pick:
        interval = choose_interval(item.interval for item in stored)
    stored = [item for item in stored if item.interval == interval]
    if view == _EVERY:
        _matrix(stored)
    else:
        left, right = st.columns([1, 2.3], gap="medium")
        with left:
            chosen = _list(stored)
        with right:
            show_series(loading, chosen)
    again, _ = st.columns([1, 5])
    if again.button("Look again", icon=":material/refresh:", key="look-again"):
        loading.forget("months", COVERAGE)
        st.rerun()
    footer(loading.connection, loaded.answered_at)


def _least_first(item: SeriesByMonth) -> tuple[float, str]:
    return (101.0 if item.percent is None else item.percent, item.symbol)


def _list(series: Sequence[SeriesByMonth]) -> SeriesByMonth:
    symbols = [item.symbol for item in series]
    symbol = choose("Crypto", symbols, "symbol", default=symbols[0], help="The least covered first.")
    st.dataframe(
        {
            "symbol": symbols,
            "covered": [item.percent for item in series],
            "missing": [missing_of(item) for item in series],
        },
        hide_index=True,
        height=36 * (min(len(series), _LIST_ROWS) + 1) + 2,
        column_config={
            "covered": st.column_config.ProgressColumn(
                width=110, format="%.2f%%", min_value=0, max_value=100, color="#0072B2"
            ),
            "missing": st.column_config.NumberColumn(format="localized"),
        },
        key="coverage-list",
        selection_mode="single-row",
        on_select=lambda: _pick_row(symbols),
    )
    st.caption("The least covered first. Choose a row, or a name above.")
    return series[symbols.index(symbol)]


def _pick_row(symbols: Sequence[str]) -> None:
    rows = st.session_state["coverage-list"]["selection"]["rows"]
    if rows:
        st.session_state["chosen_symbol"] = symbols[rows[0]]
        # of another crypto the day to look at is another one
        st.session_state.pop(CHOSEN_DAY, None)
        st.query_params.pop("day", None)


def _matrix(series: Sequence[SeriesByMonth]) -> None:
    st.html(legend_html(LEGEND))
    incomplete = [item for item in series if missing_of(item) or item.rejected]
    with st.container(key="months-matrix"):
        st.plotly_chart(
            months_matrix(series),
            config=CHART,
            key="matrix",
            on_select=_pick_month,
            selection_mode="points",
            width="stretch",
            alt="All cryptos by month. What they lack is listed below.",
        )
    st.caption(
        f"{len(series)} series, the least covered first; {len(incomplete)} of them incomplete. "
        "A month has the mark of its worst candle; clicking a mark opens its crypto and month."
    )
    if incomplete:
        names = ", ".join(f"{item.symbol} {missing_of(item) + item.rejected:,}" for item in incomplete[:12])
        st.caption(f"Missing, or wrong at the exchange: {names}{' and more' if len(incomplete) > 12 else ''}.")  # noqa: PLR2004 - what fits a line


def _pick_month() -> None:
    data = clicked("matrix")
    if data is not None:
        symbol, month = data
        st.session_state["chosen_symbol"] = symbol
        st.session_state[CHOSEN_DAY] = date.fromisoformat(f"{month}-01")
        st.session_state[_VIEW] = _ONE


main()
