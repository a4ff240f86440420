"""The runs so far; choosing one shows what became of each of its cryptos."""

from __future__ import annotations

import streamlit as st
from candle_collector.answers import RunLine, Runs

from cli.client import CollectorApi
from cli.collect.wording import moment, span
from dashboard.loading import Loader
from dashboard.parts.page import FRESH_SECONDS, RUNS, STATUS, say_problem
from dashboard.parts.run import by_crypto, missing_windows, run_bar

_SHOWN = 20
_CHOSEN = "run_shown"


def history(loading: Loader) -> None:
    """Show the runs, newest first."""
    st.subheader("Runs")
    loaded = loading.load(RUNS, lambda api: CollectorApi.runs(api, limit=_SHOWN), for_seconds=FRESH_SECONDS)
    if loaded.problem is not None:
        say_problem(loaded.problem, loaded.answered_at)
    if loaded.value is None or not loaded.value.runs:
        st.caption("No run yet.")
        return
    _table(loaded.value)


def _table(found: Runs) -> None:
    runs = list(found.runs)
    st.dataframe(
        {
            "started": [f"{moment(run.created_at):%m-%d %H:%M}" for run in runs],
            "mode": [run.mode for run in runs],
            "outcome": [outcome(run) for run in runs],
            "candles": [run.total_records for run in runs],
            "took": [_took(run) for run in runs],
        },
        hide_index=True,
        placeholder="",
        alt="The runs, newest first.",
        height=36 * (min(len(runs), 8) + 1) + 2,
        column_config={"candles": st.column_config.NumberColumn(format="localized")},
    )
    names = {run.run_id: f"{moment(run.created_at):%Y-%m-%d %H:%M} {run.mode}, {outcome(run)}" for run in runs}
    st.selectbox(
        "Details of a run",
        list(names),
        index=None,
        placeholder="choose one",
        format_func=lambda run_id: names[run_id],
        key=_CHOSEN,
    )


def chosen_run(loading: Loader) -> None:
    """Show the run that was chosen, with what is missing and why."""
    run_id = st.session_state.get(_CHOSEN)
    if run_id is None:
        return
    loaded = loading.load(f"{STATUS}-whole-{run_id}", lambda api: api.status(run_id), for_seconds=FRESH_SECONDS)
    if loaded.problem is not None:
        say_problem(loaded.problem, loaded.answered_at)
    if loaded.value is None or loaded.value.last_results is None:
        return
    with st.container(border=True):
        st.markdown(f"**Run {run_id}**")
        run_bar(loaded.value)
        by_crypto(loaded.value.last_results)
        missing_windows(loaded.value.last_results)


def outcome(run: RunLine) -> str:
    """Write how a run ended: `✗ 1 failed, 2 partial`, `✓ complete`; with why, where it was ended early."""
    if run.state != "ended":
        return "▸ running"
    bad = [f"{number} {name}" for name, number in (("failed", run.failed), ("partial", run.partial)) if number]
    mark = "✗" if run.failed else "!"
    text = f"{mark} {', '.join(bad)}" if bad else "✓ complete" if run.complete else "✓ nothing new"
    return f"{text} ({run.end_reason})" if run.end_reason else text


def _took(run: RunLine) -> str:
    if run.ended_at is None:
        return ""
    return span((moment(run.ended_at) - moment(run.created_at)).total_seconds())
