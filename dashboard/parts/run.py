"""The run: its bar, what becomes of each crypto, and what can be done about it."""

from __future__ import annotations

from typing import Literal, NamedTuple

import streamlit as st
from candle_collector.answers import OutcomeName, Results, Status, SymbolResult
from candle_collector.domain.interval import interval_named
from candle_collector.domain.wording import counted

from cli.client import ApiError
from cli.collect.wording import (
    Speed,
    having,
    length_of_run,
    moment,
    part_done,
    reason,
    seconds_of,
    share_done,
    span,
    states,
    windows,
)
from dashboard.loading import Loader
from dashboard.parts.page import after_a_change, commands, plain
from dashboard.problems import explain

ORDER: tuple[OutcomeName, ...] = ("failed", "partial", "running", "pending", "complete", "skipped")
MARKS = {
    "failed": "✗ failed",
    "partial": "! partial",
    "running": "▸ running",
    "pending": "· pending",
    "complete": "✓ complete",
    "skipped": "✓ skipped",
}
_ROWS_SHOWN, _NAMED = 8, 20


def run_bar(status: Status) -> None:
    """Show how far a run is, how fast it goes, and what it waits for."""
    results, progress = status.last_results, status.progress
    if results is None or progress is None:
        st.caption("No run yet.")
        return
    share = share_done(results) if status.is_running else 1.0
    st.markdown(f"**{plain(results.mode)}** · {_days(results)} · {_headline(status, results)}")
    if status.is_running:
        st.progress(share, text=f"{progress.done} of {progress.total} series done, {share:.0%} of the candles")
    if status.waiting_for_exchange_until:
        until = moment(status.waiting_for_exchange_until)
        st.warning(
            f"**Waits for the exchange until {until:%H:%M:%S} UTC**, and goes on by itself.",
            icon=":material/hourglass_top:",
        )
    if results.end_reason:
        st.warning(
            f"**Ended early: {plain(results.end_reason)}.** What it stored stays.", icon=":material/stop_circle:"
        )
    if results.note:
        st.caption(plain(results.note))


def _headline(status: Status, results: Results) -> str:
    seconds = seconds_of(status)
    parts = [counted(results.total_records, "candle")]
    if status.is_running:
        pace, left = _speed(status)
        parts += [f"{pace:,.0f} a second"] if pace else []
        parts += [f"about {span(left)} left"] if left and not status.waiting_for_exchange_until else []
    elif seconds is not None:
        parts.append(f"took {span(seconds)}")
    if not status.is_running:
        parts.append(outcomes(results))
    return " · ".join(parts)


def _speed(status: Status) -> tuple[float | None, float | None]:
    """Return candles a second and the seconds left, by what this session has seen of the run."""
    name = f"speed_{status.run_id}"
    speed: Speed = st.session_state.setdefault(name, Speed())
    return speed.after(status)


def outcomes(results: Results) -> str:
    """Write how a run ended, the bad first: `✗ 1 failed, ! 2 partial, ✓ 17 complete`."""
    counts = sorted((ORDER.index(name), number, name) for number, name in states(results))
    return ", ".join(f"{MARKS[name].split()[0]} {number} {name}" for _, number, name in counts)


def _days(results: Results) -> str:
    start, end = results.start_date[:10], results.end_date[:10]
    return start if start == end else f"{start} to {end}"


def by_crypto(results: Results, *, waiting: bool = False) -> None:
    """Show a row for each series: what failed first, then what is at work."""
    verifies = results.mode == "verify"
    length = length_of_run(results)
    rows = sorted(results.details, key=lambda item: (ORDER.index(item.status), -item.retries, item.symbol))
    of_many = len({item.interval for item in rows}) > 1
    st.dataframe(
        {
            "symbol": [item.symbol for item in rows],
            **({"interval": [item.interval for item in rows]} if of_many else {}),
            "status": [MARKS[item.status] for item in rows],
            "progress": [100 * _share(item, length) for item in rows],
            "candles": [item.records for item in rows],
            "missing": [_missing(item) for item in rows],
            "requests": [item.requests for item in rows],
            "retries": [item.retries for item in rows],
            "why": [_why(item, waiting=waiting) for item in rows],
            **({"differ": [item.different for item in rows]} if verifies else {}),
        },
        hide_index=True,
        placeholder="",
        alt="What became of each crypto, what failed first.",
        height=36 * (min(len(rows), _ROWS_SHOWN) + 1) + 2,
        column_config={
            "symbol": st.column_config.TextColumn(width=120),
            "status": st.column_config.TextColumn(width=105),
            "progress": st.column_config.ProgressColumn(
                width=190, format="%d%%", min_value=0, max_value=100, color="#0072B2"
            ),
            "candles": st.column_config.NumberColumn(width=90, format="localized"),
            "missing": st.column_config.NumberColumn(
                width=90, format="localized", help="Candles of the run that are not stored yet"
            ),
            "requests": st.column_config.NumberColumn(width=85),
            "retries": st.column_config.NumberColumn(width=75, help="Requests that had to be repeated"),
            "why": st.column_config.TextColumn(width="large"),
        },
    )


def _share(item: SymbolResult, length_ms: int) -> float:
    """Return how much of its candles a series has: of one that has ended, what is not missing."""
    if item.status in {"failed", "partial"}:
        wanted = item.wanted_candles or length_ms // interval_named(item.interval).length_ms
        return 1 - min(1.0, item.missing_candles / max(1, wanted))
    return part_done(item, length_ms)


def _missing(item: SymbolResult) -> int | None:
    """Return how many candles are missing: while it is at work, those that it came for and has not stored."""
    if item.status in {"pending", "running"}:
        return None if item.wanted_candles is None else max(0, item.wanted_candles - item.records)
    return item.missing_candles


def _why(item: SymbolResult, *, waiting: bool) -> str:
    if item.error is not None:
        return reason(item.error)
    if item.status in {"pending", "running"} and waiting:
        return "waits for the exchange"
    if item.status == "running" and item.retries:
        return f"the exchange had to be asked again {counted(item.retries, 'time')}"
    return ""


def missing_windows(results: Results) -> None:
    """List what is missing and why, of what is not complete."""
    lacking = having(results, "failed", "partial")
    of_many = len({item.interval for item in results.details}) > 1
    for item in lacking[:_NAMED]:
        lines = windows(item.missing, item.missing_candles) or ["no window is named"]
        name = f"{item.symbol} {item.interval}" if of_many else item.symbol
        st.markdown(f"**{plain(name)}** {MARKS[item.status]}: {plain(reason(item.error))}  \n{plain('; '.join(lines))}")
    if len(lacking) > _NAMED:
        st.caption(f"and {len(lacking) - _NAMED} more, which the table names")


class _Action(NamedTuple):
    """What can be done about a run: what the API's client calls it, and what stands on the page."""

    verb: Literal["cancel", "retry"]
    icon: str
    label: str
    question: str
    yes: str


def controls(loading: Loader, status: Status) -> None:
    """Offer to cancel a run that is active, and to retry what an ended one left behind; each is confirmed."""
    if status.run_id is None or status.last_results is None:
        return
    left = counted(len({item.symbol for item in having(status.last_results, "failed", "partial")}), "crypto")
    if status.is_running:
        question = "**End this run?** What it stored stays; *Retry* asks later for what is then missing."
        action = _Action("cancel", ":material/stop_circle:", "Cancel the run", question, "Yes, cancel it")
    elif having(status.last_results, "failed", "partial"):
        question = f"**Ask the exchange again for what {left} could not get?** What is stored is not asked for."
        action = _Action("retry", ":material/replay:", f"Retry {left}", question, "Yes, retry")
    else:
        return
    _confirmed(action, loading, status.run_id)


def _confirmed(action: _Action, loading: Loader, run_id: str) -> None:
    is_sure = f"{action.verb}_{run_id}"
    if not st.session_state.get(is_sure):
        if st.button(action.label, icon=action.icon, key=f"{action.verb}-button"):
            st.session_state[is_sure] = True
            st.rerun()
        return
    st.markdown(action.question)
    first, second = st.columns(2, width=320)
    if first.button(action.yes, type="primary", key=f"{action.verb}-yes", width="stretch"):
        del st.session_state[is_sure]
        try:
            loading.api.cancel(run_id) if action.verb == "cancel" else loading.api.retry(run_id)
        except ApiError as error:
            problem = explain(error, loading.connection)
            st.session_state["said"] = f"**{plain(problem.sentence)}** {commands(problem.remedy)}"
        after_a_change(loading)
        st.rerun()
    if second.button("No", key=f"{action.verb}-no", width="stretch"):
        del st.session_state[is_sure]
        st.rerun()


def say_what_came_of_it() -> None:
    """Say what came of the button that was pressed last, where it did not do it."""
    if said := st.session_state.pop("said", None):
        st.error(said)
