"""What the use cases need of the world, as protocols; the adapters and the tests' fakes have their shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

from candle_collector.domain.api_key import StoredKey
from candle_collector.domain.candle import Candle
from candle_collector.domain.run import Failure, Run, SymbolRecord
from candle_collector.domain.series import Series
from candle_collector.domain.symbol_message import SymbolMessage
from candle_collector.domain.universe import Listing, Ranked
from candle_collector.domain.weight_limit import WeightLimit
from candle_collector.domain.windows import Window, Windows
from candle_collector.errors import NotFoundError


class Clock(Protocol):
    """The time of this machine."""

    def now(self) -> datetime:
        """Return the aware UTC time."""


@dataclass(frozen=True)
class FetchedCandles:
    """The exchange's answer to one request for candles.

    Attributes
    ----------
    candles
        The closed ones, by hour, ascending.
    hours
        The hours of all rows, the running one included.
    closed_end
        The hour after the last one that had closed by both clocks, less the margin.
    retries
        How many attempts failed before this answer.
    used_weight
        The weight that the exchange counts for this address in this minute; None where it did not say.
    """

    candles: tuple[Candle, ...]
    hours: tuple[int, ...]
    closed_end: int
    retries: int = 0
    used_weight: int | None = None


@dataclass(frozen=True)
class Market:
    """What the exchange lists, and its limits.

    Attributes
    ----------
    weight_limit, weight_seconds
        So much weight in so many seconds.
    clock_offset_ms
        How far the exchange's clock is ahead of ours.
    """

    listings: tuple[Listing, ...]
    weight_limit: int
    weight_seconds: int
    clock_offset_ms: int

    @property
    def limit(self) -> WeightLimit:
        """The limit, by the exchange's clock."""
        return WeightLimit(self.weight_limit, self.weight_seconds, self.clock_offset_ms)


class RequestWeights(NamedTuple):
    """What requests cost of the exchange's limit.

    Attributes
    ----------
    candles
        One request for candles, whatever its limit.
    listings
        All listings and volumes together.
    """

    candles: int
    listings: int


class Exchange(Protocol):
    """Where candles come from. Each method raises an `ExchangeError` when it cannot answer."""

    @property
    def weights(self) -> RequestWeights:
        """What requests cost."""

    def fetch_candles(self, symbol: str, start: int, limit: int, *, attempts_made: int, until: float) -> FetchedCandles:
        """Ask for the oldest `limit` candles from the hour `start` on.

        Parameters
        ----------
        attempts_made
            How many attempts an earlier turn made for this window.
        until
            When to have given up, in seconds of `time.monotonic`.
        """

    def fetch_market(self) -> Market:
        """Ask for all listings."""

    def fetch_volumes(self) -> Mapping[str, Decimal]:
        """Ask for the quote volume of the last 24 hours by symbol."""


@dataclass(frozen=True)
class StoredDays:
    """What is stored of a series in some whole days: hours by window, and which days have an item at all."""

    stored: Windows
    never_printed: Windows
    days: frozenset[str]


class CandleStore(Protocol):
    """Where candles are kept: one item for each series and UTC day."""

    def coverage(self, symbol: str, within: Window) -> StoredDays:
        """Read which hours of the days that `within` touches are stored or never printed."""

    def store(
        self, symbol: str, candles: Sequence[Candle], never_printed: Windows, *, absent_days: frozenset[str]
    ) -> None:
        """Write candles and proofs; what is stored already stays as it is.

        Parameters
        ----------
        absent_days
            Days known to have no item: those whose 24 hours are all in `candles` are written in batches.
        """

    def candles(self, symbol: str, within: Window, *, limit: int, newest: bool = False) -> list[Candle]:
        """Return up to `limit` stored candles of `within`, ascending: the oldest, or the newest."""

    def first_hour(self, symbol: str) -> int | None:
        """Return the hour of the first stored candle by one query, as of now; None where no candle is stored."""

    def last_hour(self, symbol: str) -> int | None:
        """Return the hour of the last stored candle by one query, as of now; None where no candle is stored."""


class SeriesStore(Protocol):
    """What is kept of each series beside its candles: first, last and counts are hints, what is stored rules."""

    def get(self, symbol: str) -> Series:
        """Return the record of `symbol`, an empty one where it does not exist."""

    def put(self, series: Series) -> None:
        """Write the record whole."""

    def all(self) -> Iterator[Series]:
        """Yield every record, by symbol."""


class LeaseStore(Protocol):
    """The lease: the one run that has it may be active."""

    def take(self, run_id: str, *, now: datetime, expires: datetime) -> str | None:
        """Take the lease for a run, and return None; where another run has it, return its id."""

    def extend(self, run_id: str, expires: datetime) -> bool:
        """Hold the lease longer; False where it is no longer this run's."""

    def release(self, run_id: str) -> None:
        """Release the lease, if it is still this run's."""

    def holder(self, now: datetime) -> str | None:
        """Return the run that has the lease now."""


class RunStore(Protocol):
    """The runs and their symbols. Steps that come too late raise `StaleTurnError`."""

    def create(self, run: Run, records: Iterable[SymbolRecord], *, occurrence: str | None = None) -> None:
        """Write a run, with the occurrence that started it, then its symbols.

        Raises
        ------
        StaleTurnError
            The occurrence has started a run already.
        """

    def activate(self, run_id: str, started_at: datetime) -> None:
        """Mark a created run ready to be worked on."""

    def get(self, run_id: str) -> Run | None:
        """Return a run."""

    def get_many(self, run_ids: Sequence[str]) -> list[Run]:
        """Return the runs of these ids in their order, without those that are gone."""

    def runs(self, *, limit: int, before: str | None = None) -> list[str]:
        """Return the ids of the newest runs, newest first, those older than the id `before` only."""

    def open_runs(self) -> list[str]:
        """Return the ids of the runs that have not ended, or whose end was not finished."""

    def symbols(self, run_id: str) -> list[SymbolRecord]:
        """Return the records of all symbols of a run, by symbol."""

    def symbol(self, run_id: str, symbol: str) -> SymbolRecord | None:
        """Return the record of one symbol of a run."""

    def claim(self, record: SymbolRecord, *, now: datetime, until: datetime) -> SymbolRecord:
        """Claim the record's turn for a worker, while nobody else holds it and it is open."""

    def save(self, record: SymbolRecord, *, raise_turn: bool = False) -> SymbolRecord:
        """Write what changed of an open record whose turn is still this one; `raise_turn` also ends the claim."""

    def end_symbol(self, record: SymbolRecord) -> SymbolRecord:
        """Write a terminal outcome once; complete also replaces the mark of whoever closed it for a worker."""

    def close_symbol(self, record: SymbolRecord) -> SymbolRecord:
        """Write a terminal outcome from outside, where the record is open, or was never written."""

    def leave(self, run_id: str, symbol: str) -> Run:
        """Take an ended symbol out of the run's open ones, and return the run."""

    def end(self, run_id: str, *, at: datetime, counts: Mapping[str, int], reason: str | None) -> bool:
        """Mark a run ended; False where it was. Counts are written each time, a reason where none is written yet."""

    def forget_open(self, run_id: str) -> None:
        """Take an ended run off the open ones: the last step of its end."""

    def occurred(self, occurrence: str) -> bool:
        """Return whether the occurrence of a schedule has started a run."""


class UniverseStore(Protocol):
    """The ranking of each day on which a run asked for it."""

    def put(self, day: str, ranked: Sequence[Ranked], *, run_id: str) -> None:
        """Keep the ranking of a UTC day; the day's first one stays."""

    def get(self, day: str) -> list[dict[str, str]] | None:
        """Return the ranking of a UTC day: symbol and quote_volume, best first."""


def find_run(run_id: str, runs: RunStore) -> Run:
    """Return a run.

    Raises
    ------
    NotFoundError
        No run has that id.
    """
    run = runs.get(run_id)
    if run is None:
        raise NotFoundError(f"there is not a run {run_id}")
    return run


class CollectQueue(Protocol):
    """The way to the workers."""

    def enqueue(self, messages: Sequence[SymbolMessage], *, delay_seconds: int = 0) -> None:
        """Send messages, resending those that the queue refused; duplicates are harmless.

        Raises
        ------
        CollectorError
            Some were refused each time.
        """

    def waiting(self) -> int:
        """Return about how many messages lie there for a worker to take."""


@dataclass(frozen=True)
class RateLimiterState:
    """Whether the exchange may be asked.

    Attributes
    ----------
    reserved
        The weight reserved in `period`.
    period
        The number of the exchange's minute (or whatever it counts in) since 1970 that was reserved in last.
    blocked_until
        Until when nobody asks.
    permanent
        Whether a person must change something first.
    clock_offset_ms
        How far the exchange's clock was ahead of ours when the last run started.
    """

    reserved: int = 0
    period: int | None = None
    clock_offset_ms: int = 0
    blocked_until: datetime | None = None
    reason: str | None = None
    permanent: bool = False


class Reservation(NamedTuple):
    """The weight that may be used, and all that is reserved in the period."""

    granted: int
    reserved: int


class RateLimiter(Protocol):
    """One budget of weight for all workers, and one closed door."""

    def reserve(self, weight: int, *, period: int, budget: int, now: datetime) -> Reservation:
        """Reserve up to `weight` of what is left of `budget` in `period`; perhaps nothing.

        Parameters
        ----------
        period
            The number of the exchange's minute (or whatever it counts in) since 1970.

        Raises
        ------
        ExchangeBlockedError
            The rate limiter is closed.
        """

    def check(self, *, now: datetime) -> None:
        """Look whether the rate limiter is open: one read, before each request.

        Raises
        ------
        ExchangeBlockedError
            It is closed until a time.
        ExchangeRefusedError
            It is closed until a person changes something.
        """

    def observe(self, used: int, *, period: int) -> None:
        """Raise what counts as reserved in `period` to what the exchange says is used."""

    def block(self, until: datetime, failure: Failure, *, permanent: bool = False) -> None:
        """Close the rate limiter until then; a later end stays."""

    def open(self, clock_offset_ms: int) -> None:
        """Forget every block, because the exchange has just answered, and keep its clock's offset."""

    def state(self) -> RateLimiterState:
        """Return how things stand."""


class ExchangeProbe(Protocol):
    """A look at the exchange from where the functions run."""

    def answers(self) -> bool:
        """Return whether it answers, or did within the last minute."""


class EventBus(Protocol):
    """Whoever subscribed to what happens here."""

    def collection_ended(self, run: Run, counts: Mapping[str, int], latest: int | None) -> None:
        """Report that a run has ended, and the hour of the latest stored candle."""


class ApiKeyStore(Protocol):
    """The keys' records; a secret itself is nowhere."""

    def get(self, key_id: str) -> StoredKey | None:
        """Return the record of a key id."""

    def all(self) -> Iterator[StoredKey]:
        """Yield every record, in no order."""

    def put(self, key: StoredKey) -> None:
        """Write a record."""

    def revoke(self, key_id: str, at: datetime) -> StoredKey | None:
        """Mark a key as revoked, since `at` or earlier, and return its record; None where it does not exist."""

    def note_use(self, key_id: str, at: datetime, *, unless_after: datetime) -> None:
        """Write down that a key was used, unless a use after `unless_after` is noted already.

        Raises
        ------
        CollectorError
            It could not be written.
        """
