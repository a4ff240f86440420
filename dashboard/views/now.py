"""How the archive stands now: the sentence, the tiles, the run, the form that starts one, and the runs before."""

from __future__ import annotations

import streamlit as st
from candle_collector.answers import Status, SystemInfo

from dashboard.loading import Loaded, Loader
from dashboard.parts.history import chosen_run, history
from dashboard.parts.overview import is_running, say_health, tiles
from dashboard.parts.page import (
    FRESH_SECONDS,
    STATUS,
    after_a_change,
    footer,
    has_changed,
    loader,
    months,
    say_problem,
    shown,
    system,
)
from dashboard.parts.run import by_crypto, controls, run_bar, say_what_came_of_it
from dashboard.parts.start import start_form
from dashboard.polling import Pace, pace_of
from dashboard.problems import Problem


def main() -> None:
    """Draw the page."""
    loading = loader()
    pace = pace_of(is_local=loading.connection.is_local)
    current = shown(system(loading, for_seconds=pace.system), loading.connection)
    has_changed(loading, current)
    running = is_running(current)
    st.fragment(_overview, run_every=pace.system if running else pace.idle)(loading, pace, was_running=running)
    say_what_came_of_it()
    st.fragment(_run, run_every=pace.run if running else None)(loading, current, pace)
    left, right = st.columns([1, 1], gap="medium")
    with left:
        start_form(loading, current)
    with right:
        history(loading)
    chosen_run(loading)
    footer(loading.connection, system(loading, for_seconds=pace.system).answered_at)


def _overview(loading: Loader, pace: Pace, *, was_running: bool) -> None:
    # a little less than the time between two ticks, so that each tick asks
    loaded = system(loading, for_seconds=(pace.system if was_running else pace.idle) * 0.8)
    current = _kept(loaded, loading, running=was_running)
    if has_changed(loading, current):
        st.rerun()
    say_health(current.health)
    if current.store.symbols:
        covered = months(loading, for_seconds=pace.months if was_running else None)
        if covered.problem is not None and loaded.problem is None:
            say_problem(covered.problem, covered.answered_at)
        tiles(current, covered)
    else:
        tiles(current, None)


def _kept(loaded: Loaded[SystemInfo], loading: Loader, *, running: bool) -> SystemInfo:
    """Return the last good answer, after saying that it is old where it is."""
    if loaded.problem is not None and loaded.value is not None:
        more = _goes_on(loaded.problem, loading) if running else ""
        say_problem(loaded.problem, loaded.answered_at, more)
        return loaded.value
    return shown(loaded, loading.connection)


def _goes_on(problem: Problem, loading: Loader) -> str:
    if problem.is_down and loading.connection.is_local:
        return " **The run goes on as soon as the archive is there again; what it stored is safe.**"
    return " **The run goes on: it does not need this page.**"


def _run(loading: Loader, current: SystemInfo, pace: Pace) -> None:
    running = is_running(current)
    st.subheader("Run" if running else "Last run")
    newest = current.collection.last_run
    if newest is None:
        st.caption("No run yet.")
        return
    name = f"{STATUS}-{newest.run_id}-{'running' if running else newest.ended_at}"
    loaded: Loaded[Status] = loading.load(
        name, lambda api: api.status(newest.run_id, windows=0), for_seconds=pace.run * 0.8 if running else FRESH_SECONDS
    )
    status = loaded.value
    if loaded.problem is not None and loaded.value is not None and running:
        say_problem(loaded.problem, loaded.answered_at, _goes_on(loaded.problem, loading))
    if status is None or status.last_results is None:
        return
    if running and not status.is_running:
        after_a_change(loading)
        st.rerun()
    run_bar(status)
    by_crypto(status.last_results, waiting=status.waiting_for_exchange_until is not None)
    controls(loading, status)


main()
