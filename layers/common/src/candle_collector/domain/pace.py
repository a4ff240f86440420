"""How long a run takes by the requests that it plans, and how long it may take: one rule for whoever says it."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from candle_collector.domain.weight_limit import WeightLimit

REQUEST_SECONDS = 0.35
"""One window, fetched and stored: as the model of AWS's time has it (tests/model), not a measurement on AWS."""

DEADLINE_MARGIN = timedelta(minutes=30)
"""What a run has beside twice its estimated time, for a ban and what is sent again."""

DEADLINE_MOST = timedelta(days=13)
"""A run's deadline lies within this: SQS keeps a message for 14 days at most."""


class Pace(NamedTuple):
    """What a run's speed depends on.

    Attributes
    ----------
    limit
        The exchange's.
    share_percent
        How much of it all workers together use.
    workers
        How many work at once.
    """

    limit: WeightLimit
    share_percent: int
    workers: int

    def seconds(self, requests: int, weight: int) -> float:
        """Return the seconds that requests take: as many as their weight needs, or as the workers, if they are slower.

        Parameters
        ----------
        weight
            Of all requests together, those for the market included.
        """
        by_weight = weight / max(1, self.limit.budget(self.share_percent)) * self.limit.seconds
        return max(by_weight, requests * REQUEST_SECONDS / self.workers)


def time_allowed(estimated_seconds: float, least: timedelta) -> timedelta:
    """Return how long a run may take: twice its estimated time and a margin, and `least` in any case."""
    needed = 2 * timedelta(seconds=estimated_seconds) + DEADLINE_MARGIN
    return max(least, min(needed, DEADLINE_MOST))


def seconds_left(*, estimated: float, elapsed: float, done: int, total: int) -> float | None:
    """Return the seconds that a run needs still; None where that is not known.

    Before the first of its series is done that is what is left of the estimate, afterwards what its own speed says.

    Parameters
    ----------
    done, total
        How many series are done, and how many there are.
    """
    if done:
        return elapsed * (total - done) / done
    return estimated - elapsed if elapsed < estimated else None
