"""A process's part of the weight that all share, in the exchange's current period, and what it learns of blocks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from candle_collector.collecting.exchange_time import ExchangeTime
from candle_collector.domain.rate_limit import RateLimiterState
from candle_collector.domain.run import Failure
from candle_collector.domain.weight_limit import WeightLimit
from candle_collector.errors import ExchangeBlockedError, ExchangeError, ExchangeRefusedError, OutOfTimeError
from candle_collector.ports import RateLimiter

MOST_AT_ONCE = 50
"""The most requests that weight is reserved for at once: what nobody uses is lost at the end of the period."""

OUT_OF_BUDGET = "budget"
"""The kind of the failure where no weight is left: it says nothing about the exchange."""


class WeightBudget:
    """The weight that one turn may use: it is reserved before a request, and lost at the end of the period.

    It may be used by several threads at once.

    Parameters
    ----------
    limit
        The exchange's limit, as far as is known.
    budget
        The weight of it that all processes together may use in a period.
    request_weight
        The weight of one request.
    time
        The exchange's time.
    despite_refusal
        Whether to ask although a person must change something first, so as to find out whether one did.
    """

    def __init__(
        self,
        limit: WeightLimit,
        budget: int,
        request_weight: int,
        *,
        rate_limiter: RateLimiter,
        time: ExchangeTime,
        despite_refusal: bool = False,
    ) -> None:
        self._limit = limit
        self._budget = budget
        self._request_weight = request_weight
        self._rate_limiter = rate_limiter
        self._time = time
        self._despite_refusal = despite_refusal
        self._lock = threading.RLock()
        self._period = -1
        self._granted = 0
        self._reserved = 0
        self._seen = RateLimiterState()
        self._raised: ExchangeError | None = None

    @property
    def is_granted(self) -> bool:
        """Whether the weight of one request is reserved in the period that has just been reached."""
        with self._lock:
            is_current = self._limit.period_at(self._time.now()) <= self._period
            return is_current and self._granted >= self._request_weight

    def reserve(self, requests: int) -> bool:
        """Make sure that one request may be sent; where nothing is left, reserve the weight of up to 50 of `requests`.

        Raises
        ------
        ExchangeBlockedError
            The exchange wants no requests.
        """
        with self._lock, self._remembering():
            now = self._time.now()
            period = self._limit.period_at(now)
            if period > self._period:  # a measured clock may step back a little
                self._period, self._granted = period, 0
            if self._granted < self._request_weight:
                self._reserve_more(min(requests, MOST_AT_ONCE), now)
            return self._granted >= self._request_weight

    def grant(self) -> None:
        """Make sure that one attempt may be made now, and count it.

        Raises
        ------
        ExchangeBlockedError, ExchangeRefusedError
            The exchange wants no requests.
        OutOfTimeError
            All weight of this period is used.
        """
        with self._lock, self._remembering():
            seen = self._check()
            if not self.reserve(1):
                message = "no weight is left in this minute of the exchange's limit"
                raise OutOfTimeError(Failure(OUT_OF_BUDGET, message), wait=self.seconds_to_next_period())
            self._granted -= self._request_weight
            self._seen = seen

    def observe(self, used_weight: int | None) -> None:
        """Note a good answer: the blocks before it are over, and the exchange may count more than all have reserved."""
        with self._lock:
            seen = self._seen
            if seen.block_id is not None and seen.blocks:
                self._rate_limiter.answered(seen.block_id)
                self._seen = RateLimiterState(block_id=seen.block_id)
            if used_weight is not None and used_weight > self._reserved:
                self._rate_limiter.observe(used_weight, period=self._period)
                self._reserved = used_weight

    def block(self, error: ExchangeBlockedError) -> float:
        """Let nobody ask for a while, and return for how many seconds from now.

        What `grant` itself has raised is written already.
        """
        if error is self._raised:
            return error.seconds
        now = self._time.now()
        until = self._rate_limiter.block(error.seconds, error.failure, now=now, seen=self._seen.block_id)
        return (until - now).total_seconds()

    def refuse(self, error: ExchangeRefusedError, until: datetime) -> None:
        """Let nobody ask until then (by our clock); what `grant` itself has raised is written already."""
        if error is not self._raised:
            self._rate_limiter.refuse(self._time.of(until), error.failure)

    def seconds_to_next_period(self) -> float:
        """Return when weight is to be had again."""
        return self._limit.seconds_left(self._time.now())

    @contextmanager
    def _remembering(self) -> Iterator[None]:
        """Remember what is raised here: it comes from the rate limiter, and must not be written there as news."""
        try:
            yield
        except ExchangeError as error:
            self._raised = error
            raise

    def _check(self) -> RateLimiterState:
        try:
            return self._rate_limiter.check(now=self._time.now())
        except ExchangeRefusedError:
            if not self._despite_refusal:
                raise
            return self._rate_limiter.state()

    def _reserve_more(self, requests: int, now: datetime) -> None:
        reservation = self._rate_limiter.reserve(
            requests * self._request_weight - self._granted,
            least=self._request_weight - self._granted,
            period=self._limit.period_at(now),
            period_seconds=self._limit.seconds,
            budget=self._budget,
            now=now,
        )
        self._granted += reservation.granted
        self._reserved = reservation.reserved
