"""Start a run: choose its symbols, write it down whole, and only then send the work out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from candle_collector.domain import dates, windows
from candle_collector.domain.closing import closed_end_at
from candle_collector.domain.ids import new_run_id
from candle_collector.domain.run import Mode, Run, RunState, RunSymbol, SymbolRecord
from candle_collector.domain.symbol_message import SymbolMessage
from candle_collector.domain.universe import Ranked, rank
from candle_collector.errors import (
    CollectionInProgressError,
    CollectorError,
    CreationTooSlowError,
    ExchangeBlockedError,
    ExchangeError,
    InvalidRequestError,
    MarketUnavailableError,
)
from candle_collector.ports import (
    Clock,
    CollectQueue,
    Exchange,
    Market,
    RateLimiter,
    RunStore,
    SeriesStore,
)

log = logging.getLogger(__name__)

CREATION_LEASE = timedelta(seconds=60)
"""How long a run may take to be written; a trigger that dies before gives the lease back by this."""

CLOSING_TIME = timedelta(minutes=10)
"""How long the lease outlasts the deadline: two rounds of the reconciler, who closes the run before another begins."""

RANKED_MOST = 500
"""How much of a day's ranking is kept, whatever the run takes of it: as many as a run may ask for."""


@dataclass(frozen=True)
class RunRequest:
    """What a caller asks for, its shape checked.

    Attributes
    ----------
    start, end
        Hours, half open; None for the mode's default.
    symbols
        Replaces the universe.
    occurrence
        The identity of a schedule's occurrence; the same one starts at most one run.
    """

    mode: Mode
    start: int | None = None
    end: int | None = None
    symbols: tuple[str, ...] | None = None
    top_n: int | None = None
    recheck: bool = False
    occurrence: str | None = None


@dataclass(frozen=True)
class Choice:
    """The defaults of the deployment."""

    top_n: int
    collection_start: int
    batch_size: int
    excluded: frozenset[str]
    keep_stored: bool
    deadline: timedelta
    weight_share_percent: int


@dataclass(frozen=True)
class RunPorts:
    """What starting a run needs."""

    exchange: Exchange
    rate_limiter: RateLimiter
    runs: RunStore
    series: SeriesStore
    queue: CollectQueue
    clock: Clock


@dataclass(frozen=True)
class Scope:
    """What a run would be about: its range, its symbols and the market it was chosen from."""

    start: int
    end: int
    symbols: tuple[RunSymbol, ...]
    market: Market
    ranked: tuple[Ranked, ...] = ()
    note: str | None = None


def start_run(request: RunRequest, choice: Choice, ports: RunPorts) -> Run | None:
    """Start a run and return it; None where the request's occurrence has started one already.

    Raises
    ------
    CollectionInProgressError
        Another run is active.
    RefusedError
        The range or a symbol is not valid, or the exchange does not answer; nothing is started.
    """
    check_range(request, ports.clock.now())
    if request.occurrence and ports.runs.occurred(request.occurrence):
        return None

    def write(run_id: str, now: datetime) -> tuple[Run, list[SymbolRecord]]:
        scope = choose(request, choice, ports)
        if scope.ranked:
            day = windows.day_of(closed_end(now, scope.market))
            ports.runs.put_universe(day, scope.ranked, run_id=run_id)
        run = new_run(run_id, now, request.mode, scope, choice, recheck=request.recheck)
        return run, [SymbolRecord(run_id, one.symbol, trading=one.trading) for one in run.symbols]

    return begin(write, ports, occurrence=request.occurrence)


def new_run(run_id: str, now: datetime, mode: Mode, scope: Scope, choice: Choice, *, recheck: bool) -> Run:
    """Return a run over a scope, still to be written."""
    return Run(
        run_id=run_id,
        mode=mode,
        start=scope.start,
        end=scope.end,
        symbols=scope.symbols,
        batch_size=choice.batch_size,
        created_at=now,
        deadline=now + choice.deadline,
        recheck=recheck,
        weight_limit=scope.market.weight_limit,
        weight_seconds=scope.market.weight_seconds,
        clock_offset_ms=scope.market.clock_offset_ms,
        open=frozenset(one.symbol for one in scope.symbols),
        note=scope.note,
    )


def begin(
    write: Callable[[str, datetime], tuple[Run, list[SymbolRecord]]], ports: RunPorts, *, occurrence: str | None = None
) -> Run:
    """Take the lease, write a run whole, make it active, and only then send its messages.

    The lease is short until the run is active, so that a trigger that dies frees it by itself, and then lasts past the
    run's deadline. What is not sent stays pending, and the reconciler sends it.

    Raises
    ------
    CollectionInProgressError
        Another run holds the lease.
    """
    now = ports.clock.now()
    run_id = new_run_id(now)
    holder = ports.runs.take_lease(run_id, now=now, expires=now + CREATION_LEASE)
    if holder is not None and _has_ended(holder, ports.runs):
        ports.runs.release_lease(holder)
        holder = ports.runs.take_lease(run_id, now=now, expires=now + CREATION_LEASE)
    if holder is not None:
        raise CollectionInProgressError(holder)
    try:
        run, records = write(run_id, now)
        ports.runs.create(run, records, occurrence=occurrence)
        if not ports.runs.extend_lease(run_id, run.deadline + CLOSING_TIME):
            raise CreationTooSlowError("writing the run took longer than its lease; ask again")  # noqa: TRY301 - undone below like every other failure
        ports.runs.activate(run_id, ports.clock.now())
    except BaseException:
        ports.runs.release_lease(run_id)
        raise
    try:
        ports.queue.enqueue([SymbolMessage(run_id, one.symbol, 1) for one in run.symbols])
    except CollectorError:
        log.exception("not all messages were sent; the reconciler sends the rest", extra={"run_id": run_id})
    return run


def _has_ended(run_id: str, runs: RunStore) -> bool:
    """Tell whether a run that holds the lease has ended: giving it back comes a step later, or was lost."""
    run = runs.get(run_id)
    return run is not None and run.state is RunState.ENDED


def choose(request: RunRequest, choice: Choice, ports: RunPorts) -> Scope:
    """Ask the exchange what it lists, and decide on range and symbols."""
    market, volumes = _ask_market(ports, choice, with_volumes=request.symbols is None)
    now = ports.clock.now()
    end_now = closed_end(now, market)
    start, end, note = _range(request, choice, end_now)
    ranked: tuple[Ranked, ...] = ()
    if request.symbols is not None:
        symbols = _named(request.symbols, market)
    else:
        ranked = rank(market.listings, volumes, excluded=choice.excluded, top_n=RANKED_MOST)
        symbols = tuple(RunSymbol(one.listing.symbol) for one in ranked[: request.top_n or choice.top_n])
        symbols += _stored(request.mode, choice, market, symbols, ports.series)
    if not symbols:
        raise MarketUnavailableError("the exchange lists no symbol that can be collected")
    return Scope(start, end, symbols, market, ranked, note)


def closed_end(now: datetime, market: Market) -> int:
    """Return the hour after the last closed one, by the slower of the exchange's clock and ours."""
    return closed_end_at(round(now.timestamp() * 1000) + min(0, market.clock_offset_ms))


def check_range(request: RunRequest, now: datetime) -> None:
    """Refuse a range that cannot be meant, before anything is asked of anyone.

    Raises
    ------
    InvalidRequestError
        The range is not valid.
    """
    if request.start is not None and request.start < dates.EARLIEST:
        raise InvalidRequestError("start_date", "is before 2017; Binance has no candle of that time")
    if request.end is not None and request.end <= dates.EARLIEST:
        raise InvalidRequestError("end_date", "is before 2017; Binance has no candle of that time")
    if request.start is not None and windows.moment_of(request.start) > now:
        raise InvalidRequestError("start_date", "is in the future")
    if request.start is not None and request.end is not None and request.start >= request.end:
        raise InvalidRequestError("end_date", "is before start_date")


def _range(request: RunRequest, choice: Choice, end_now: int) -> tuple[int, int, str | None]:
    """Return start, end and what must be said of them."""
    start = request.start
    if start is None:
        start = dates.EARLIEST if request.mode == "gap_fill" else choice.collection_start
    yesterday = end_now - end_now % windows.HOURS_A_DAY
    end = request.end if request.end is not None else (yesterday if request.mode == "backward" else end_now)
    note = None
    if end > end_now:
        end = end_now
        note = f"end_date was cut at {dates.format_hour(end - 1)}, the last closed hour"
    if start >= end and request.mode == "backward":
        if request.start is None:
            raise InvalidRequestError(
                "end_date", f"is before COLLECTION_START_DATE, {dates.format_start(start)}; name a start_date"
            )
        raise InvalidRequestError(
            "start_date", f"no hour has closed since; the last closed one is {dates.format_hour(end_now - 1)}"
        )
    return start, max(start, end), note


def _ask_market(ports: RunPorts, choice: Choice, *, with_volumes: bool) -> tuple[Market, Mapping[str, Decimal]]:
    """Ask for listings and volumes within the shared budget; the exchange's answer reopens a gate that a person closed.

    Raises
    ------
    MarketUnavailableError
        The exchange does not answer, or asks us to wait.
    """
    state = ports.rate_limiter.state()
    now = ports.clock.now()
    if state.blocked_until and state.blocked_until > now and not state.permanent:
        raise MarketUnavailableError(f"the exchange asked us to wait until {state.blocked_until:%Y-%m-%dT%H:%M:%SZ}")
    try:
        market = ports.exchange.fetch_market()
        volumes = ports.exchange.fetch_volumes() if with_volumes else {}
    except ExchangeBlockedError as error:
        ports.rate_limiter.block(error.until, error.failure)
        raise MarketUnavailableError(error.failure.message) from error
    except ExchangeError as error:
        raise MarketUnavailableError(error.failure.message) from error
    ports.rate_limiter.open(market.clock_offset_ms)
    limit = market.limit
    budget = limit.budget(choice.weight_share_percent)
    ports.rate_limiter.reserve(ports.exchange.weights.listings, period=limit.period_at(now), budget=budget, now=now)
    return market, volumes


def _named(symbols: Sequence[str], market: Market) -> tuple[RunSymbol, ...]:
    """Return the symbols that a request names; one that no longer trades may be named.

    Raises
    ------
    InvalidRequestError
        The exchange does not list one of them.
    """
    listed = {listing.symbol: listing for listing in market.listings}
    unknown = [symbol for symbol in symbols if symbol not in listed]
    if unknown:
        raise InvalidRequestError("symbols", f"the exchange does not list {', '.join(unknown[:10])}")
    return tuple(RunSymbol(symbol, listed[symbol].trading) for symbol in symbols)


def _stored(
    mode: Mode, choice: Choice, market: Market, universe: Sequence[RunSymbol], series: SeriesStore
) -> tuple[RunSymbol, ...]:
    """Return the symbols outside the universe that hold data and belong into the run.

    forward keeps those up to date that trade, unless a setting says otherwise; gap_fill repairs all.
    """
    if mode == "backward" or (mode == "forward" and not choice.keep_stored):
        return ()
    taken = {one.symbol for one in universe}
    trading = {listing.symbol for listing in market.listings if listing.trading}
    return tuple(
        RunSymbol(one.symbol, one.symbol in trading)
        for one in series.all()
        if one.last is not None and one.symbol not in taken and (mode == "gap_fill" or one.symbol in trading)
    )
