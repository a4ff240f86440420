"""The end of a collection as a line of the log, where there is not an event bus."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from candle_collector.adapters.event_detail import describe_end
from candle_collector.domain.run import Run

log = logging.getLogger(__name__)


class LogEvents:
    """The `EventBus` of an archive at home.

    Parameters
    ----------
    stage
        The deployment's, as the event names it.
    """

    def __init__(self, stage: str) -> None:
        self._stage = stage

    def collection_ended(self, run: Run, counts: Mapping[str, int], latest: int | None) -> None:
        """Write the line."""
        log.info("collection ended", extra=describe_end(run, counts, latest, stage=self._stage))
