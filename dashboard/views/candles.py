"""The candles of one crypto, of any interval that the API serves, with what is missing between them."""

from __future__ import annotations

from datetime import date, timedelta

import streamlit as st
from candle_collector.answers import SeriesByMonth, SymbolCoverage
from candle_collector.domain import dates, windows
from candle_collector.domain.aggregate import INTERVAL_HOURS, INTERVALS
from candle_collector.domain.windows import HOUR_MS, Window
from candle_collector.domain.wording import counted

from cli.client import CollectorApi, Kline
from cli.collect.wording import moment
from dashboard.charts.candlesticks import candle_chart, gaps
from dashboard.charts.palette import legend_html
from dashboard.hours import NAMES, NOTHING, Hours, Kind, hours_of
from dashboard.loading import Loader
from dashboard.parts.page import CANDLES, FRESH_SECONDS, choose, footer, loader, months, plain, say_problem, shown

_HOURS = {**INTERVAL_HOURS, "3d": 72, "1w": 168, "1M": 730}
"""How long a candle is, in hours; of a month on average."""
_COUNTS = (100, 200, 500, 1000)
_SHOWN = 200
_LISTED = 8


def main() -> None:
    """Draw the page."""
    loading = loader()
    loaded = months(loading)
    series = {item.symbol: item for item in shown(loaded, loading.connection) if item.stored}
    if not series:
        st.info("**No candle is stored yet.** Start a collection on *Now*.", icon=":material/info:")
        footer(loading.connection, loaded.answered_at)
        return
    first, second, third, fourth = st.columns([1.1, 3, 1, 0.8], vertical_alignment="bottom")
    with first:
        symbol = choose("Crypto", sorted(series), "symbol", default=_default(series))
    interval = _interval(second)
    item = series[symbol]
    since, until = moment(item.start or "").date(), moment(item.last or "").date()
    last = _last_day(third, symbol, since, until)
    count: int = fourth.selectbox("Candles", _COUNTS, index=_COUNTS.index(_SHOWN), key="candles-count")
    _chart(loading, item, interval, last, count)
    footer(loading.connection, loaded.answered_at)


def _default(series: dict[str, SeriesByMonth]) -> str:
    return "BTCUSDT" if "BTCUSDT" in series else min(series)


def _interval(place: st.delta_generator.DeltaGenerator) -> str:
    names = list(INTERVALS)
    wanted = st.query_params.get("interval", "1h")
    if wanted not in names:
        st.warning(f"**There is no such interval.** 1h is shown; the archive has {', '.join(names)}.")
        wanted = "1h"
    picked = place.segmented_control("Interval", names, default=wanted, key="candles-interval") or wanted
    st.query_params["interval"] = picked
    return str(picked)


def _last_day(place: st.delta_generator.DeltaGenerator, symbol: str, since: date, until: date) -> date:
    wanted = st.query_params.get("until")
    day = until
    if wanted:
        try:
            day = date.fromisoformat(wanted)
        except ValueError:
            st.warning("**The day in the address is not valid.** Write it like 2025-01-31.")
    if not since <= day <= until:
        st.warning(
            f"**{day} is outside of what is stored of {plain(symbol)}**, {since} to {until}. The nearest day is shown."
        )
        day = min(max(day, since), until)
    picked = place.date_input("Up to", day, since, until, format="YYYY-MM-DD", key=f"candles-until-{symbol}")
    chosen = picked if isinstance(picked, date) else day
    if chosen != until:
        st.query_params["until"] = chosen.isoformat()
    elif "until" in st.query_params:
        del st.query_params["until"]
    return chosen


def _chart(loading: Loader, item: SeriesByMonth, interval: str, last: date, count: int) -> None:
    hours_each = _HOURS[interval]
    end = min(windows.first_hour_of((last + timedelta(days=1)).isoformat()), windows.hour_of(moment(item.end or "")))
    start = max(windows.hour_of(moment(item.start or "")), end - count * hours_each)
    if interval in INTERVAL_HOURS:  # the longer ones begin where the API says
        start -= start % hours_each
    within = Window(start, end)

    def rows(api: CollectorApi) -> list[Kline]:
        found = api.klines(item.symbol, start_ms=start * HOUR_MS, limit=count + 1, interval=interval)
        return [row for row in found if int(row[0]) < end * HOUR_MS]

    def known(api: CollectorApi) -> SymbolCoverage:
        bounds = max(start, windows.hour_of(moment(item.start or ""))), end - 1
        first, final = (dates.format_hour(hour) for hour in bounds)
        return api.coverage(item.symbol, start=first, end=final)

    name = f"{item.symbol}-{interval}-{start}-{end}"
    candles = loading.load(f"{CANDLES}-{name}", rows, for_seconds=FRESH_SECONDS)
    found = shown(candles, loading.connection)
    covered = loading.load(f"coverage-{name}", known, for_seconds=FRESH_SECONDS)
    if covered.problem is not None and candles.problem is None:
        say_problem(covered.problem, covered.answered_at)
    hours = NOTHING if covered.value is None else hours_of(covered.value)
    if not found:
        st.info("**There is no candle in this range.** Choose another day, or see *Coverage* for why.")
    st.plotly_chart(
        candle_chart(item.symbol, found, hours_each, hours, within),
        config={"displayModeBar": False, "scrollZoom": True},
        key="candles-chart",
        width="stretch",
        alt=f"Candles of {item.symbol}, {interval}, with their volume. Gaps are listed below.",
    )
    _said(item.symbol, interval, len(found), hours, within)


def _said(symbol: str, interval: str, count: int, hours: Hours, within: Window) -> None:
    """Say in words what the chart shows."""
    first, last = windows.moment_of(within.start), windows.moment_of(within.end - 1)
    span = f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
    st.caption(
        f"{counted(count, 'candle')} of {plain(symbol)}, {interval}, {span}. "
        "Hollow and blue: rose; filled and orange: fell. The candle that is running is not a part of the archive."
    )
    found = gaps(hours, within)
    if not found:
        return
    st.html(
        legend_html(
            tuple(
                kind
                for kind in (Kind.TO_COME, Kind.NEVER_PRINTED, Kind.REJECTED, Kind.MISSING)
                if any(k is kind for _, k in found)
            )
        )
    )
    lines = []
    for window, kind in found[:_LISTED]:
        opened, ended = windows.moment_of(window.start), windows.moment_of(window.end - 1)
        lines.append(
            f"{NAMES[kind]}: {opened:%Y-%m-%d %H:%M} to {ended:%Y-%m-%d %H:%M} ({counted(window.hours, 'hour')})"
        )
    rest = len(found) - _LISTED
    st.caption("  \n".join(lines) + (f"  \nand {counted(rest, 'more gap')}" if rest > 0 else ""))


main()
