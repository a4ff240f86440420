"""What the exchange lists and what was traded of it: asked for once a minute, by one process for all."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from candle_collector.collecting.budget import OUT_OF_BUDGET, WeightBudget
from candle_collector.collecting.exchange_time import ExchangeTime
from candle_collector.domain.rate_limit import RateLimiterState
from candle_collector.errors import (
    CollectorError,
    ExchangeBlockedError,
    ExchangeError,
    MarketUnavailableError,
    OutOfTimeError,
)
from candle_collector.ports import Clock, Exchange, MarketAnswers, MarketCache, RateLimiter

log = logging.getLogger(__name__)

_T = TypeVar("_T")

FRESH = timedelta(seconds=60)
"""How long answers are good for."""

CLAIM = timedelta(seconds=10)
"""How long one process keeps the others from asking; a process that dies does so no longer."""

WAIT_SECONDS = 8.0
"""How long the others wait for its answers, within the 29 s of API Gateway."""

POLL_SECONDS = 0.25


@dataclass(frozen=True)
class MarketPorts:
    """What asking for the market needs.

    Attributes
    ----------
    sleep
        Waits so many seconds.
    """

    exchange: Exchange
    rate_limiter: RateLimiter
    market_cache: MarketCache
    clock: Clock
    sleep: Callable[[float], None]


def ask_market(ports: MarketPorts, *, share_percent: int, with_volumes: bool, dry_run: bool) -> MarketAnswers:
    """Return listings, and volumes where they are needed: those of the last minute, or new ones.

    The answer to a real start ends a refusal that needed a person. A dry run changes nothing for others: it does not
    ask while the exchange refuses us, and keeps neither the end of a refusal nor the exchange's clock.

    Parameters
    ----------
    share_percent
        How much of the exchange's limit all processes together use.

    Raises
    ------
    MarketUnavailableError
        The exchange does not answer, asks us to wait, or has no weight left for this; the message says until when.
    """
    state = ports.rate_limiter.state()
    asking = _Asking(ports, state, share_percent, with_volumes=with_volumes, dry_run=dry_run)
    answers = asking.known() or asking.in_turn()
    measured = ports.exchange.clock_offset_ms
    if measured is not None:  # by our own clock, which need not be that of the process that asked
        answers = replace(answers, market=replace(answers.market, clock_offset_ms=measured))
    if not dry_run:
        ports.rate_limiter.note_clock(answers.market.clock_offset_ms)
    return answers


class _Asking:
    """One caller's way to the answers."""

    def __init__(
        self, ports: MarketPorts, state: RateLimiterState, share_percent: int, *, with_volumes: bool, dry_run: bool
    ) -> None:
        self._ports = ports
        self._state = state
        self._share_percent = share_percent
        self._with_volumes = with_volumes
        self._dry_run = dry_run
        self._time = ExchangeTime(ports.clock, ports.exchange, state.clock_offset_ms)
        self._limit = ports.exchange.market.limit  # until the exchange has said its own for the first time
        self._fresh: MarketAnswers | None = None
        now = self._time.now()
        if state.blocked_until is not None and state.blocked_until > now:
            raise self._must_wait(state.blocked_until)
        self._is_refused = state.refused_until is not None and state.refused_until > now
        if self._is_refused and dry_run:
            raise MarketUnavailableError(
                f"{state.refusal_reason}; a dry run does not ask again, the next start of a run does"
            )

    def known(self) -> MarketAnswers | None:
        """Return the last answers of any process, if they are of the last minute and have what is needed."""
        known = self._ports.market_cache.get()
        if known is None:
            return None
        self._limit = known.market.limit
        # whoever is refused has to ask, to learn whether that is over
        self._fresh = None if self._is_refused or abs(self._time.now() - known.taken_at) >= FRESH else known
        has_all = known.volumes is not None or not self._with_volumes
        return self._fresh if has_all else None

    def in_turn(self) -> MarketAnswers:
        """Wait until nobody else is asking, and ask, unless that has brought the answers meanwhile."""
        claim_id = self._take_turn()
        try:
            return self.known() or self._ask()
        finally:
            try:
                self._ports.market_cache.release(claim_id)
            except CollectorError:
                log.warning("the turn to ask for the market was not ended; it ends by itself", exc_info=True)

    def _take_turn(self) -> str:
        for _ in range(round(WAIT_SECONDS / POLL_SECONDS)):
            now = self._time.now()
            if claim_id := self._ports.market_cache.claim(now=now, until=now + CLAIM):
                return claim_id
            self._ports.sleep(POLL_SECONDS)
        raise MarketUnavailableError(
            "somebody else is asking the exchange what it lists and has no answer yet; try again in 10 s"
        )

    def _ask(self) -> MarketAnswers:
        """Ask for what is missing, each attempt within the shared budget, and keep the answers for all."""
        exchange = self._ports.exchange
        weights = exchange.market.weights
        listings, volumes = self._budget(weights.listings), self._budget(weights.volumes)
        if self._with_volumes:  # the weight of both, before the first is asked for
            self._reserve(volumes)
        if self._fresh is None:
            self._reserve(listings)
        answers = self._fresh or MarketAnswers(self._fetch(exchange.fetch_market, listings), None, self._time.now())
        if self._with_volumes:
            traded = self._fetch(exchange.fetch_volumes, volumes)
            answers = replace(answers, volumes=traded.volumes, at_par=traded.at_par)
        if self._state.refusal_id is not None and not self._dry_run:
            self._ports.rate_limiter.reopen(self._state.refusal_id)
        try:
            self._ports.market_cache.put(_without_rules(answers))
        except CollectorError:
            log.warning("the market's answers were not kept; the next one asks again", exc_info=True)
        return answers

    def _budget(self, weight: int) -> WeightBudget:
        """Return the budget of one kind of request; a share too small for a market must not forbid every run."""
        weights = self._ports.exchange.market.weights
        return WeightBudget(
            self._limit,
            max(self._limit.budget(self._share_percent), weights.listings + weights.volumes),
            weight,
            rate_limiter=self._ports.rate_limiter,
            time=self._time,
            despite_refusal=not self._dry_run,
        )

    def _fetch(self, fetch: Callable[..., _T], budget: WeightBudget) -> _T:
        """Ask, each attempt within the budget."""
        with self._unavailable(budget):
            answer = fetch(grant=budget.grant)
        if not self._dry_run:
            budget.observe(None)
        return answer

    def _reserve(self, budget: WeightBudget) -> None:
        with self._unavailable(budget):
            if not budget.reserve(1):
                raise _no_weight(budget.seconds_to_next_period())

    @contextmanager
    def _unavailable(self, budget: WeightBudget) -> Iterator[None]:
        """Turn what the exchange or the rate limiter refuses into what a caller is answered."""
        try:
            yield
        except ExchangeBlockedError as error:
            seconds = budget.block(error)
            raise self._must_wait(self._time.now() + timedelta(seconds=seconds)) from error
        except OutOfTimeError as error:
            if error.failure.kind == OUT_OF_BUDGET:
                raise _no_weight(error.wait) from error
            raise MarketUnavailableError(error.failure.message) from error
        except ExchangeError as error:
            raise MarketUnavailableError(error.failure.message) from error

    def _must_wait(self, until: datetime) -> MarketUnavailableError:
        ours = self._time.ours(until)
        return MarketUnavailableError(f"the exchange asked us to wait until {ours:%Y-%m-%dT%H:%M:%SZ}")


def _without_rules(answers: MarketAnswers) -> MarketAnswers:
    """Return answers as they are shared: of each symbol what a run is chosen by, a twentieth of what came."""
    listings = tuple(replace(listing, rules="") for listing in answers.market.listings)
    return replace(answers, market=replace(answers.market, listings=listings))


def _no_weight(seconds: float) -> MarketUnavailableError:
    return MarketUnavailableError(
        f"all weight that may be used of the exchange's limit is used; try again in {math.ceil(seconds)} s"
    )
