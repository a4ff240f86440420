"""A start by a schedule that fails: it is kept, so that whoever looks at the archive's health sees it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from candle_collector.domain.health import FailedStart
from candle_collector.domain.run import Mode
from candle_collector.errors import CollectionInProgressError, CollectorError, StaleTurnError, reason_of
from candle_collector.ports import Clock, FailedStartStore

log = logging.getLogger(__name__)


@contextmanager
def keeping_failure(mode: Mode, due: str, starts: FailedStartStore, clock: Clock) -> Iterator[None]:
    """Keep why a scheduled start fails, and let the error go on.

    A start that meets an active run, or that was delivered twice, has not failed.

    Parameters
    ----------
    due
        When the schedule was to start it, as it says it: ``2025-06-01T06:05:00Z``.
    """
    try:
        yield
    except (CollectionInProgressError, StaleTurnError):
        raise
    except Exception as error:
        now = clock.now()
        try:
            starts.put(FailedStart(mode, _moment(due) or now, now, reason_of(error)))
        except CollectorError:
            log.warning("the failed start could not be kept", exc_info=True)
        raise


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None
