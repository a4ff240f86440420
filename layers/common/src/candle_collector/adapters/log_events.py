"""The end of a collection as a line of the log, where there is not an event bus."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from candle_collector.domain import dates
from candle_collector.domain.run import Run

log = logging.getLogger(__name__)


class LogEvents:
    """The `EventBus` of an archive at home."""

    def collection_ended(self, run: Run, counts: Mapping[str, int], latest: int | None) -> None:
        """Write the line."""
        reported = {
            "run_id": run.run_id,
            "mode": run.mode,
            "counts": dict(counts),
            "latest_candle": None if latest is None else dates.format_hour(latest),
        }
        log.info("collection ended", extra=reported)
