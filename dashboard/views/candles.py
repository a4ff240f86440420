"""The candles of one crypto, of any interval that the API serves, with what is missing between them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import streamlit as st
from candle_collector.answers import SeriesByMonth, SymbolCoverage
from candle_collector.domain import dates
from candle_collector.domain.aggregate import INTERVALS, LENGTHS_MS, bases_of
from candle_collector.domain.interval import DAY_MS, HOUR_MS, interval_named, ms_of
from candle_collector.domain.windows import Window
from candle_collector.domain.wording import counted

from cli.client import CollectorApi, Kline
from cli.collect.wording import moment
from dashboard.charts.candlesticks import candle_chart, gaps
from dashboard.charts.palette import legend_html
from dashboard.loading import Loader
from dashboard.parts.page import CANDLES, FRESH_SECONDS, choose, footer, loader, months, plain, say_problem, shown
from dashboard.slots import NAMES, Kind, Slots, slots_of

_LENGTHS_MS = {**LENGTHS_MS, "3d": 3 * DAY_MS, "1w": 7 * DAY_MS, "1M": 730 * HOUR_MS}
"""How long a candle is; of a month on average."""
_USUAL = "1h"
_COUNTS = (100, 200, 500, 1000)
_SHOWN = 200
_LISTED = 8


def main() -> None:
    """Draw the page."""
    loading = loader()
    loaded = months(loading)
    stored = [item for item in shown(loaded, loading.connection) if item.stored]
    if not stored:
        st.info("**No candle is stored yet.** Start a collection on *Now*.", icon=":material/info:")
        footer(loading.connection, loaded.answered_at)
        return
    first, second, third, fourth = st.columns([1.1, 3, 1, 0.8], vertical_alignment="bottom")
    symbols = sorted({item.symbol for item in stored})
    with first:
        symbol = choose("Crypto", symbols, "symbol", default="BTCUSDT" if "BTCUSDT" in symbols else symbols[0])
    made_of = _made_of([item for item in stored if item.symbol == symbol])
    interval = _interval(second, list(made_of))
    item = made_of[interval]
    since, until = moment(item.start or "").date(), moment(item.last or "").date()
    last = _last_day(third, symbol, since, until)
    count: int = fourth.selectbox("Candles", _COUNTS, index=_COUNTS.index(_SHOWN), key="candles-count")
    _chart(loading, item, interval, last, count)
    footer(loading.connection, loaded.answered_at)


def _made_of(stored: Sequence[SeriesByMonth]) -> dict[str, SeriesByMonth]:
    """Return the intervals that can be read of a crypto, each with the stored series that its candles are made of."""
    by_name = {item.interval: item for item in stored}
    found = {name: [by_name[str(base)] for base in bases_of(name) if str(base) in by_name] for name in INTERVALS}
    return {name: series[0] for name, series in found.items() if series}


def _interval(place: st.delta_generator.DeltaGenerator, names: list[str]) -> str:
    usual = _USUAL if _USUAL in names else names[0]
    wanted = st.query_params.get("interval", usual)
    if wanted not in names:
        st.warning(f"**There is no such interval.** {usual} is shown; the archive has {', '.join(names)}.")
        wanted = usual
    picked = place.segmented_control("Interval", names, default=wanted, key=f"candles-interval-{names[0]}") or wanted
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
    base, length_ms = interval_named(item.interval), _LENGTHS_MS[interval]
    first_ms, expected_ms = (ms_of(moment(text or "")) for text in (item.start, item.end))
    end_ms = min(dates.end_of(last.isoformat()), expected_ms)
    start_ms = max(first_ms, end_ms - count * length_ms)
    if interval in LENGTHS_MS:  # the longer ones begin where the API says
        start_ms -= start_ms % length_ms
    within = base.slots_within(Window(start_ms, end_ms))

    def rows(api: CollectorApi) -> list[Kline]:
        found = api.klines(item.symbol, start_ms=start_ms, limit=count + 1, interval=interval)
        return [row for row in found if int(row[0]) < end_ms]

    def known(api: CollectorApi) -> SymbolCoverage:
        bounds = {"start": dates.format_ms(max(start_ms, first_ms)), "end": base.format(within.end - 1)}
        return api.coverage(item.symbol, item.interval, **bounds)

    name = f"{item.symbol}-{interval}-{start_ms}-{end_ms}"
    candles = loading.load(f"{CANDLES}-{name}", rows, for_seconds=FRESH_SECONDS)
    found = shown(candles, loading.connection)
    covered = loading.load(f"coverage-{name}", known, for_seconds=FRESH_SECONDS)
    if covered.problem is not None and candles.problem is None:
        say_problem(covered.problem, covered.answered_at)
    slots = Slots(base) if covered.value is None else slots_of(covered.value)
    if not found:
        st.info("**There is no candle in this range.** Choose another day, or see *Coverage* for why.")
    st.plotly_chart(
        candle_chart(item.symbol, found, length_ms, slots, within),
        config={"displayModeBar": False, "scrollZoom": True},
        key="candles-chart",
        width="stretch",
        alt=f"Candles of {item.symbol}, {interval}, with their volume. Gaps are listed below.",
    )
    _said(item.symbol, interval, len(found), slots, within)


def _said(symbol: str, interval: str, count: int, slots: Slots, within: Window) -> None:
    """Say in words what the chart shows."""
    base = slots.interval
    first, last = base.moment_of(within.start), base.moment_of(within.end - 1)
    span = f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
    st.caption(
        f"{counted(count, 'candle')} of {plain(symbol)}, {interval}, {span}. "
        "Hollow and blue: rose; filled and orange: fell. The candle that is running is not a part of the archive."
    )
    found = gaps(slots, within)
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
    of = "" if str(base) == interval else f" of {base}"
    lines = []
    for window, kind in found[:_LISTED]:
        opened, ended = base.moment_of(window.start), base.moment_of(window.end - 1)
        lacking = f"{counted(window.slots, 'candle')}{of}"
        lines.append(f"{NAMES[kind]}: {opened:%Y-%m-%d %H:%M} to {ended:%Y-%m-%d %H:%M} ({lacking})")
    rest = len(found) - _LISTED
    st.caption("  \n".join(lines) + (f"  \nand {counted(rest, 'more gap')}" if rest > 0 else ""))


main()
