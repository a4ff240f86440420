"""A worker's turn that fails again: it is kept, so that whoever looks at the archive's health sees it."""

from __future__ import annotations

import logging

from candle_collector.domain.health import FailedTurn
from candle_collector.domain.series_message import SeriesMessage
from candle_collector.errors import CollectorError, reason_of
from candle_collector.ports import Clock, FailedStartStore

log = logging.getLogger(__name__)

KEPT_FROM = 2
"""The receive of a message from which on its failure is kept: the first may pass by itself."""


def keep_failed_turn(
    message: SeriesMessage, error: Exception, failures: FailedStartStore, clock: Clock, *, receives: int
) -> None:
    """Keep why a turn fails, if it is not the first time; nothing is raised.

    Parameters
    ----------
    receives
        How often the message was received.
    """
    if receives < KEPT_FROM:
        return
    try:
        failures.put_turn(FailedTurn(message.run_id, str(message.series), clock.now(), reason_of(error)))
    except CollectorError:
        log.warning("the failed turn could not be kept", exc_info=True)
