"""How the archive stands: the facts of the sentence that is said first, from what is cheap to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from candle_collector.domain import windows
from candle_collector.domain.closing import lag_hours, newest_slots
from candle_collector.domain.comparison import Comparison
from candle_collector.domain.health import (
    STALE_LEAST_HOURS,
    FailedStart,
    FailedTurn,
    Health,
    HealthFacts,
    RunFacts,
    judge_health,
)
from candle_collector.domain.interval import Interval
from candle_collector.domain.rate_limit import RateLimiterState
from candle_collector.domain.run import Run, RunSeriesRecord, RunState
from candle_collector.domain.schedule import longest_pause, next_occurrence
from candle_collector.domain.series import series_named
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.ports import Clock, FailedStartStore, LeaseStore, RateLimiter, RunStore, SeriesStore
from candle_collector.reading.report_runs import current_run

_HOUR = timedelta(hours=1)


class HealthPorts(Protocol):
    """What looking at the archive's health needs."""

    @property
    def runs(self) -> RunStore:
        """The runs."""

    @property
    def leases(self) -> LeaseStore:
        """The lease."""

    @property
    def series(self) -> SeriesStore:
        """The series' records."""

    @property
    def failed_starts(self) -> FailedStartStore:
        """The last scheduled start and the last turn that failed."""

    @property
    def rate_limiter(self) -> RateLimiter:
        """Whether the exchange may be asked."""

    @property
    def clock(self) -> Clock:
        """Our clock."""


class Schedules(NamedTuple):
    """When the archive collects by itself, as expressions; None where it does not.

    Attributes
    ----------
    stale_after
        After how many hours without a new candle somebody must look; where it is 0, when two starts were missed.
    intervals
        Those that are collected: of others no new candle is expected.
    """

    collection: str | None
    gap_fill: str | None
    stale_after: int = 0
    intervals: Collection[Interval] = frozenset(Interval)


@dataclass(frozen=True)
class Known:
    """What a look at the archive has read: its newest run, the records of its series, and the limits.

    Attributes
    ----------
    run
        The run that is active, else the last that ended.
    newest
        When the newest stored candle opened, in ms since 1970 UTC.
    lag_hours
        How far it is behind the last closed hour.
    """

    now: datetime
    run: Run | None
    series: Sequence[SeriesRecord]
    rate_limiter: RateLimiterState
    newest: int | None
    lag_hours: int | None
    schedules: Schedules
    next_start: datetime | None
    next_gap_fill: datetime | None
    failed_start: FailedStart | None
    failed_turn: FailedTurn | None


def look(ports: HealthPorts, schedules: Schedules) -> Known:
    """Read what is known of the archive: no table is scanned."""
    now = ports.clock.now()
    state = ports.rate_limiter.state()
    series = list(ports.series.all())
    newest = max(
        (record.series.interval.open_ms(record.last) for record in series if record.last is not None), default=None
    )
    run = current_run(ports.runs, ports.leases, now)
    return Known(
        now=now,
        run=run,
        series=series,
        rate_limiter=state,
        newest=newest,
        lag_hours=lag_hours(
            newest_slots(series, schedules.intervals),
            now,
            clock_offset_ms=state.clock_offset_ms,
        ),
        schedules=schedules,
        next_start=next_occurrence(schedules.collection, now) if schedules.collection else None,
        next_gap_fill=next_occurrence(schedules.gap_fill, now) if schedules.gap_fill else None,
        failed_start=ports.failed_starts.get(),
        failed_turn=None if run is None else _failed_turn(run, ports),
    )


def _failed_turn(run: Run, ports: HealthPorts) -> FailedTurn | None:
    """Return the last failed turn of an open run, unless something was done for its symbol since."""
    turn = None if run.state is RunState.ENDED else ports.failed_starts.turn()
    if turn is None or turn.run_id != run.run_id or turn.series not in run.open:
        return None
    record = ports.runs.symbol(run.run_id, series_named(turn.series))
    heard = record.updated_at if record is not None else None
    return turn if heard is None or heard <= turn.at else None


def report_health(known: Known, runs: RunStore, *, outage: str | None = None) -> Health:
    """Return how things stand. The symbols of the run are read only where some of them are not complete.

    Parameters
    ----------
    outage
        Why the database stores nothing; None where it does.
    """
    offset = timedelta(milliseconds=known.rate_limiter.clock_offset_ms)
    blocked, refused = known.rate_limiter.blocked_until, known.rate_limiter.refused_until
    failed = [record for record in known.series if record.failed_windows]
    return judge_health(
        HealthFacts(
            now=known.now,
            symbols=len({record.symbol for record in known.series if record.last is not None}),
            newest=known.newest,
            lag_hours=known.lag_hours,
            stale_after_hours=_stale_after(known.schedules, known.now),
            run=None if known.run is None else _facts_of(known.run, runs, known.series),
            failed_start=known.failed_start,
            failed_turn=known.failed_turn,
            blocked_until=blocked - offset if blocked and blocked - offset > known.now else None,
            refused=(known.rate_limiter.refusal_reason or "the exchange refuses us")
            if refused and refused - offset > known.now
            else None,
            failed_candles=sum(item.window.slots for record in failed for item in record.failed_windows),
            failed_symbols=len({record.symbol for record in failed}),
            failed_from=min(
                (
                    record.series.interval.open_ms(item.window.start)
                    for record in failed
                    for item in record.failed_windows
                    if not record.is_gap(item.window)
                ),
                default=None,
            ),
            next_start=known.next_start,
            next_gap_fill=known.next_gap_fill,
            outage=outage,
        )
    )


def _stale_after(schedules: Schedules, now: datetime) -> int | None:
    """Return after how many hours without a new candle somebody must look; None where nothing starts by itself."""
    if schedules.collection is None:
        return None
    if schedules.stale_after:
        return schedules.stale_after
    pause = longest_pause(schedules.collection, now.replace(hour=0, minute=0, second=0, microsecond=0))
    return STALE_LEAST_HOURS if pause is None else max(STALE_LEAST_HOURS, 2 * -(-pause // _HOUR) + 1)


def _are_gaps(left: RunSeriesRecord, record: SeriesRecord | None) -> bool:
    """Return whether all that a run left missing of a series lies between its candles, as far as it is named."""
    if record is None or windows.count(left.missing) < left.missing_slots:
        return False
    return all(record.is_gap(window) for window in left.missing)


def _facts_of(run: Run, runs: RunStore, series: Sequence[SeriesRecord]) -> RunFacts:
    counts = run.counts or {}
    incomplete: list[RunSeriesRecord] = []
    compared: list[Comparison] = []
    if counts.get("partial") or counts.get("failed"):
        ended = runs.symbols(run.run_id)
        incomplete = [item for item in ended if item.is_unfinished]
        compared = [item.comparison for item in ended if item.comparison]
    known = {record.series: record for record in series} if incomplete else {}
    reasons = Counter(record.failure.message for record in incomplete if record.failure)
    return RunFacts(
        run_id=run.run_id,
        mode=run.mode,
        done=len(run.series) - len(run.open),
        total=len(run.series),
        created_at=run.created_at,
        deadline=run.deadline,
        expected=timedelta(seconds=run.estimated_seconds),
        ended_at=run.ended_at if run.state is RunState.ENDED else None,
        incomplete=len({record.symbol for record in incomplete}),
        missing_candles=sum(record.missing_slots for record in incomplete),
        replaceable=sum(item.replaceable for item in compared),
        denied=sum(item.denied for item in compared),
        are_gaps=all(_are_gaps(record, known.get(record.series)) for record in incomplete),
        reason=reasons.most_common(1)[0][0] if reasons else None,
    )
