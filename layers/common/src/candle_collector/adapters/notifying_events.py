"""The event bus of an archive at home that notifies somebody of the runs' ends."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta

from candle_collector.adapters.event_detail import describe_end
from candle_collector.domain.health import Health, no_answer
from candle_collector.domain.notice import notice_of_end
from candle_collector.domain.run import Outcome, Run, run_outcome
from candle_collector.errors import CollectorError
from candle_collector.ports import Clock, EventBus, Notifier

log = logging.getLogger(__name__)

TRIED_FOR = timedelta(hours=1)
"""How long a notice is tried again, with each round of the reconciler; it is given up then, and the log says so."""

_WANTED = {
    "failed": {Outcome.FAILED},
    "partial": {Outcome.FAILED, Outcome.PARTIAL},
    "all": {Outcome.FAILED, Outcome.PARTIAL, Outcome.COMPLETE},
}


class NotifyingEvents:
    """An `EventBus` before another one, which is what reports the end at least once.

    Parameters
    ----------
    bus
        The other one.
    wanted
        The runs whose end is notified of, by their worst outcome: ``failed``, ``partial`` (those too) or ``all``.
    health
        Says how the archive stands.
    """

    def __init__(
        self,
        bus: EventBus,
        notifier: Notifier,
        *,
        stage: str,
        wanted: str,
        health: Callable[[], Health],
        clock: Clock,
    ) -> None:
        self._bus = bus
        self._notifier = notifier
        self._stage = stage
        self._wanted = _WANTED[wanted]
        self._health = health
        self._clock = clock

    def collection_ended(self, run: Run, counts: Mapping[str, int], latest: int | None) -> None:
        """Notify, then let the other bus report it.

        Raises
        ------
        CollectorError
            Nobody was notified, and it is to be tried again: the run stays among those whose end was not reported.
        """
        if run_outcome(counts) in self._wanted:
            self._notify(run, counts, latest)
        self._bus.collection_ended(run, counts, latest)

    def _notify(self, run: Run, counts: Mapping[str, int], latest: int | None) -> None:
        try:
            health = self._health()
        except CollectorError as error:
            health = no_answer(str(error))
        try:
            self._notifier.send(notice_of_end(describe_end(run, counts, latest, stage=self._stage), health))
        except CollectorError as error:
            if run.ended_at is None or self._clock.now() - run.ended_at < TRIED_FOR:
                raise
            log.error("a notice is given up", extra={"run_id": run.run_id, "reason": str(error)})  # noqa: TRY400 - the reason is a sentence
