"""A worker's part of the weight that all workers share, in the exchange's current period."""

from __future__ import annotations

from candle_collector.domain.weight_limit import WeightLimit
from candle_collector.ports import Clock, RateLimiter


class WeightBudget:
    """The weight that one turn may use: it is reserved before a request, and lost at the end of the period.

    Parameters
    ----------
    limit
        The exchange's limit, as the run knows it.
    share_percent
        How much of the limit all workers together use.
    request_weight
        The weight of one request for candles.
    """

    def __init__(
        self, limit: WeightLimit, share_percent: int, request_weight: int, *, rate_limiter: RateLimiter, clock: Clock
    ) -> None:
        self._limit = limit
        self._budget = limit.budget(share_percent)
        self._request_weight = request_weight
        self._rate_limiter = rate_limiter
        self._clock = clock
        self._period = -1
        self._granted = 0
        self._reserved = 0

    @property
    def is_granted(self) -> bool:
        """Whether the weight of one request is reserved in the period that has just been reached."""
        return self._granted >= self._request_weight and self._limit.period_at(self._clock.now()) == self._period

    def reserve(self, requests: int) -> bool:
        """Make sure that one request may be sent; where nothing is left, reserve the weight of all `requests` at once.

        Raises
        ------
        ExchangeBlockedError, ExchangeRefusedError
            The exchange wants no requests.
        """
        now = self._clock.now()
        period = self._limit.period_at(now)
        if period != self._period:
            self._period, self._granted = period, 0
        if self._granted < self._request_weight:
            needed = requests * self._request_weight - self._granted
            reservation = self._rate_limiter.reserve(needed, period=period, budget=self._budget, now=now)
            self._granted += reservation.granted
            self._reserved = reservation.reserved
        return self._granted >= self._request_weight

    def spend(self, attempts: int) -> None:
        """Count the attempts that were made: each is a request."""
        self._granted -= attempts * self._request_weight

    def observe(self, used_weight: int | None) -> None:
        """Raise the shared figure where the exchange counts more than all workers have reserved."""
        if used_weight is not None and used_weight > self._reserved:
            self._rate_limiter.observe(used_weight, period=self._period)
            self._reserved = used_weight

    def seconds_to_next_period(self) -> float:
        """Return when weight is to be had again."""
        return self._limit.seconds_left(self._clock.now())
