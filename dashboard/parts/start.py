"""The form that starts a collection: first what it would request, then the start."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import streamlit as st
from candle_collector.answers import Plan, SystemInfo
from candle_collector.domain.interval import Interval, interval_named
from candle_collector.domain.wording import counted

from cli.client import ApiError
from cli.collect.wording import MINUTE, moment, span
from dashboard.loading import Loader
from dashboard.parts.overview import NOTHING
from dashboard.parts.page import after_a_change, commands, plain
from dashboard.problems import Problem, explain

MODES = {
    "backward": "the past, from a first day to a last",
    "forward": "what is new since the newest candle",
    "gap_fill": "what is missing between the candles that are stored",
    "verify": "compare what is stored with the exchange's",
}
EARLIEST = date(2017, 1, 1)
_FILL, _PLANNED = "fill_this", "planned"


@dataclass(frozen=True)
class Planned:
    """A body of the trigger, and what the API said that it would request."""

    body: dict[str, Any]
    plan: Plan


def fill_this(symbol: str, interval: str, start: str, end: str) -> None:
    """Have the form begin with these when it is drawn next."""
    st.session_state[_FILL] = {
        "start-mode": "backward",
        "start-symbols": symbol,
        "start-intervals": [interval],
        "start-from": start,
        "start-to": end,
    }
    st.session_state.pop(_PLANNED, None)


def start_form(loading: Loader, system: SystemInfo) -> None:
    """Offer to start a collection."""
    st.subheader("Start a collection")
    today = moment(system.timestamp).date()
    _begin(system, today)
    with st.container(border=True):
        body = _body(system, today)
        if body is None:
            return
        planned: Planned | None = st.session_state.get(_PLANNED)
        if planned is not None and planned.body != body:
            planned = None
        running = system.collection.state == "running"
        preview, start = st.columns([1, 1], width=340)
        if preview.button("Preview", icon=":material/search:", key="preview", width="stretch"):
            planned = _plan(loading, body)
            st.session_state[_PLANNED] = planned
        nothing = planned is not None and not planned.plan.requests
        hint = (
            "A run is active, and one runs at a time." if running else "Preview it first." if planned is None else None
        )
        if start.button(
            "Start",
            icon=":material/play_arrow:",
            type="primary",
            key="start",
            disabled=planned is None or running or nothing,
            help=hint,
            width="stretch",
        ):
            _start(loading, body)
        if planned is not None:
            _show(planned.plan, is_billed=system.stage != "local")


def _begin(system: SystemInfo, today: date) -> None:
    """Give the fields what they begin with, or what they are to be filled in with."""
    yesterday = (today - timedelta(days=1)).isoformat()
    fields: dict[str, Any] = {
        "start-mode": "backward",
        "start-symbols": "",
        "start-intervals": list(system.settings.intervals),
        "start-from": system.settings.collection_start_date[:10],
        "start-to": yesterday,
    }
    filled = st.session_state.pop(_FILL, {})
    for name, value in (fields | filled).items():
        if name in filled or name not in st.session_state:
            day = name in {"start-from", "start-to"}
            st.session_state[name] = _between(date.fromisoformat(value), today) if day else value


def _body(system: SystemInfo, today: date) -> dict[str, Any] | None:
    """Draw the fields, and return the trigger's body; None where one of them is not valid, which is said."""
    first, fourth, fifth = st.columns([1, 1.4, 0.8])
    second, third = st.columns(2)
    said = "; ".join(f"{name}: {what}" for name, what in MODES.items())
    mode: str = first.selectbox("Mode", list(MODES), key="start-mode", help=said)
    whole = mode in {"backward", "verify"}
    days: dict[str, Any] = {"min_value": EARLIEST, "max_value": today, "format": "YYYY-MM-DD", "disabled": not whole}
    start: date = second.date_input("From", key="start-from", **days)
    end: date = third.date_input("To", key="start-to", **days)
    top = system.settings.top_n_cryptos
    symbols = fourth.text_input(
        "Cryptos",
        placeholder=f"empty: the top {top}" if mode != "verify" else "empty: all that are stored",
        key="start-symbols",
        help="Symbols with commas between them, such as BTCUSDT, ETHUSDT; or a number for so many of the top.",
    )
    kept = list(system.settings.intervals)
    picked = fifth.multiselect(
        "Intervals", list(map(str, Interval)), key="start-intervals", placeholder=", ".join(kept)
    )
    st.caption(f"{mode}: {MODES[mode]}.")
    which = _universe(symbols) | _intervals(picked, kept)
    if not whole:
        return {"mode": mode, **which}
    if end < start:
        st.warning("**To is before From.** Choose a later day.")
        return None
    return {"mode": mode, "start_date": start.isoformat(), "end_date": end.isoformat(), **which}


def _between(day: date, today: date) -> date:
    return min(max(day, EARLIEST), today)


def _universe(text: str) -> dict[str, Any]:
    words = [word for word in re.split(r"[\s,;]+", text.strip()) if word]
    if len(words) == 1 and words[0].isascii() and words[0].isdigit():
        return {"top_n": int(words[0])}
    return {"symbols": words} if words else {}


def _intervals(picked: list[str], kept: list[str]) -> dict[str, Any]:
    """Return the intervals for the trigger, where they are not those that the deployment keeps."""
    return {"intervals": sorted(picked, key=interval_named)} if picked and set(picked) != set(kept) else {}


def _plan(loading: Loader, body: dict[str, Any]) -> Planned | None:
    try:
        with st.spinner("Asking what it would request ..."):
            return Planned(body, loading.api.plan(body))
    except ApiError as error:
        _say(explain(error, loading.connection))
        return None


def _start(loading: Loader, body: dict[str, Any]) -> None:
    try:
        loading.api.trigger(body)
    except ApiError as error:
        _say(explain(error, loading.connection))
        return
    st.session_state.pop(_PLANNED, None)
    after_a_change(loading)
    st.rerun()


def _say(problem: Problem) -> None:
    st.error(f"**{plain(problem.sentence)}** {commands(problem.remedy)}")


def _show(plan: Plan, *, is_billed: bool) -> None:
    verifies = plan.mode == "verify"
    candles, requests, minutes, dollars = st.columns(4)
    candles.metric("Candles to compare" if verifies else "Candles missing", f"{plan.missing_candles:,}")
    requests.metric("Requests", f"{plan.requests:,}")
    minutes.metric("Takes about", span(plan.estimated_minutes * MINUTE) if plan.requests else NOTHING)
    price = f"${plan.estimated_dollars:.4f}"
    dollars.metric(
        "Costs about", price if is_billed else "nothing", help=None if is_billed else f"On AWS it would be {price}."
    )
    if not plan.requests and not verifies:
        st.success(f"Nothing is missing of {counted(plan.total_cryptos, 'crypto')}: nothing is to be started.")
    if plan.note:
        st.caption(plain(plan.note))
    of_many = len({item.interval for item in plan.symbols}) > 1
    with st.expander(f"By crypto ({plan.total_cryptos})"):
        st.dataframe(
            {
                "symbol": [item.symbol for item in plan.symbols],
                **({"interval": [item.interval for item in plan.symbols]} if of_many else {}),
                "candles": [item.missing_candles for item in plan.symbols],
                "requests": [item.requests for item in plan.symbols],
            },
            hide_index=True,
        )
