"""The first sentence, which the API writes, and five tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import streamlit as st
from candle_collector.answers import HealthInfo, SeriesByMonth, SystemInfo
from candle_collector.domain.interval import DAY_MS, HOUR_MS
from candle_collector.domain.wording import counted

from cli.collect.wording import moment
from dashboard.loading import Loaded
from dashboard.parts.page import plain
from dashboard.slots import missing_of

NOTHING = "-"
_DAYS_FROM_H = 72
HOURS_A_DAY = DAY_MS // HOUR_MS
_COUNTED = "Candles to come are newer than a crypto's newest candle: the next run brings them."
_STYLES: Mapping[str, tuple[Callable[..., Any], str]] = {
    "ok": (st.success, ":material/check_circle:"),
    "empty": (st.info, ":material/info:"),
    "running": (st.info, ":material/progress_activity:"),
    "waiting": (st.warning, ":material/hourglass_top:"),
    "needs_you": (st.error, ":material/warning:"),
}


def say_health(health: HealthInfo) -> None:
    """Say how things stand and what to do, in the API's words."""
    say, icon = _STYLES.get(health.state, _STYLES["empty"])
    remedy = f" {plain(health.remedy)}" if health.remedy else ""
    say(f"**{plain(health.sentence)}**{remedy}", icon=icon)


def tiles(system: SystemInfo, months: Loaded[list[SeriesByMonth]] | None) -> None:
    """Show coverage, missing candles, the newest candle, what is stored, and the exchange.

    Parameters
    ----------
    months
        The coverage by month, which is asked for when a run has ended: the tiles say as of when it is.
    """
    series = months.value if months and months.value is not None else None
    at = f"{months.answered_at:%H:%M}" if months and months.answered_at else ""
    asked_at = f"As of {at} UTC." if at else ""
    coverage, missing, newest, stored, exchange = st.columns(5)
    expected = sum(item.expected for item in series or ())
    lacking = sum(item.missing for item in series or ())
    rejected = sum(item.rejected for item in series or ())
    holes = [missing_of(item) for item in series or ()]
    with coverage:
        text = f"{_rounded_down(expected - lacking - rejected, expected)}%" if expected else NOTHING
        of = (f"at {at} UTC" if is_running(system) else f"of {expected:,} candles") if expected else None
        explained = (
            "What is stored, or was never printed by the exchange, of the candles since each crypto's first one."
        )
        _tile("Coverage", text, of, help_text=f"{explained} {asked_at}")
    with missing:
        where = f"in {counted(_cryptos(series or ()), 'crypto')}" if sum(holes) else "none"
        coming = f"{lacking - sum(holes):,} to come"
        detail = f"{where}, {coming}" if lacking > sum(holes) else where
        total = f"{sum(holes):,}" if expected else NOTHING
        _tile("Missing candles", total, detail if expected else None, help_text=f"{_COUNTED} {asked_at}")
    with newest:
        _tile("Newest candle", *_newest(system))
    with stored:
        _tile("Candles stored", f"{system.store.candles:,}", counted(system.store.symbols, "crypto"))
    with exchange:
        _tile("Exchange", *_exchange(system))


def _cryptos(series: Iterable[SeriesByMonth]) -> int:
    """Return how many cryptos lack candles, of whatever interval."""
    return len({item.symbol for item in series if missing_of(item)})


def _newest(system: SystemInfo) -> tuple[str, str | None]:
    if system.store.latest_candle is None or system.store.lag_hours is None:
        return NOTHING, None
    opened = moment(system.store.latest_candle)
    lag = system.store.lag_hours
    behind = f"{lag} h behind" if lag < _DAYS_FROM_H else f"{lag // HOURS_A_DAY:,} days behind"
    return ("up to date" if lag == 0 else behind), f"{opened:%Y-%m-%d %H:%M}"


def _exchange(system: SystemInfo) -> tuple[str, str | None]:
    exchange = system.exchange
    if exchange.blocked_until is not None:
        return "blocked", f"until {moment(exchange.blocked_until):%m-%d %H:%M}"
    if not exchange.reachable:
        return "no answer", None
    if exchange.weight_limit is None:
        return "reachable", None
    return "reachable", f"{exchange.used_weight:,} of {exchange.weight_limit:,} weight"


def _tile(label: str, value: str, detail: str | None, help_text: str | None = None) -> None:
    # the grey label below a figure is Streamlit's delta, without an arrow and a judgement
    st.metric(label, value, detail, delta_color="off", delta_arrow="off", border=True, help=help_text, height="stretch")


def _rounded_down(part: int, whole: int) -> str:
    """Write a share in percent: 100 is said of nothing less."""
    return "100" if part == whole else f"{part * 10_000 // whole / 100:.2f}"


def is_running(system: SystemInfo) -> bool:
    """Whether a run is active."""
    return system.collection.state == "running"


def days_stored(system: SystemInfo) -> str | None:
    """Write from when to when candles are stored; None where nothing is."""
    first, last = system.store.first_candle, system.store.latest_candle
    return f"{first[:10]} to {last[:10]}" if first and last else None
