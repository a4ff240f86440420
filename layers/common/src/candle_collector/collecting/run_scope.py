"""What a run is about: its range, its symbols, and the market that they were chosen from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from candle_collector.collecting.ask_market import MarketPorts, ask_market
from candle_collector.domain import dates, windows
from candle_collector.domain.closing import closed_end_at
from candle_collector.domain.run import Mode, RunSymbol
from candle_collector.domain.universe import QuoteRanking, note_on_universe, rank
from candle_collector.errors import InvalidRequestError, MarketUnavailableError
from candle_collector.ports import CollectQueue, LeaseStore, ListingStore, Market, RunStore, SeriesStore, UniverseStore

RANKED_MOST = 500
"""How much of a day's ranking in a quote asset is kept, whatever the run takes of it: as many as a run may ask for."""


@dataclass(frozen=True)
class RunRequest:
    """What a caller asks for, its shape checked.

    Attributes
    ----------
    start, end
        Hours, half open; None for the mode's default.
    symbols
        Replaces the universe.
    top_n, quote_assets
        How many symbols are taken in each of which quote assets; None for the deployment's.
    repair, sample
        Of a verification: whether candles that differ are replaced, and how many percent of the windows are compared.
    occurrence
        The identity of a schedule's occurrence; the same one starts at most one run.
    """

    mode: Mode
    start: int | None = None
    end: int | None = None
    symbols: tuple[str, ...] | None = None
    top_n: int | None = None
    quote_assets: tuple[str, ...] | None = None
    recheck: bool = False
    repair: bool = False
    sample: int = 100
    occurrence: str | None = None

    @property
    def is_ranked(self) -> bool:
        """Whether the run takes symbols by what is traded of them."""
        return self.symbols is None and self.mode != "verify"


@dataclass(frozen=True)
class RunDefaults:
    """The defaults of the deployment.

    Attributes
    ----------
    deadline
        How long a run may take in any case; one whose plan needs more may take longer.
    workers
        How many workers run at once.
    """

    top_n: int
    quote_assets: tuple[str, ...]
    collection_start: int
    batch_size: int
    excluded: frozenset[str]
    keep_stored: bool
    deadline: timedelta
    weight_share_percent: int
    workers: int


@dataclass(frozen=True)
class RunPorts(MarketPorts):
    """What starting a run needs."""

    leases: LeaseStore
    runs: RunStore
    universes: UniverseStore
    series: SeriesStore
    queue: CollectQueue
    listings: ListingStore


@dataclass(frozen=True)
class RunScope:
    """The range and the symbols of a run."""

    start: int
    end: int
    symbols: tuple[RunSymbol, ...]
    market: Market
    rankings: tuple[QuoteRanking, ...] = ()
    note: str | None = None


def choose(request: RunRequest, defaults: RunDefaults, ports: RunPorts, *, dry_run: bool = False) -> RunScope:
    """Ask the exchange what it lists, and decide on range and symbols."""
    answers = ask_market(
        ports, share_percent=defaults.weight_share_percent, with_volumes=request.is_ranked, dry_run=dry_run
    )
    market = answers.market
    now = ports.clock.now()
    end_now = closed_end(now, market)
    start, end, note = _range(request, defaults, end_now)
    rankings: tuple[QuoteRanking, ...] = ()
    if request.mode == "verify":
        symbols = _with_candles(request.symbols, market, ports.series)
    elif request.symbols is not None:
        symbols = _named(request.symbols, market)
    else:
        top_n = request.top_n or defaults.top_n
        rankings = _rankings(request, defaults, market, answers.volumes or {})
        on_universe = [note_on_universe(ranking, top_n, answers.at_par) for ranking in rankings]
        note = "; ".join(sentence for sentence in (note, *on_universe) if sentence) or None
        symbols = tuple(RunSymbol(item.listing.symbol) for ranking in rankings for item in ranking.ranked[:top_n])
        symbols += _stored(request.mode, defaults, market, symbols, ports.series)
    if not symbols:
        raise MarketUnavailableError("the exchange lists no symbol that can be collected")
    return RunScope(start, end, symbols, market, rankings, note)


def _rankings(
    request: RunRequest, defaults: RunDefaults, market: Market, volumes: Mapping[str, Decimal]
) -> tuple[QuoteRanking, ...]:
    """Return the ranking in each quote asset.

    Where the exchange does not list one of the deployment's any more, the run goes on with the others: the ranking of
    that one is empty, and the run's note says so.

    Raises
    ------
    InvalidRequestError
        The exchange does not list one that the request names, or none of the deployment's.
    """
    quotes = request.quote_assets or defaults.quote_assets
    listed = {listing.quote_asset for listing in market.listings}
    unknown = [quote for quote in quotes if quote not in listed]
    if listed and unknown and (request.quote_assets or len(unknown) == len(quotes)):
        by_whom = "" if request.quote_assets else "; QUOTE_ASSETS of this deployment names nothing else"
        raise InvalidRequestError(
            "quote_assets", f"the exchange lists nothing that trades against {', '.join(unknown)}{by_whom}"
        )
    return tuple(
        rank(market.listings, volumes, quote_asset=quote, excluded=defaults.excluded, top_n=RANKED_MOST)
        for quote in quotes
    )


def closed_end(now: datetime, market: Market) -> int:
    """Return the hour after the last closed one, by the slower of the exchange's clock and ours."""
    return closed_end_at(round(now.timestamp() * 1000) + min(0, market.clock_offset_ms))


def check_range(request: RunRequest, now: datetime) -> None:
    """Refuse a range that is not valid, before anything is requested or written.

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
        is_between = request.start == request.end  # as in 23:30 to 23:45
        raise InvalidRequestError(
            "end_date", "no candle opens from start_date to it" if is_between else "is before start_date"
        )


def _range(request: RunRequest, defaults: RunDefaults, end_now: int) -> tuple[int, int, str | None]:
    """Return start, end and a note on what was changed of them."""
    start = request.start
    if start is None:
        start = dates.EARLIEST if request.mode in {"gap_fill", "verify"} else defaults.collection_start
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
    return min(start, end), end, note


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


def _with_candles(symbols: Sequence[str] | None, market: Market, series: SeriesStore) -> tuple[RunSymbol, ...]:
    """Return the symbols whose stored candles are to be compared, whether the exchange still lists them or not.

    Raises
    ------
    InvalidRequestError
        Nothing is stored, or nothing of one that the exchange does not list either.
    """
    trading = {listing.symbol for listing in market.listings if listing.trading}
    if symbols is None:
        symbols = [item.symbol for item in series.all() if item.last is not None]
    else:
        listed = {listing.symbol for listing in market.listings}
        unknown = [symbol for symbol in symbols if symbol not in listed and series.get(symbol).last is None]
        if unknown:
            raise InvalidRequestError("symbols", f"nothing is stored of {', '.join(unknown[:10])}")
    if not symbols:
        raise InvalidRequestError("mode", "nothing is stored yet that could be verified")
    return tuple(RunSymbol(symbol, symbol in trading) for symbol in symbols)


def _stored(
    mode: Mode, defaults: RunDefaults, market: Market, universe: Sequence[RunSymbol], series: SeriesStore
) -> tuple[RunSymbol, ...]:
    """Return the symbols outside the universe that hold data and belong into the run.

    forward keeps those up to date that trade, unless a setting says otherwise, and asks for the last hours of those
    that no longer do, until their delisting is proven. gap_fill repairs all.
    """
    if mode == "backward" or (mode == "forward" and not defaults.keep_stored):
        return ()
    taken = {item.symbol for item in universe}
    listed = {listing.symbol: listing.trading for listing in market.listings}
    return tuple(
        RunSymbol(item.symbol, listed.get(item.symbol, False))
        for item in series.all()
        if item.last is not None
        and item.symbol not in taken
        and (mode == "gap_fill" or listed.get(item.symbol) or (item.symbol in listed and item.delisted is None))
    )
