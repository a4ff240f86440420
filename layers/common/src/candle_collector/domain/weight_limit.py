"""The exchange's limit on requests: so much weight in each period of its clock."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class WeightLimit(NamedTuple):
    """How much weight the exchange allows in how many seconds. All moments are by the exchange's clock.

    Attributes
    ----------
    weight, seconds
        The limit and the length of a period.
    """

    weight: int
    seconds: int

    def period_at(self, now: datetime) -> int:
        """Return the number of the exchange's period since 1970 in which `now` lies."""
        return _ms(now) // (self.seconds * 1000)

    def seconds_left(self, now: datetime) -> float:
        """Return the seconds from `now` to the next period."""
        period_ms = self.seconds * 1000
        return (period_ms - _ms(now) % period_ms) / 1000

    def budget(self, share_percent: int) -> int:
        """Return the weight that may be used in a period, as a share of the limit."""
        return self.weight * share_percent // 100


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
