"""What a run is about: its range, its symbols, and the market that they were chosen from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from candle_collector.collecting.ask_market import MarketPorts, ask_market
from candle_collector.domain import dates
from candle_collector.domain.closing import closed_ms_by
from candle_collector.domain.interval import DAY_MS, Interval, moment_at
from candle_collector.domain.market import Market
from candle_collector.domain.run import SERIES_MOST, Mode, RunSeries
from candle_collector.domain.series import Series
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.universe import QuoteRanking, note_on_universe, rank
from candle_collector.domain.windows import Window
from candle_collector.errors import InvalidRequestError, MarketUnavailableError
from candle_collector.ports import (
    CollectQueue,
    LeaseStore,
    ListingStore,
    MarketListings,
    RunStore,
    SeriesStore,
    UniverseStore,
)

RANKED_MOST = 500
"""How much of a day's ranking in a quote asset is kept, whatever the run takes of it: as many as a run may ask for."""


@dataclass(frozen=True)
class RunRequest:
    """What a caller asks for, its shape checked.

    Attributes
    ----------
    start, end
        Times in ms since 1970 UTC, half open; None for the mode's default.
    intervals
        Replace the deployment's.
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
    intervals: tuple[Interval, ...] | None = None
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
    collection_start
        In ms since 1970 UTC.
    deadline
        How long a run may take in any case; one whose plan needs more may take longer.
    workers
        How many workers run at once.
    """

    top_n: int
    intervals: tuple[Interval, ...]
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
    """The range and the series of a run; times are in ms since 1970 UTC, as in a `Run`."""

    start_ms: int
    end_ms: int
    closed_ms: int
    series: tuple[RunSeries, ...]
    listed: MarketListings
    rankings: tuple[QuoteRanking, ...] = ()
    note: str | None = None

    def window(self, interval: Interval) -> Window:
        """Return the closed slots of an interval that the run is about."""
        return interval.closed_within(Window(self.start_ms, self.end_ms), self.closed_ms)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols of the series, each once, in their order."""
        return tuple(dict.fromkeys(item.series.symbol for item in self.series))


def choose(request: RunRequest, defaults: RunDefaults, ports: RunPorts, *, dry_run: bool = False) -> RunScope:
    """Ask the exchange what it lists, and decide on range and symbols."""
    answers = ask_market(
        ports, share_percent=defaults.weight_share_percent, with_volumes=request.is_ranked, dry_run=dry_run
    )
    market, listed = ports.exchange.market, answers.market
    now = ports.clock.now()
    closed_ms = closed_ms_by(now, clock_offset_ms=listed.clock_offset_ms)
    intervals = request.intervals or defaults.intervals
    start, end, note = _range(request, defaults, market, closed_ms)
    rankings: tuple[QuoteRanking, ...] = ()
    if request.mode == "verify":
        series = _with_candles(request, market, listed, ports.series)
    elif request.symbols is not None:
        series = _of_each(_named(request.symbols, listed), intervals, market)
    else:
        top_n = request.top_n or defaults.top_n
        rankings = _rankings(request, defaults, market, listed, answers.volumes or {})
        on_universe = [note_on_universe(ranking, market, top_n, answers.at_par) for ranking in rankings]
        note = "; ".join(sentence for sentence in (note, *on_universe) if sentence) or None
        chosen = [(item.listing.symbol, True) for ranking in rankings for item in ranking.ranked[:top_n]]
        series = _of_each(chosen, intervals, market)
        series += _stored(request, defaults, market, listed, universe=series, records=ports.series)
    if not series:
        raise MarketUnavailableError("the exchange lists no symbol that can be collected")
    if len(series) > SERIES_MOST:
        raise InvalidRequestError(
            "top_n" if request.is_ranked else "symbols",
            f"the run would have {len(series):,} series, and takes {SERIES_MOST:,} at most; "
            "take fewer symbols, intervals or quote assets",
        )
    return RunScope(start, end, closed_ms, series, listed, rankings, note)


def _rankings(
    request: RunRequest,
    defaults: RunDefaults,
    market: Market,
    listed: MarketListings,
    volumes: Mapping[str, Decimal],
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
    known = {listing.quote_asset for listing in listed.listings}
    unknown = [quote for quote in quotes if quote not in known]
    if known and unknown and (request.quote_assets or len(unknown) == len(quotes)):
        by_whom = "" if request.quote_assets else "; QUOTE_ASSETS of this deployment names nothing else"
        raise InvalidRequestError(
            "quote_assets", f"the exchange lists nothing that trades against {', '.join(unknown)}{by_whom}"
        )
    return tuple(
        rank(
            listed.listings,
            volumes,
            quote_asset=quote,
            market=market,
            excluded=defaults.excluded,
            top_n=RANKED_MOST,
        )
        for quote in quotes
    )


def _of_each(
    symbols: Iterable[tuple[str, bool]], intervals: Sequence[Interval], market: Market
) -> tuple[RunSeries, ...]:
    """Return the series of each symbol, with whether it trades."""
    return tuple(
        RunSeries(Series(symbol, interval, market.name), trading)
        for symbol, trading in symbols
        for interval in sorted(intervals)
    )


def check_request(request: RunRequest, defaults: RunDefaults, market: Market, now: datetime) -> None:
    """Refuse intervals and a range that are not valid, before anything is requested or written.

    Raises
    ------
    InvalidRequestError
        The market does not serve an interval, or the range is not valid.
    """
    _check_intervals(request, defaults, market)
    if request.start is not None and request.start < market.earliest_ms:
        raise InvalidRequestError("start_date", market.too_early)
    if request.end is not None and request.end <= market.earliest_ms:
        raise InvalidRequestError("end_date", market.too_early)
    if request.start is not None and moment_at(request.start) > now:
        raise InvalidRequestError("start_date", "is in the future")
    if request.start is None or request.end is None:
        return
    if request.start >= request.end:
        raise InvalidRequestError("end_date", "is before start_date")
    if not _shortest(request, defaults).slots_within(Window(request.start, request.end)).slots:
        # of hours, from 23:30 to 23:45
        raise InvalidRequestError("end_date", "no candle opens from start_date to it")


def _check_intervals(request: RunRequest, defaults: RunDefaults, market: Market) -> None:
    """Refuse intervals that the market does not serve; a verification is of what is stored."""
    if request.mode == "verify":
        return
    unserved = [str(item) for item in request.intervals or defaults.intervals if item not in market.intervals]
    if unserved:
        by_whom = "" if request.intervals else "INTERVALS of this deployment: "
        served = ", ".join(map(str, market.intervals))
        raise InvalidRequestError(
            "intervals", f"{by_whom}the exchange has no candles of {', '.join(unserved)}; it has {served}"
        )


def _shortest(request: RunRequest, defaults: RunDefaults) -> Interval:
    """Return the shortest interval of a run."""
    return min(request.intervals or defaults.intervals)


def _range(request: RunRequest, defaults: RunDefaults, market: Market, closed_ms: int) -> tuple[int, int, str | None]:
    """Return start, end and a note on what was changed of them.

    Parameters
    ----------
    closed_ms
        Up to when everything has closed, in ms since 1970 UTC.
    """
    shortest = _shortest(request, defaults)
    start = request.start
    if start is None:
        start = market.earliest_ms if request.mode in {"gap_fill", "verify"} else defaults.collection_start
    closed_end = shortest.slot_at(closed_ms)
    midnight = closed_ms - closed_ms % DAY_MS
    newest = shortest.open_ms(closed_end - 1) + 1  # what opens before this has closed
    end = request.end if request.end is not None else (midnight if request.mode == "backward" else newest)
    note = None
    if shortest.slot_from(end) > closed_end and request.end is not None:
        end = newest
        note = f"end_date was cut at {shortest.format(closed_end - 1)}, the last closed candle"
    if shortest.slot_from(start) >= min(closed_end, shortest.slot_from(end)) and request.mode == "backward":
        if request.start is None:
            raise InvalidRequestError(
                "end_date", f"is before COLLECTION_START_DATE, {dates.format_start(start)}; name a start_date"
            )
        raise InvalidRequestError(
            "start_date", f"no candle has closed since; the last closed one is {shortest.format(closed_end - 1)}"
        )
    return min(start, end), end, note


def _named(symbols: Sequence[str], listed: MarketListings) -> list[tuple[str, bool]]:
    """Return the symbols that a request names, and whether each trades; one that no longer trades may be named.

    Raises
    ------
    InvalidRequestError
        The exchange does not list one of them.
    """
    known = {listing.symbol: listing for listing in listed.listings}
    unknown = [symbol for symbol in symbols if symbol not in known]
    if unknown:
        raise InvalidRequestError("symbols", f"the exchange does not list {', '.join(unknown[:10])}")
    return [(symbol, known[symbol].trading) for symbol in symbols]


def _with_candles(
    request: RunRequest, market: Market, listed: MarketListings, records: SeriesStore
) -> tuple[RunSeries, ...]:
    """Return the series whose stored candles are to be compared, whether the exchange still lists them or not.

    Raises
    ------
    InvalidRequestError
        Nothing is stored, or nothing of one that the exchange does not list either.
    """
    trading = {listing.symbol: listing.trading for listing in listed.listings}
    wanted = None if request.intervals is None else frozenset(request.intervals)
    stored = [
        record.series
        for record in _records_of(market, records)
        if record.last is not None and (wanted is None or record.series.interval in wanted)
    ]
    if request.symbols is not None:
        by_symbol: dict[str, list[Series]] = {symbol: [] for symbol in request.symbols}
        for series in stored:
            by_symbol.get(series.symbol, []).append(series)
        unknown = [symbol for symbol, found in by_symbol.items() if not found and symbol not in trading]
        if unknown:
            raise InvalidRequestError("symbols", f"nothing is stored of {', '.join(unknown[:10])}")
        # one that is listed and of which nothing is stored is skipped, by its own record
        longest = max(wanted or market.intervals)
        stored = [
            series for symbol, found in by_symbol.items() for series in found or [Series(symbol, longest, market.name)]
        ]
    if not stored and wanted is not None and any(record.last is not None for record in records.all()):
        raise InvalidRequestError("intervals", f"nothing is stored of {', '.join(map(str, sorted(wanted)))}")
    if not stored:
        raise InvalidRequestError("mode", "nothing is stored yet that could be verified")
    return tuple(RunSeries(series, trading.get(series.symbol, False)) for series in stored)


def _stored(
    request: RunRequest,
    defaults: RunDefaults,
    market: Market,
    listed: MarketListings,
    *,
    universe: Sequence[RunSeries],
    records: SeriesStore,
) -> tuple[RunSeries, ...]:
    """Return the series of symbols outside the universe that hold data and belong into the run.

    forward keeps those up to date that trade, unless a setting says otherwise, and asks for the newest slots of those
    that no longer do, until their delisting is proven. gap_fill repairs all.
    """
    mode, intervals = request.mode, frozenset(request.intervals or defaults.intervals)
    if mode == "backward" or (mode == "forward" and not defaults.keep_stored):
        return ()
    taken = {item.series for item in universe}
    trading = {listing.symbol: listing.trading for listing in listed.listings}
    return tuple(
        RunSeries(item.series, trading.get(item.symbol, False))
        for item in _records_of(market, records)
        if item.last is not None
        and item.series not in taken
        and item.series.interval in intervals
        and (mode == "gap_fill" or trading.get(item.symbol) or (item.symbol in trading and item.delisted is None))
    )


def _records_of(market: Market, records: SeriesStore) -> Iterator[SeriesRecord]:
    """Yield the records of the series of a market."""
    return (record for record in records.all() if record.series.market == market.name)
