"""Whether all is well, part by part, and how the archive is set up."""

from __future__ import annotations

from dataclasses import fields
from typing import NamedTuple

import streamlit as st
from candle_collector.answers import SystemInfo
from candle_collector.domain.wording import counted

from cli.collect.wording import moment
from dashboard.parts.history import outcome
from dashboard.parts.overview import days_stored, say_health
from dashboard.parts.page import footer, loader, other_archive, shown, system
from dashboard.polling import pace_of


class Check(NamedTuple):
    """One part, whether it is well (None where that cannot be said), and what there is to know."""

    part: str
    is_well: bool | None
    said: str


def main() -> None:
    """Draw the page."""
    loading = loader()
    every = pace_of(is_local=loading.connection.is_local).idle

    def live() -> None:
        loaded = system(loading, for_seconds=every * 0.8)
        current = shown(loaded, loading.connection)
        say_health(current.health)
        checks = checks_of(current)
        st.dataframe(
            {
                "part": [check.part for check in checks],
                "state": [{True: "✓ well", False: "✗ look", None: "·"}[check.is_well] for check in checks],
                "what is known": [check.said for check in checks],
            },
            hide_index=True,
            column_config={"what is known": st.column_config.TextColumn(width="large")},
        )
        if loaded.problem is None or not loaded.problem.is_key:
            other_archive(loading.connection)
        _settings(current)
        footer(loading.connection, loaded.answered_at)

    st.fragment(live, run_every=every)()


def checks_of(current: SystemInfo) -> list[Check]:
    """Return what can be said of each part."""
    exchange, store, collection = current.exchange, current.store, current.collection
    last = collection.last_run
    blocked = exchange.blocked_until
    used = f", {exchange.used_weight:,} of {exchange.weight_limit:,} weight used" if exchange.weight_limit else ""
    reached = f"{exchange.base_url} answers{used}" if exchange.reachable else f"{exchange.base_url} does not answer"
    why = f": {exchange.blocked_reason}" if exchange.blocked_reason else ""
    waits = (
        f"{exchange.base_url} wants no requests until {moment(blocked):%Y-%m-%d %H:%M} UTC{why}" if blocked else reached
    )
    series = f" in {store.series} series" if store.series != store.symbols else ""
    held = f"{store.candles:,} candles of {counted(store.symbols, 'crypto')}{series}, {days_stored(current)}"
    lag = store.lag_hours
    newest = "none" if store.latest_candle is None else f"{moment(store.latest_candle):%Y-%m-%d %H:%M} UTC"
    behind = "" if lag is None else ", up to date" if lag == 0 else f", {counted(lag, 'hour')} behind"
    schedules = current.settings.schedules_enabled
    following = [
        f"{name} {moment(due):%Y-%m-%d %H:%M} UTC"
        for name, due in (("next run", collection.next_scheduled), ("next gap_fill", collection.next_gap_fill))
        if due is not None
    ]
    return [
        Check("API", is_well=True, said=f"version {current.version}, stage {current.stage}"),
        Check("exchange", blocked is None and exchange.reachable, waits),
        Check("candles", None if not store.symbols else True, held if store.symbols else "nothing is stored yet"),
        Check("newest candle", True if lag == 0 else None, f"{newest}{behind}"),
        Check("last run", _went_well(current), f"{last.mode}, {outcome(last)}" if last else "no run yet"),
        Check("schedule", None, ", ".join(following) or ("on" if schedules else "off: nothing starts by itself")),
    ]


def _went_well(current: SystemInfo) -> bool | None:
    last = current.collection.last_run
    if last is None or last.state != "ended":
        return None
    return not last.failed and not last.partial and last.end_reason is None


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _settings(current: SystemInfo) -> None:
    with st.expander("How it is set up"):
        st.dataframe(
            [
                {"setting": field.name.replace("_", " "), "value": _said(getattr(current.settings, field.name))}
                for field in fields(current.settings)
            ],
            hide_index=True,
        )


main()
