"""How the archive stands, in one sentence with its figures, and what a person can do about it.

It is the one place of that sentence: the API, the page, the terminal, the metrics, the notifications and the logs of
every home take it from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from candle_collector.domain.interval import moment_at
from candle_collector.domain.run import Mode
from candle_collector.domain.series import series_named
from candle_collector.domain.versions import RECORD_VERSION
from candle_collector.domain.wording import counted, split_reason

State = Literal["empty", "running", "waiting", "ok", "needs_you"]
Cause = Literal[
    "outage", "overdue", "refused", "failed_turn", "failed_start", "incomplete", "stale", "failed_candles", "no_answer"
]

STALE_LEAST_HOURS = 13
"""How far behind the newest candle may be at least, before a person must look: two starts of a schedule of 6 hours were
missed, and an hour."""

OVERDUE = timedelta(minutes=30)
"""How long after its deadline a run may still be open: the reconciler closes it within minutes."""

_START = "Start a collection"


@dataclass(frozen=True)
class RunFacts:
    """What is known of the newest run.

    Attributes
    ----------
    done, total
        How many of its series have ended, and how many it has.
    ended_at
        None while it is open.
    expected
        How long it was expected to take when it started.
    incomplete
        How many of its symbols ended as partial or failed, and another run may change that.
    missing_candles
        The candles that those are missing; of a verification, those that were not compared.
    are_gaps
        Whether all that they are missing lies between stored candles, where gap_fill looks.
    replaceable, denied
        Of a verification, how many stored candles differ still that a repair would replace, and how many stay as they
        are because the exchange has none in their place.
    reason
        The most frequent reason among those; None where there is not a reason.
    """

    run_id: str
    mode: Mode
    done: int
    total: int
    created_at: datetime
    deadline: datetime
    ended_at: datetime | None = None
    expected: timedelta = timedelta(0)
    incomplete: int = 0
    missing_candles: int = 0
    are_gaps: bool = True
    replaceable: int = 0
    denied: int = 0
    reason: str | None = None


@dataclass(frozen=True)
class FailedStart:
    """A start by a schedule of which nothing came.

    Attributes
    ----------
    due
        When the schedule was to start it.
    at
        When it failed, the last time that it was tried.
    reason
        Why, as a sentence, with the remedy where there is one.
    """

    mode: Mode
    due: datetime
    at: datetime
    reason: str
    version: int = RECORD_VERSION


@dataclass(frozen=True)
class FailedTurn:
    """A worker's turn at a series that failed, and not for the first time: its message will come back.

    Attributes
    ----------
    series
        Its name, ``binance:BTCUSDT#1h``.
    reason
        Why, as a sentence, with the remedy where there is one.
    """

    run_id: str
    series: str
    at: datetime
    reason: str
    version: int = RECORD_VERSION


@dataclass(frozen=True)
class HealthFacts:
    """All that the sentence depends on. Moments are aware, UTC, and by our clock.

    Attributes
    ----------
    symbols
        Of how many symbols candles are stored.
    newest
        When the newest stored candle opened, in ms since 1970 UTC; None where nothing is stored.
    lag_hours
        How many hours the newest candle is behind the last one that has closed.
    stale_after_hours
        How many hours that may be; None where nothing starts by itself.
    run
        The run that is active, else the last that ended.
    failed_start
        The last scheduled start that failed.
    failed_turn
        The last failed turn of the run, where nothing was done for its symbol since.
    blocked_until
        Until when the exchange asked us to wait (429, 418).
    refused
        Why the exchange will not answer us before a person changes something (451, 403, a certificate).
    failed_candles, failed_symbols
        How many candles of how many symbols runs have asked for in vain, or were ended before they asked for, and are
        missing still.
    failed_from
        When the first of them opened that gap_fill does not look for, in ms since 1970 UTC; None where it brings all.
    next_start, next_gap_fill
        When the schedules start the next run; None where they are off, or it is not known.
    outage
        Why the database stores nothing; None where it does.
    """

    now: datetime
    symbols: int = 0
    newest: int | None = None
    lag_hours: int | None = None
    stale_after_hours: int | None = None
    run: RunFacts | None = None
    failed_start: FailedStart | None = None
    failed_turn: FailedTurn | None = None
    blocked_until: datetime | None = None
    refused: str | None = None
    failed_candles: int = 0
    failed_symbols: int = 0
    failed_from: int | None = None
    next_start: datetime | None = None
    next_gap_fill: datetime | None = None
    outage: str | None = None


@dataclass(frozen=True)
class Health:
    """How things stand.

    Attributes
    ----------
    state
        A word for programs. `needs_you`: something stays wrong until a person does something.
    sentence
        For people.
    remedy
        What to do; None where nothing is to be done, which is so while the archive is `running`, `waiting` or `ok`.
    cause
        Why it needs somebody, as a word for programs; None where it does not.
    """

    state: State
    sentence: str
    remedy: str | None = None
    cause: Cause | None = None


def judge_health(facts: HealthFacts) -> Health:
    """Return the most important thing that there is to say."""
    return cannot_store(facts.outage) if facts.outage is not None else _of_runs(facts)


def _of_runs(facts: HealthFacts) -> Health:
    run = facts.run
    active = run if run is not None and run.ended_at is None else None
    if active is not None and facts.now - active.deadline > OVERDUE:
        return _overdue(active, facts.now)
    if facts.refused is not None:
        said, remedy = split_reason(facts.refused)
        return _needs_you(
            "refused", said, remedy or "Ask the exchange, or whoever runs this network, why; then start again."
        )
    if active is not None:
        return _at_work(active, facts) if facts.failed_turn is None else _failing(active, facts.failed_turn)
    start = facts.failed_start
    if start is not None and (run is None or run.created_at <= start.at):
        return _not_started(start, facts.next_start)
    return _incomplete(run) if run is not None and run.incomplete else _at_rest(facts)


def counted_lag(lag_hours: float, mode: Mode, since: timedelta, *, expected: timedelta) -> float:
    """Return how many of the hours that the newest candle is behind count against the schedules.

    A run of the past ends yesterday, and one that verifies stores nothing new: after either, the schedules have time.
    A long run has the time that it was expected to take, as the schedules start nothing meanwhile.
    The alarm `stale` is on this figure too.

    Parameters
    ----------
    mode, since
        The newest run's, and how long ago it was started.
    expected
        How long it was expected to take when it started.
    """
    counts = lag_hours if mode in {"forward", "gap_fill"} else min(lag_hours, since / timedelta(hours=1))
    return max(0, counts - min(since, expected) // timedelta(hours=1))


def cannot_store(reason: str) -> Health:
    """Return what is to be said where the database stores nothing: its reasons end with a remedy, after a semicolon."""
    said, remedy = split_reason(reason, at="; ")
    again = "It is tried again by itself, and what was stored is safe."
    return _needs_you(
        "outage", f"nothing can be stored: {said}", f"{remedy or 'Look at the database and its disk.'} {again}"
    )


def no_answer(reason: str) -> Health:
    """Return what is to be said where the API of an archive does not say how it stands."""
    said, _ = split_reason(reason)
    return _needs_you(
        "no_answer",
        f"the archive does not say how it stands: {said}",
        "See its log; at home `make up` starts what is down.",
    )


def _needs_you(cause: Cause, what: str, remedy: str) -> Health:
    return Health("needs_you", f"Needs you: {what}.", remedy, cause)


def _overdue(run: RunFacts, now: datetime) -> Health:
    minutes = (now - run.deadline) // timedelta(minutes=1)
    return _needs_you(
        "overdue",
        f"the {_named(run)} is {counted(minutes, 'minute')} past its deadline and has not ended",
        "The reconciler ends it, so see why that does not work in its log; cancelling the run ends it too.",
    )


def _at_work(run: RunFacts, facts: HealthFacts) -> Health:
    far = f"{run.done:,} of {run.total:,} series done"
    if facts.blocked_until is not None:
        until = _time(facts.blocked_until)
        return Health("waiting", f"Waiting: the exchange wants no requests until {until}; {far}. The run goes on then.")
    return Health("running", f"Running: {far} by the {_named(run)}.")


def _failing(run: RunFacts, turn: FailedTurn) -> Health:
    said, remedy = split_reason(turn.reason)
    known = remedy or "See the worker's log."
    return _needs_you(
        "failed_turn",
        f"{series_named(turn.series).symbol} of the {_named(run)} failed again at {_time(turn.at)}: {said}",
        f"{known} It is tried again by itself, and what was stored is safe.",
    )


def _not_started(start: FailedStart, next_start: datetime | None) -> Health:
    said, remedy = split_reason(start.reason)
    following = f"; the schedule tries again at {_time(next_start)}" if next_start else ""
    return _needs_you(
        "failed_start",
        f"the {start.mode} run of {_time(start.due)} did not start: {said}",
        f"{remedy} {_START} then{following}." if remedy else f"{_START}{following}.",
    )


def _incomplete(run: RunFacts) -> Health:
    said, remedy = split_reason(run.reason) if run.reason else (None, None)
    why = f": {said}" if said else ""
    cryptos = counted(run.incomplete, "crypto")
    if run.mode == "verify":
        left = f", {counted(run.missing_candles, 'candle')} not compared" if run.missing_candles else ""
        again = "verify again with repair" if run.replaceable else "verify again"
        return _needs_you(
            "incomplete",
            f"the {_named(run)} was not good for {cryptos}{left}{why}",
            f"{remedy} Then {again}." if remedy else f"V{again[1:]}.",
        )
    are = "is" if run.missing_candles == 1 else "are"
    what = f"{counted(run.missing_candles, 'candle')} {are} missing in {cryptos}" if run.missing_candles else cryptos
    stand = "after" if run.missing_candles else f"{'is' if run.incomplete == 1 else 'are'} not complete after"
    again = "retry that run, or run gap_fill." if run.are_gaps else "retry that run."
    then = f"{remedy} Then {again}" if remedy else f"{again[:1].upper()}{again[1:]}"
    return _needs_you("incomplete", f"{what} {stand} the {_named(run)}{why}", then)


def _at_rest(facts: HealthFacts) -> Health:
    """Return what there is to say where no run is active, and the last one left nothing out."""
    if facts.newest is None or facts.lag_hours is None:
        if facts.failed_candles:
            return _not_got(facts)
        if facts.run is not None:
            return Health("ok", f"OK: nothing was missing for the {_named(facts.run)}, and no candle is stored.")
        by_itself = f", or wait for the schedule: {_time(facts.next_start)}" if facts.next_start else ""
        return Health("empty", "Empty: nothing is stored, and nothing was collected yet.", f"{_START}{by_itself}.")
    newest = _time(moment_at(facts.newest))
    behind = f"{counted(facts.lag_hours, 'hour')} behind" if facts.lag_hours else "up to date"
    if _is_stale(facts, facts.lag_hours):
        return _needs_you(
            "stale",
            f"nothing newer than the candle of {newest} was collected, {behind}",
            f"{_START}, and see in the trigger's log why the schedules did not.",
        )
    if facts.failed_candles:
        return _not_got(facts)
    denied = facts.run.denied if facts.run is not None else 0
    kept = f"; {counted(denied, 'candle')} that the exchange no longer has {'is' if denied == 1 else 'are'} kept"
    stored = f"{counted(facts.symbols, 'crypto')} stored"
    return Health("ok", f"OK: {stored}, the newest candle is of {newest}, {behind}{kept if denied else ''}.")


def _not_got(facts: HealthFacts) -> Health:
    """Return what there is to say of candles that runs before the last one did not get."""
    if facts.failed_from is None:
        by_itself = f", or wait for the schedule: {_time(facts.next_gap_fill)}" if facts.next_gap_fill else ""
        remedy = f"Run gap_fill{by_itself}."
    else:
        first = f"{moment_at(facts.failed_from):%Y-%m-%d}"
        remedy = f"Retry the run that left them, or collect backward from {first}."
    return _needs_you(
        "failed_candles",
        f"{counted(facts.failed_candles, 'candle')} that earlier runs did not get "
        f"{'is' if facts.failed_candles == 1 else 'are'} missing in {counted(facts.failed_symbols, 'crypto')}",
        remedy,
    )


def _is_stale(facts: HealthFacts, lag_hours: int) -> bool:
    """Return whether the schedules should have collected something newer by now."""
    run = facts.run
    counted_hours: float = lag_hours
    if run is not None:
        counted_hours = counted_lag(lag_hours, run.mode, facts.now - run.created_at, expected=run.expected)
    return facts.stale_after_hours is not None and counted_hours > facts.stale_after_hours


def _named(run: RunFacts) -> str:
    return f"{run.mode} run of {_time(run.created_at)}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
