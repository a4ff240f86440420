"""A run of collection or verification and its symbols: their states, and which steps between them are legal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from candle_collector.domain import windows
from candle_collector.domain.comparison import Comparison
from candle_collector.domain.interval import Interval
from candle_collector.domain.series import Series
from candle_collector.domain.versions import RECORD_VERSION
from candle_collector.domain.weight_limit import WeightLimit
from candle_collector.domain.windows import Window, Windows

Mode = Literal["backward", "forward", "gap_fill", "verify"]
COLLECTING_MODES: tuple[Mode, ...] = ("backward", "forward", "gap_fill")
MODES: tuple[Mode, ...] = (*COLLECTING_MODES, "verify")

MAX_RESENDS = 5
"""How often the reconciler sends an open symbol's message again before it closes the symbol."""


SERIES_MOST = 10_000
"""How many series a run has at most: all of them stand in its record, which must stay far below 400 KB too."""

KEPT_GIVEN_UP = 1000
"""How many windows that a run asks for no more a symbol's record names: of more, those that lie close are joined.

A record of a table must stay far below 400 KB (DynamoDB's limit): one that cannot be written cannot be closed.
"""

KEPT_REJECTED = 500
"""How many windows with a wrong row a symbol's record names."""


class Outcome(StrEnum):
    """How far a symbol has come in a run."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def open(self) -> bool:
        """Whether work on it is still to come."""
        return self in {Outcome.PENDING, Outcome.RUNNING}


ENDED_OUTCOMES = tuple(outcome for outcome in Outcome if not outcome.open)


class RunState(StrEnum):
    """Creating until every symbol is written; active until every symbol has ended."""

    CREATING = "creating"
    ACTIVE = "active"
    ENDED = "ended"


@dataclass(frozen=True)
class Failure:
    """Why something is missing, as reported to people.

    Attributes
    ----------
    kind
        A word for programs: ``unavailable``, ``blocked``, ``invalid_answer``, ``invalid_symbol``, ``refused``,
        ``crashed``, ``deadline``, ``cancelled``, ``differs``.
    message
        A sentence for people, with the remedy where there is one.
    http_status, exchange_code
        What the exchange answered, where it did.
    attempts
        How many requests were made for the window that failed.
    """

    kind: str
    message: str
    http_status: int | None = None
    exchange_code: int | None = None
    attempts: int = 0


@dataclass(frozen=True)
class RunSeries:
    """A series that a run works on, and whether its symbol traded when the run started."""

    series: Series
    trading: bool = True


@dataclass(frozen=True)
class Run:
    """A collection of some series over some range.

    Attributes
    ----------
    start_ms, end_ms
        The range asked for, in ms since 1970 UTC, half open. In all modes but backward each series has its own part of
        it.
    closed_ms
        What ended before it counted as closed when the run started: no candle that ends later is asked for.
    series
        The series as their symbols were ranked when the run started; they never change.
    batch_size
        The most slots a request asks for.
    repair, sample
        Of a verification: whether candles that differ are replaced, and how many percent of the windows are compared.
    weight_limit, weight_seconds
        The exchange's limit as it said it when the run started: so much weight in so many seconds.
    clock_offset_ms
        How far the exchange's clock was ahead of ours.
    estimated_seconds
        How long it was expected to take when it started.
    open
        The names of the series that have not ended.
    end_reason
        Why the run was stopped before its symbols ended by themselves. Set while it is active, it says that no symbol
        of it is worked on any more.
    counts
        The outcomes when the run ended; None before.
    """

    run_id: str
    mode: Mode
    start_ms: int
    end_ms: int
    closed_ms: int
    series: tuple[RunSeries, ...]
    batch_size: int
    created_at: datetime
    deadline: datetime
    weight_limit: int
    weight_seconds: int
    recheck: bool = False
    repair: bool = False
    sample: int = 100
    clock_offset_ms: int = 0
    estimated_seconds: int = 0
    state: RunState = RunState.CREATING
    started_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: str | None = None
    open: frozenset[str] = frozenset()
    counts: dict[str, int] | None = None
    note: str | None = None
    version: int = RECORD_VERSION

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols of the series, each once, in their order."""
        return tuple(dict.fromkeys(item.series.symbol for item in self.series))

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """The intervals of the series, ascending."""
        return tuple(sorted({item.series.interval for item in self.series}))

    def window(self, interval: Interval) -> Window:
        """Return the closed slots of an interval that the run is about."""
        return interval.closed_within(Window(self.start_ms, self.end_ms), self.closed_ms)

    @property
    def limit(self) -> WeightLimit:
        """The exchange's limit when the run started."""
        return WeightLimit(self.weight_limit, self.weight_seconds)


@dataclass(frozen=True)
class RunSeriesRecord:
    """What a run knows of one of its series.

    Attributes
    ----------
    turn
        The number of the message that may work on it; requeueing and resending raise it.
    claimed_until
        Until when a worker holds it.
    range
        The slots that the run is about for this symbol, fixed when a worker first comes to it.
    stored_before
        How many slots of the range were stored before this run stored any; None until something was found missing.
    records
        How many candles this run stored or replaced.
    attempts
        How many attempts were made for the window at hand when the symbol was requeued.
    due_at
        When the message of a turn that was requeued with a delay arrives.
    revision
        The name of the write that this record was read from or made by; None where it was never written. A change is
        taken only while it is the newest.
    stopping
        Whether the worker that holds the symbol is to stop after the answer in hand.
    asked_to
        With recheck and in a verification, the slot up to which this run has asked.
    given_up
        The windows for which every attempt failed, and the slots that answers left out without a proof; another turn
        does not ask for them again. Where they are too many, the slots between some of them are among them.
    refused
        How many answers for the window at hand were refused, because they do not fit what is stored.
    rejected
        The slots whose row at the exchange was wrong each time this run asked.
    missing
        The windows that are missing, in a verification those that were not compared, as far as they are kept here;
        `missing_slots` counts all.
    comparison
        What a verification found; None in all other runs, and before it has begun.
    """

    run_id: str
    series: Series
    trading: bool = True
    outcome: Outcome = Outcome.PENDING
    turn: int = 1
    claimed_until: datetime | None = None
    updated_at: datetime | None = None
    resends: int = 0
    range: Window | None = None
    stored_before: int | None = None
    records: int = 0
    requests: int = 0
    retries: int = 0
    attempts: int = 0
    due_at: datetime | None = None
    asked_to: int | None = None
    given_up: Windows = ()
    refused: int = 0
    rejected: Windows = ()
    missing: Windows = ()
    missing_slots: int = 0
    failure: Failure | None = None
    first: int | None = None
    last: int | None = None
    closed_by: str | None = None
    comparison: Comparison | None = None
    version: int = RECORD_VERSION
    stopping: bool = False
    revision: str | None = field(default=None, compare=False)

    @property
    def symbol(self) -> str:
        """The symbol of the series."""
        return self.series.symbol

    @property
    def is_unfinished(self) -> bool:
        """Whether it ended as partial or failed and another run may change that.

        Nothing changes where a verification found stored candles that the exchange has no more, and nothing else.
        """
        if self.outcome not in {Outcome.PARTIAL, Outcome.FAILED}:
            return False
        found = self.comparison
        return not (found and found.denied and not found.replaceable and not self.missing_slots)

    def is_claimed(self, now: datetime) -> bool:
        """Whether a worker may hold it at `now`."""
        return self.outcome.open and self.claimed_until is not None and self.claimed_until > now

    def claimed(self, turn: int, *, now: datetime, until: datetime) -> RunSeriesRecord | None:
        """Return the record held by a worker until then; None where the turn is over, or somebody has it."""
        if not self.outcome.open or self.turn != turn or self.is_claimed(now):
            return None
        return replace(self, outcome=Outcome.RUNNING, claimed_until=until)

    def requeued(self) -> RunSeriesRecord:
        """Return the record for the next turn, held by nobody; messages of earlier turns are dropped."""
        return replace(self, turn=self.turn + 1, claimed_until=None)

    def giving_up(self, *given_up: Window) -> RunSeriesRecord:
        """Return the record with more windows that this run asks for no more."""
        return replace(self, given_up=windows.coarsened(windows.union([*self.given_up, *given_up]), KEPT_GIVEN_UP))

    def rejecting(self, rejected: Windows) -> RunSeriesRecord:
        """Return the record with more slots whose row is wrong; the oldest of too many are left to `missing`."""
        return replace(self, rejected=windows.union([*self.rejected, *rejected])[-KEPT_REJECTED:])

    def ended(self, outcome: Outcome, *, closed_by: str | None = None) -> RunSeriesRecord:
        """Return the record with its outcome, held by nobody."""
        return replace(self, outcome=outcome, claimed_until=None, closed_by=closed_by)


def judge(*, missing: Windows, records: int, worked: bool) -> Outcome:
    """Return the outcome of a symbol that no more is done for.

    Parameters
    ----------
    missing
        What of its range is missing now.
    records
        How many candles the run stored of it.
    worked
        Whether anything was missing when the run came to it.
    """
    if not missing:
        return Outcome.COMPLETE if worked else Outcome.SKIPPED
    return Outcome.PARTIAL if records else Outcome.FAILED


def count_outcomes(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Count the ended outcomes by their names; open ones are left out."""
    counts = {outcome.value: 0 for outcome in ENDED_OUTCOMES}
    for outcome in outcomes:
        if not outcome.open:
            counts[outcome.value] += 1
    return counts


def outcomes_of_symbols(records: Iterable[RunSeriesRecord]) -> list[Outcome]:
    """Return one outcome for each symbol of a run, by those of its series; it is open as long as one of them is.

    As of a series, partial says that something was stored and something is missing, and failed that nothing was stored.
    """
    of_symbol: dict[str, set[Outcome]] = {}
    for record in records:
        of_symbol.setdefault(record.symbol, set()).add(record.outcome)
    return [_joined(outcomes) for outcomes in of_symbol.values()]


def _joined(outcomes: AbstractSet[Outcome]) -> Outcome:
    if any(outcome.open for outcome in outcomes):
        return Outcome.PENDING if outcomes == {Outcome.PENDING} else Outcome.RUNNING
    if outcomes & {Outcome.PARTIAL, Outcome.FAILED}:
        return Outcome.PARTIAL if outcomes & {Outcome.PARTIAL, Outcome.COMPLETE} else Outcome.FAILED
    return Outcome.COMPLETE if Outcome.COMPLETE in outcomes else Outcome.SKIPPED


def run_outcome(counts: Mapping[str, int]) -> Outcome:
    """Return the worst outcome among a run's symbols: failed, partial or complete."""
    return next((worst for worst in (Outcome.FAILED, Outcome.PARTIAL) if counts.get(worst)), Outcome.COMPLETE)


def describe_counts(counts: Mapping[str, int]) -> str:
    """Return a run's counts for people: `97 complete, 2 partial, 1 failed, 0 skipped; 594 candles stored`."""
    outcomes = ", ".join(f"{counts.get(outcome, 0):,} {outcome}" for outcome in ENDED_OUTCOMES)
    return f"{outcomes}; {counts.get('records', 0):,} candles stored"


def degraded_percent(counts: Mapping[str, int]) -> float:
    """Return how many percent of a run's symbols ended failed or partial; 0 where it had none."""
    total = sum(counts[outcome.value] for outcome in ENDED_OUTCOMES)
    return 100 * (counts[Outcome.FAILED] + counts[Outcome.PARTIAL]) / total if total else 0.0


KEPT_WINDOWS = 100
"""How many missing windows a symbol's record names; their slots are counted whole."""


def with_missing(record: RunSeriesRecord, missing: Windows) -> RunSeriesRecord:
    """Return the record with what is missing: the first windows by name, all of them by number."""
    return replace(record, missing=missing[:KEPT_WINDOWS], missing_slots=windows.count(missing))
