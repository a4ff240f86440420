"""What the use cases need of the world, as protocols; the adapters and the tests' fakes have their shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, Protocol

from candle_collector.domain.api_key import StoredKey
from candle_collector.domain.candle import Candle
from candle_collector.domain.candle_columns import CandleColumns
from candle_collector.domain.health import FailedStart, FailedTurn
from candle_collector.domain.market import Market
from candle_collector.domain.notice import Notice
from candle_collector.domain.progress import Revision
from candle_collector.domain.rate_limit import RateLimiterState, Reservation
from candle_collector.domain.run import Failure, Run, RunSeriesRecord
from candle_collector.domain.series import Series
from candle_collector.domain.series_message import SeriesMessage
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.universe import Listing, Ranking
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
        The closed ones, by slot, ascending.
    slots
        The slots of all rows, the running one included.
    closed_end
        The slot after the last one that had closed by both clocks, less the margin.
    retries
        How many attempts failed before this answer.
    used_weight
        The weight that the exchange counts for this address in this minute; None where it did not say.
    rejected
        The closed slots whose row is wrong each time it is asked for, and what is wrong with it. They are among
        `slots`: the exchange has a row there.
    """

    candles: tuple[Candle, ...]
    slots: tuple[int, ...]
    closed_end: int
    retries: int = 0
    used_weight: int | None = None
    rejected: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MarketListings:
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
        """The limit on requests."""
        return WeightLimit(self.weight_limit, self.weight_seconds)


class DayTrades(NamedTuple):
    """What was traded in the last 24 hours.

    Attributes
    ----------
    volumes
        In the quote asset, by symbol.
    at_par
        The symbols of which every trade was near 1.00 of their quote asset.
    """

    volumes: Mapping[str, Decimal]
    at_par: frozenset[str] = frozenset()


class Exchange(Protocol):
    """Where candles come from. Each method raises an `ExchangeError` when it cannot answer.

    Each takes a `grant`, which it calls before every attempt, because every attempt is a request that the shared
    budget must allow. What `grant` raises ends the asking at once; of an `ExchangeError`, `failure.attempts` is then
    the attempts that were made, this one not among them.
    """

    @property
    def market(self) -> Market:
        """What is so of its market."""

    @property
    def clock_offset_ms(self) -> int | None:
        """How far the exchange's clock is ahead of ours, by its last answer of any kind; None before the first."""

    def fetch_candles(
        self, series: Series, start: int, limit: int, *, attempts_made: int, until: float, grant: Callable[[], None]
    ) -> FetchedCandles:
        """Ask for the oldest `limit` candles from the slot `start` on.

        Parameters
        ----------
        attempts_made
            How many attempts an earlier turn made for this window.
        until
            When to have given up, in seconds of `time.monotonic`.
        """

    def fetch_market(self, *, grant: Callable[[], None]) -> MarketListings:
        """Ask for all listings."""

    def fetch_volumes(self, *, grant: Callable[[], None]) -> DayTrades:
        """Ask what was traded in the last 24 hours."""


@dataclass(frozen=True)
class StoredBlocks:
    """What is stored of a series in some whole blocks: slots by window, and which blocks have an item at all."""

    stored: Windows
    never_printed: Windows
    blocks: frozenset[int]


class Revised(NamedTuple):
    """A stored candle that was replaced, by which run, and when."""

    revision: Revision
    run_id: str
    at: datetime


class CandleStore(Protocol):
    """Where candles are kept."""

    def coverage(self, series: Series, within: Window) -> StoredBlocks:
        """Read which slots of the blocks that `within` touches are stored or never printed."""

    def store(
        self,
        series: Series,
        candles: Sequence[Candle],
        never_printed: Windows,
        *,
        absent_blocks: frozenset[int],
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        """Write candles and proofs; what is stored already stays as it is.

        Parameters
        ----------
        absent_blocks
            Blocks known to have no item: those whose slots are all in `candles` are written in batches.
        fence
            Called immediately before each write; it raises where the caller has lost the right to it meanwhile.
        """

    def write_coverage(self, series: Series, *, fence: Callable[[], None]) -> None:
        """Write down what `coverage` is read by, where that is kept beside the candles; for when a series is done.

        It may be left out, as by a process that dies: then `coverage` reads more, and returns the same.
        """

    def revise(
        self, series: Series, revisions: Sequence[Revision], *, run_id: str, at: datetime, fence: Callable[[], None]
    ) -> None:
        """Replace stored candles that are still as a run read them, and keep both values; each in one step.

        A candle that is not as it was read stays. Repeating it changes nothing.
        """

    def revised(self, series: Series, within: Window | None = None) -> list[Revised]:
        """Return what was replaced of a series, or of some slots of it, by slot and time."""

    def candles(self, series: Series, within: Window, *, limit: int, newest: bool = False) -> list[Candle]:
        """Return up to `limit` stored candles of `within`, ascending: the oldest, or the newest."""

    def columns(self, series: Series, within: Window) -> CandleColumns:
        """Return all stored candles of `within` as columns: the same candles as `candles` returns, and faster."""

    def first_slot(self, series: Series) -> int | None:
        """Return the slot of the first stored candle by one query, as of now; None where no candle is stored."""

    def last_slot(self, series: Series) -> int | None:
        """Return the slot of the last stored candle by one query, as of now; None where no candle is stored."""


class SeriesStore(Protocol):
    """What is kept of each series beside its candles: first, last and counts are hints, what is stored rules."""

    def get(self, series: Series) -> SeriesRecord:
        """Return the record of a series, an empty one where it does not exist."""

    def put(self, record: SeriesRecord) -> SeriesRecord:
        """Write the record whole, if it is still as it was read, and return it under its new revision.

        Raises
        ------
        StaleTurnError
            Somebody else has written it since.
        """

    def of_symbol(self, market: str, symbol: str) -> list[SeriesRecord]:
        """Return the records of a symbol's series, by interval."""

    def all(self) -> Iterator[SeriesRecord]:
        """Yield every record, by symbol and interval."""


class LeaseStore(Protocol):
    """The lease: the one run that has it may be active. `RunStore` holds it for an active run, and releases it."""

    def take(self, run_id: str, *, now: datetime, expires: datetime) -> str | None:
        """Take the lease for a run, and return None; where another run has it, return its id."""

    def release(self, run_id: str, *, active: bool = False) -> None:
        """Release the lease of a run that is not active, or of an `active` one, if it is still this run's."""

    def holder(self, now: datetime) -> str | None:
        """Return the run that has the lease now."""


class RunStore(Protocol):
    """The runs and their symbols. Steps that come too late raise `StaleTurnError`, and change nothing.

    A step whose reply was lost on the way back is known as the caller's own, however often it was sent.
    """

    def create(self, run: Run, records: Iterable[RunSeriesRecord]) -> None:
        """Write a run, then its symbols."""

    def activate(self, run_id: str, started_at: datetime, *, occurrence: str | None = None) -> None:
        """Mark a created run ready to be worked on, give it the lease until its end, and use up its occurrence.

        All of it happens or nothing.

        Raises
        ------
        StaleTurnError
            The run was stopped, its lease is over, or the occurrence has started a run already.
        """

    def get(self, run_id: str) -> Run | None:
        """Return a run."""

    def get_many(self, run_ids: Sequence[str]) -> list[Run]:
        """Return the runs of these ids in their order, without those that are gone."""

    def runs(self, *, limit: int, before: str | None = None) -> list[str]:
        """Return the ids of the newest runs, newest first, those older than the id `before` only."""

    def open_runs(self) -> list[str]:
        """Return the ids of the runs that have not ended, or whose end was not reported yet."""

    def symbols(self, run_id: str) -> list[RunSeriesRecord]:
        """Return the records of all series of a run, by symbol and interval."""

    def symbol(self, run_id: str, series: Series) -> RunSeriesRecord | None:
        """Return the record of one series of a run."""

    def put_symbol(self, record: RunSeriesRecord, *, followed: bool = False) -> RunSeriesRecord:
        """Write a record, if its revision is the newest, and return it under its new one.

        `stopping` is not written: the record that is returned says what has been set meanwhile.

        Parameters
        ----------
        followed
            Whether the caller writes something else before it reports anything: the record need not be durable before
            that is.
        """

    def stop_symbol(self, run_id: str, series: Series) -> None:
        """Ask the worker that holds a series to stop; its revision stays."""

    def leave(self, run_id: str, *series: Series) -> Run:
        """Take ended series out of the run's open ones in one step, and return the run."""

    def stop(self, run_id: str, reason: str) -> Run:
        """Write down why an open run is stopped, where no reason is written yet, and return the run."""

    def end(self, run_id: str, *, at: datetime, counts: Mapping[str, int]) -> bool:
        """Mark a run ended and release its lease, in one step; False where it had ended already."""

    def forget_open(self, run_id: str) -> None:
        """Take an ended run off the open ones: its end has been reported."""

    def occurred(self, occurrence: str) -> bool:
        """Return whether the occurrence of a schedule has started a run."""


class FailedStartStore(Protocol):
    """The last start by a schedule of which nothing came; whoever reads it compares it with the newest run.

    The last turn that failed is beside it.
    """

    def put(self, start: FailedStart) -> None:
        """Keep a start instead of the one before."""

    def get(self) -> FailedStart | None:
        """Return the last one; None where none failed, or where the record cannot be read."""

    def put_turn(self, turn: FailedTurn) -> None:
        """Keep a worker's turn that failed instead of the one before; whoever reads it looks at what came after."""

    def turn(self) -> FailedTurn | None:
        """Return the last turn that failed; None where none did, or where the record cannot be read."""


class UniverseStore(Protocol):
    """The ranking in each quote asset of each day on which a run asked for it."""

    def put(self, day: str, quote_asset: str, ranking: Ranking, *, run_id: str) -> None:
        """Keep a ranking of a UTC day; the day's first one in a quote asset stays."""

    def get(self, day: str) -> dict[str, Ranking]:
        """Return the rankings of a UTC day by quote asset, in their alphabet; none where no run asked for one."""

    def days(self) -> list[str]:
        """Return the UTC days that have a ranking, ascending."""


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

    def enqueue(self, messages: Sequence[SeriesMessage], *, delay_seconds: int = 0) -> None:
        """Send messages, resending those that the queue refused; duplicates are harmless.

        Raises
        ------
        CollectorError
            Some were refused each time.
        """

    def waiting(self) -> int:
        """Return about how many messages lie there for a worker to take."""


class ReceivedMessage(NamedTuple):
    """A message that one worker holds: hidden from others until it is deleted, returned, or its visibility is over.

    Attributes
    ----------
    receipt
        Names this receiving of it; it changes with each.
    receives
        How often it was received, this time included.
    """

    message_id: str
    body: str
    receipt: str
    receives: int


class MessageQueue(CollectQueue, Protocol):
    """A queue whose receiving end is ours too: at least once, with delays, visibility and a dead-letter list.

    A message that was received five times without being deleted is a dead letter at its next receive. One that was not
    deleted while a run may live (`DEADLINE_MOST`) is dropped.
    """

    def receive(self, *, visibility: timedelta) -> ReceivedMessage | None:
        """Take the message that has been visible longest, and hide it for so long; None where all are hidden."""

    def delete(self, receipt: str) -> None:
        """Forget a message; a receipt that is not the newest of its message changes nothing."""

    def make_visible(self, receipt: str) -> None:
        """Let others receive a message at once; a receipt that is not the newest of its message changes nothing."""

    def make_all_visible(self) -> int:
        """Let every message that a receive hides be received at once, and return how many there were.

        For the start of the only process that receives: whoever held them is gone.
        """

    def next_visible_in(self) -> float | None:
        """Return in how many seconds a message can be received, 0 where one can now; None where the queue is empty."""

    def dead_letters(self) -> list[ReceivedMessage]:
        """Return the dead letters, in the order in which they came; their receipts are empty."""


class RateLimiter(Protocol):
    """What all workers agree on: one budget of weight, a ban, and a refusal, each apart from the others.

    All moments and periods are by the exchange's clock, as far as the caller knows it.
    """

    def reserve(
        self, weight: int, *, period: int, period_seconds: int, budget: int, now: datetime, least: int = 1
    ) -> Reservation:
        """Reserve up to `weight` of what is left of `budget` in a period; perhaps nothing.

        A period only ever goes forward: whoever is behind reserves of what is left in the one that others have begun.

        Parameters
        ----------
        period
            The number of the exchange's minute (or whatever it counts in) since 1970.
        period_seconds
            Its length; with periods of another length the budget begins again.
        least
            Less than this is of no use: then nothing is reserved.

        Raises
        ------
        ExchangeBlockedError
            The exchange asked us to wait.
        """

    def check(self, *, now: datetime) -> RateLimiterState:
        """Look whether the exchange may be asked: one read, before each attempt.

        Raises
        ------
        ExchangeBlockedError
            The exchange asked us to wait.
        ExchangeRefusedError
            It did not, but a person must change something first.
        """

    def observe(self, used: int, *, period: int) -> None:
        """Raise what counts as reserved in `period` to what the exchange says is used."""

    def block(self, seconds: float, failure: Failure, *, now: datetime, seen: str | None) -> datetime:
        """Let nobody ask for so long, or longer where this follows other blocks; return until when.

        An end that is later and written already stays, and so does a refusal.

        Parameters
        ----------
        seconds
            What the exchange asked for.
        seen
            The `block_id` that `check` returned before the request. Another one standing there now means that somebody
            else has met the same block meanwhile, so that the wait does not grow.
        """

    def refuse(self, until: datetime, failure: Failure) -> None:
        """Let nobody ask before a person changes something; a later end stays, and so does a ban."""

    def reopen(self, refusal_id: str) -> None:
        """Forget this refusal, because the exchange has answered: the id was read before it was asked."""

    def answered(self, block_id: str) -> None:
        """Count the blocks in a row from the first again, if this one is still the last."""

    def note_clock(self, offset_ms: int) -> None:
        """Keep how far the exchange's clock is ahead of ours."""

    def state(self) -> RateLimiterState:
        """Return how things stand."""


@dataclass(frozen=True)
class MarketAnswers:
    """What the exchange last said of its market.

    Attributes
    ----------
    volumes
        The quote volume of the last 24 hours by symbol; None where nobody asked for it.
    taken_at
        When the listings came, by the exchange's clock.
    at_par
        The symbols that traded near 1.00 the whole day, where the volumes were asked for.
    """

    market: MarketListings
    volumes: Mapping[str, Decimal] | None
    taken_at: datetime
    at_par: frozenset[str] = frozenset()


class MarketCache(Protocol):
    """The market's last answers, for all processes, and whose turn it is to ask for newer ones."""

    def get(self) -> MarketAnswers | None:
        """Return the last answers, however old."""

    def put(self, answers: MarketAnswers) -> None:
        """Keep answers.

        Raises
        ------
        CollectorError
            They could not be written.
        """

    def claim(self, *, now: datetime, until: datetime) -> str | None:
        """Take the turn to ask until then, and return its id; None while somebody else has it."""

    def release(self, claim_id: str) -> None:
        """End the turn, if it is still this one."""


class ListingStore(Protocol):
    """What the exchange last said of each symbol that was ever part of a run."""

    def get(self) -> Mapping[str, Listing]:
        """Return the listings by symbol."""

    def put(self, listings: Mapping[str, Listing]) -> None:
        """Keep these listings, and no others.

        Raises
        ------
        CollectorError
            They could not be written.
        """


class ExchangeProbe(Protocol):
    """A look at the exchange from where the functions run."""

    def answers(self) -> bool:
        """Return whether it answers, or did within the last seconds."""


class EventBus(Protocol):
    """Whoever subscribed to what happens here."""

    def collection_ended(self, run: Run, counts: Mapping[str, int], latest: int | None) -> None:
        """Report that a run has ended, and when the latest stored candle opened, in ms since 1970 UTC.

        Raises
        ------
        CollectorError
            Nobody was notified.
        """


@dataclass(frozen=True)
class ArchiveFigures:
    """How the archive and its open runs stand at one moment.

    Attributes
    ----------
    lag_hours
        For how many hours candles of a collected interval have closed that are newer than its newest stored one, as
        far as they count against the schedules (`counted_lag`); 0 while nothing is stored.
    overdue_seconds
        For how long the open run that is furthest past its deadline has been so; 0 where none is.
    blocked_seconds
        For how long from now nobody asks the exchange; 0 where it may be asked.
    """

    lag_hours: float
    overdue_seconds: float
    blocked_seconds: float


class Metrics(Protocol):
    """The figures that whoever looks after the archive watches.

    Each is reported after the write that it is about, by whoever won that write: what is delivered twice is reported
    once, and the sum over a run is what its record says. No method raises.
    """

    def symbol_ended(self, record: RunSeriesRecord) -> None:
        """Report the outcome of a run's symbol."""

    def run_ended(self, run_id: str, counts: Mapping[str, int], missing_slots: int) -> None:
        """Report a run's outcomes by their number, and the candles that its series lack."""

    def archive_stands(self, figures: ArchiveFigures) -> None:
        """Report how the archive stands now; each report stands for itself."""

    def key_refused(self) -> None:
        """Report that a caller was refused for the key that it sent, or did not send."""


class Notifier(Protocol):
    """Where a person is reached who asked for it."""

    @property
    def is_used(self) -> bool:
        """Whether anybody asked for it."""

    def send(self, notice: Notice) -> None:
        """Send a notice, within seconds, wherever it was not sent yet.

        Raises
        ------
        CollectorError
            Somewhere it was not taken; the message says where and why, without a secret.
        """


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
