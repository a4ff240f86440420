"""What every page begins with: the archive it shows, and what stands in its place while nothing can be shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NoReturn, TypeVar

import streamlit as st
from candle_collector.answers import SeriesByMonth, SystemInfo
from candle_collector.domain.interval import HOUR, interval_named

from background.progress import as_typed
from cli.client import CollectorApi
from dashboard.connection import Connection, find_connection, forget_typed, keep_typed
from dashboard.loading import Loaded, Loader
from dashboard.problems import Problem

Value = TypeVar("Value")
SYSTEM, MONTHS, STATUS, RUNS, COVERAGE, CANDLES = "system", "months", "status", "runs", "coverage", "candles"
"""Under which names answers are kept."""

_SEEN = "seen_run"
FRESH_SECONDS = 6 * 3600.0
"""For how long an answer that only a run changes is kept; the end of a run has it asked for again."""


def loader() -> Loader:
    """Return what asks the archive that is meant; without one, say how to get it, and end the page."""
    connection = find_connection(st.session_state)
    if connection is None:
        st.error(as_typed("**Nothing runs on this machine.** Start it with `make up`; this page goes on by itself."))
        other_archive(None)
        _look_again()
        _end()
    return Loader(connection, st.session_state)


def shown(loaded: Loaded[Value], connection: Connection) -> Value:
    """Return an answer after saying what is wrong with it; where there never was one, end the page there."""
    if loaded.problem is not None:
        say_problem(loaded.problem, loaded.answered_at)
        if loaded.problem.is_key:
            other_archive(connection, "key-form", expanded=True)
    if loaded.value is None:
        if loaded.problem is not None and not loaded.problem.is_key:
            _look_again()
        _end()
    return loaded.value


def say_problem(problem: Problem, answered_at: datetime | None, more: str = "") -> None:
    """Say what is wrong, what to do, and how old what is shown is."""
    old = f" What you see is of **{answered_at:%Y-%m-%d %H:%M:%S} UTC** and may have changed." if answered_at else ""
    text = f"**{plain(problem.sentence)}** {commands(problem.remedy)}{more}{old}"
    (st.warning if answered_at else st.error)(text, icon=":material/cloud_off:")


def system(loading: Loader, *, for_seconds: float) -> Loaded[SystemInfo]:
    """Return the state of the archive."""
    return loading.load(SYSTEM, CollectorApi.system_info, for_seconds=for_seconds)


def months(loading: Loader, *, for_seconds: float | None = None) -> Loaded[list[SeriesByMonth]]:
    """Return the coverage of all series by month, which reads more than other answers: not often."""
    return loading.load(MONTHS, CollectorApi.coverage_by_month, for_seconds=for_seconds or FRESH_SECONDS)


def after_a_change(loading: Loader) -> None:
    """Ask again whether a run is active, at the next look."""
    loading.forget(SYSTEM, STATUS)


def has_changed(loading: Loader, current: SystemInfo) -> bool:
    """Return whether a run began or ended since the last look; what that changes is then asked for again."""
    newest = current.collection.last_run
    seen = (current.collection.state, newest and newest.run_id)
    before = st.session_state.get(_SEEN, seen)
    st.session_state[_SEEN] = seen
    if before == seen:
        return False
    loading.forget(STATUS, RUNS)
    if current.collection.state == "idle":  # what was stored meanwhile is all there
        loading.forget(MONTHS, COVERAGE, CANDLES)
    return True


def other_archive(connection: Connection | None, key: str = "other-archive", *, expanded: bool = False) -> None:
    """Offer to look at another archive, or with another key."""
    with (
        st.expander("Another archive, or another key", expanded=expanded),
        st.form(key, clear_on_submit=True, border=False),
    ):
        url = st.text_input("Address of the API", value=connection.url if connection else "", key=f"{key}-url")
        typed = st.text_input("Key", type="password", key=f"{key}-key", help="It stays in this session's memory.")
        if st.form_submit_button("Use it"):
            wrong = keep_typed(st.session_state, url, typed)
            if wrong is None:
                st.rerun()
            st.error(wrong)
    if (
        connection is not None
        and connection.source == "typed"
        and st.button("Back to this machine's archive", key=f"{key}-back")
    ):
        forget_typed(st.session_state)
        st.rerun()


def choose(label: str, options: Sequence[str], name: str, *, default: str, **how: Any) -> str:
    """Offer a choice that is the same on every page, and in the address: ``?symbol=BTCUSDT``.

    A choice in the address that there is not is said, and the default is taken.
    """
    kept = f"chosen_{name}"
    if name in st.query_params and kept not in st.session_state:
        wanted = st.query_params[name]
        if wanted in options:
            st.session_state[kept] = wanted
        else:
            st.session_state[kept] = default
            st.session_state[f"unknown_{name}"] = wanted
    if st.session_state.get(kept) not in options:
        st.session_state[kept] = default
    unknown = st.session_state.pop(f"unknown_{name}", None)
    if unknown is not None:
        wanted = "".join(letter for letter in unknown[:20] if letter.isalnum() or letter in "-_.:/") or "that"
        st.warning(
            f"**Nothing is stored of {wanted}.** {default} is shown; choose another one, or collect it on *Now*."
        )
    picked: str = st.selectbox(label, options, index=list(options).index(st.session_state[kept]), **how)
    st.session_state[kept] = picked
    st.query_params[name] = picked
    return picked


def choose_interval(stored: Iterable[str]) -> str:
    """Return the stored interval to look at: where there are several, by a choice as `choose` offers it."""
    names = sorted(set(stored), key=interval_named)
    return names[0] if len(names) == 1 else choose("Interval", names, "interval", default=_usual(names))


def _usual(names: Sequence[str]) -> str:
    return str(HOUR) if str(HOUR) in names else names[-1]


def plain(text: str) -> str:
    """Return a text of the API or the exchange so that Markdown shows it as it is."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>#$|~:" else letter for letter in text)


def commands(text: str) -> str:
    """Return a text of ours, in which commands stand between backquotes, for Markdown."""
    parts = text.split("`")
    return "".join(f"`{part}`" if number % 2 else plain(part) for number, part in enumerate(parts))


def _end() -> NoReturn:
    """End the page here."""
    st.stop()
    raise AssertionError("Streamlit goes on with a page that was ended")


def _look_again() -> None:
    """Run the page again in some seconds."""
    st.fragment(_rerun_when_due, run_every=5)()


def _rerun_when_due() -> None:
    if st.session_state.pop("looked_again", False):
        st.rerun()
    st.session_state["looked_again"] = True


def footer(connection: Connection, answered_at: datetime | None) -> None:
    """Say whose numbers these are."""
    when = f" · answered {answered_at:%H:%M:%S} UTC" if answered_at else ""
    st.caption(f"{plain(connection.url)} · key: {plain(connection.source)}{when} · all times are UTC")
