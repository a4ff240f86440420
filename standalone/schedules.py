"""The schedules: starts of collection and gap filling, and the reconciler's rounds."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.schedulers.blocking import BlockingScheduler
from candle_collector.domain.run import Mode
from candle_collector.domain.schedule import next_occurrence
from candle_collector.errors import SettingError

from standalone.context import Context

log = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any], Any], Any]

_START_SECONDS = 29
_ROUND_SECONDS = 60


def next_time(expression: str, after: datetime) -> datetime:
    """Return when a schedule next starts something: cron as EventBridge does, a rate at multiples since 1970.

    Raises
    ------
    SettingError
        It never does, or uses L, W or #, which are known on AWS alone.
    """
    if rate := re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression):
        period = timedelta(**{f"{rate[2]}s": int(rate[1])})
        begun = (after - datetime(1970, 1, 1, tzinfo=UTC)) // period
        return datetime(1970, 1, 1, tzinfo=UTC) + (begun + 1) * period
    found = next_occurrence(expression, after)
    if found is None:
        raise SettingError(f"the schedule {expression} starts nothing: it names no time to come, or uses L, W or #")
    return found


class Schedules:
    """Starts what is due, in threads of its own.

    Each occurrence is a job of its own, and the next one is computed from now when it runs: what was missed while the
    machine slept starts once. The scheduler's waits do not count the time of sleep, but it wakes for each of the
    reconciler's rounds and then looks at the clock.

    Parameters
    ----------
    trigger, reconciler
        The functions' handlers.
    expressions
        When each mode starts, in EventBridge's form.
    reconciled_every
        The time between the rounds of the reconciler.
    on_failure
        Called after a start that failed.

    Raises
    ------
    SettingError
        An expression starts nothing.
    """

    def __init__(
        self,
        trigger: Handler,
        reconciler: Handler,
        expressions: Mapping[Mode, str],
        reconciled_every: timedelta,
        *,
        on_failure: Callable[[Mode], None] = lambda _: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._trigger = trigger
        self._reconciler = reconciler
        self._expressions = dict(expressions)
        self._now = now
        self._on_failure = on_failure
        self._scheduler = BlockingScheduler(timezone=UTC)
        self._scheduler.add_job(
            self.reconcile,
            "interval",
            seconds=reconciled_every.total_seconds(),
            next_run_time=now(),
            coalesce=True,
            misfire_grace_time=None,
        )
        for mode in self._expressions:
            self._plan(mode)

    def run(self) -> None:
        """Start what is due, until `stop`."""
        self._scheduler.start()

    def stop(self) -> None:
        """Start nothing any more."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def next_times(self) -> dict[str, str]:
        """Return when each mode next starts, as of now."""
        now = self._now()
        return {mode: _written(next_time(expression, now)) for mode, expression in self._expressions.items()}

    def start(self, mode: Mode, due: datetime) -> None:
        """Start the run of an occurrence; whatever comes of it, the next one follows."""
        following = self._plan(mode)
        try:
            self._trigger({"mode": mode, "time": _written(due)}, Context(_START_SECONDS))
        except Exception as error:
            log.exception(
                "a scheduled start failed; it is tried again at its next time",
                extra={"mode": mode, "due": _written(due), "next": _written(following), "reason": str(error)},
            )
            self._on_failure(mode)

    def reconcile(self) -> None:
        """Let the reconciler look after the runs; a round that fails is followed by the next."""
        try:
            self._reconciler({}, Context(_ROUND_SECONDS))
        except Exception as error:
            log.exception("the reconciler failed; it looks again at its next round", extra={"reason": str(error)})

    def _plan(self, mode: Mode) -> datetime:
        due = next_time(self._expressions[mode], self._now())
        self._scheduler.add_job(self.start, "date", run_date=due, args=[mode, due], misfire_grace_time=None)
        return due


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
