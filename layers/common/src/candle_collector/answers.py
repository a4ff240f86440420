"""Every answer of the API as a dataclass: for the use cases, the OpenAPI document and the clients.

Collecting and reading return them, so they stand below both. They need the standard library alone: pydantic stays out
of the functions that only answer. Moments and dates are UTC text as the API writes it. Windows are half open.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal

from candle_collector.domain import windows
from candle_collector.domain.aggregate import INTERVALS
from candle_collector.domain.health import State
from candle_collector.domain.ids import RUN_ID_PATTERN
from candle_collector.domain.interval import Interval
from candle_collector.domain.run import Failure, Mode


class Schema:
    """A mark on a type: what the OpenAPI document says of it, in the words of JSON Schema."""

    def __init__(self, **words: Any) -> None:
        self._words = words

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Add the words; pydantic calls it when the document is built."""
        return {**handler(core), **self._words}


DAY_PATTERN = r"^20(1[7-9]|[2-9][0-9])-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
MOMENT_PATTERN = DAY_PATTERN[:-1] + r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$"
DATE_PATTERN = DAY_PATTERN[:-1] + r"(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)?$"

Day = Annotated[str, Schema(pattern=DAY_PATTERN, examples=["2025-01-31"])]
Moment = Annotated[str, Schema(pattern=MOMENT_PATTERN, examples=["2025-01-31T06:00:00Z"])]
Month = Annotated[str, Schema(pattern=r"^20(1[7-9]|[2-9][0-9])-(0[1-9]|1[0-2])$", examples=["2025-01"])]
Date = Annotated[str, Schema(pattern=DATE_PATTERN, examples=["2025-01-31", "2025-01-31T06:00:00Z"])]
RunId = Annotated[str, Schema(pattern=RUN_ID_PATTERN, examples=["01KBSM0000ABCDEFGHJKMNPQRS"])]
# Binance lists names that are not ASCII; no short pattern says which letters those may hold.
Symbol = Annotated[str, Schema(minLength=1, maxLength=50, examples=["BTCUSDT"])]
IntervalName = Annotated[str, Schema(enum=[str(interval) for interval in Interval], examples=["1h"])]
ReadIntervalName = Annotated[str, Schema(enum=list(INTERVALS), examples=["4h"])]
SeriesName = Annotated[str, Schema(minLength=1, maxLength=80, examples=["binance:BTCUSDT#1h"])]
Count = Annotated[int, Schema(minimum=0)]
Positive = Annotated[int, Schema(minimum=1)]
Seconds = Annotated[float, Schema(minimum=0)]
Percent = Annotated[float, Schema(minimum=0, maximum=100)]
OutcomeName = Literal["pending", "running", "complete", "partial", "failed", "skipped"]


BYTES_MOST = 5_500_000
"""The most bytes of an answer as Lambda sends it, where its text is a JSON string; AWS takes 6 MB (6,291,556)."""

WINDOW_BYTES = 90
"""The most bytes of a window in such an answer."""

MESSAGE_MOST = 500
"""The most characters of a reason in an answer that holds many."""


def most_that_fit(most: int, size: Callable[[int], int]) -> int:
    """Return how many windows, at most `most`, each part of an answer may name so that the whole is sent.

    Parameters
    ----------
    size
        Returns for such a number at least how many bytes the answer then has; it grows with the number.
    """
    if size(most) <= BYTES_MOST:
        return most
    return max(0, bisect_right(range(most), BYTES_MOST, key=size) - 1)


@lru_cache(maxsize=1000)  # the same reason stands at many windows
def text_bytes(text: str | None) -> int:
    """Return how many bytes a text takes in such an answer."""
    return 0 if text is None else len(json.dumps(json.dumps(text, ensure_ascii=False)))


@dataclass(frozen=True)
class Window:
    """A window of candles, by their open times; `end` is not part of it."""

    start: Moment
    end: Moment
    candles: Positive


@dataclass(frozen=True)
class Started:
    """A run was started."""

    success: Literal[True]
    message: str
    mode: Mode
    run_id: RunId
    start_date: Date
    end_date: Date
    total_cryptos: Positive
    intervals: Sequence[IntervalName]
    status_endpoint: str
    status_url: str
    estimated_minutes: Seconds
    note: str | None


@dataclass(frozen=True)
class PlannedSymbol:
    """What a run would ask for of one series; at most 100 windows are listed, fewer in an answer of too many bytes."""

    symbol: Symbol
    interval: IntervalName
    missing_candles: Count
    windows: Annotated[Sequence[Window], Schema(maxItems=100)]
    requests: Count


@dataclass(frozen=True)
class Plan:
    """What a run would ask for and cost, on demand in us-east-1; nothing was started."""

    dry_run: Literal[True]
    mode: Mode
    start_date: Date
    end_date: Date
    note: str | None
    total_cryptos: Positive
    symbols: Sequence[PlannedSymbol]
    missing_candles: Count
    requests: Count
    weight: Count
    estimated_minutes: Seconds
    estimated_dollars: Seconds
    dollars: Mapping[str, float]
    prices: Mapping[str, float]


@dataclass(frozen=True)
class Outcomes:
    """How many cryptos of a run have ended in which way: each by what its series came to together."""

    complete: Count
    partial: Count
    failed: Count
    skipped: Count


@dataclass(frozen=True)
class Cancelled:
    """A run was stopped; what it stored stays. While a worker holds a symbol, it is still `active` for a moment."""

    success: Literal[True]
    run_id: RunId
    state: Literal["active", "ended"]
    counts: Mapping[str, int]
    status_url: str


@dataclass(frozen=True)
class Difference:
    """A candle that is stored otherwise than at the exchange: both as lines of fields, null where one is lacking."""

    open_time: Moment
    stored: str | None
    offered: str | None


@dataclass(frozen=True)
class SymbolResult:
    """What became of one series; `missing` lists at most 100 windows, `missing_candles` counts all.

    `wanted_candles` is how many of its candles were not stored when the run came to it; null before that.

    The last five are of a verification, null in other runs: how many candles were compared, differed, and were
    repaired, how many of those that differ still the exchange has no candle of, so that nothing can replace them, and
    the first 20 that differed. In an answer of too many series for its 6 MB, each lists fewer of them.
    """

    symbol: Symbol
    interval: IntervalName
    status: OutcomeName
    wanted_candles: Count | None
    records: Count
    requests: Count
    retries: Count
    missing: Annotated[Sequence[Window], Schema(maxItems=100)]
    missing_candles: Count
    error: Failure | None
    first: Moment | None
    last: Moment | None
    compared: Count | None
    different: Count | None
    repaired: Count | None
    denied: Count | None
    differences: Annotated[Sequence[Difference], Schema(maxItems=20)] | None


@dataclass(frozen=True)
class Progress:
    """How far a run is; `eta_seconds` is null while it is not known."""

    done: Count
    total: Positive
    percent: Percent
    eta_seconds: Seconds | None


@dataclass(frozen=True)
class Results(Outcomes):
    """What a run has done so far, or in all: totals by crypto, details by series."""

    run_id: RunId
    mode: Mode
    start_date: Date
    end_date: Date
    ended_at: Moment | None
    end_reason: str | None
    note: str | None
    total_cryptos: Positive
    total_records: Count
    details: Sequence[SymbolResult]


@dataclass(frozen=True)
class Status:
    """The active run, else the last that ended, or the one that was named; null members before the first run."""

    is_running: bool
    status: Literal["running", "idle"]
    current_operation: Mode | None
    run_id: RunId | None
    start_time: Moment | None
    elapsed_seconds: Seconds | None
    timestamp: Moment
    waiting_for_exchange_until: Moment | None
    progress: Progress | None
    last_results: Results | None


@dataclass(frozen=True)
class RunLine:
    """A run in short; its counts are null until it has ended."""

    run_id: RunId
    mode: Mode
    state: Literal["creating", "active", "ended"]
    start_date: Date
    end_date: Date
    created_at: Moment
    ended_at: Moment | None
    end_reason: str | None
    total_cryptos: Positive
    complete: Count | None
    partial: Count | None
    failed: Count | None
    skipped: Count | None
    total_records: Count | None
    note: str | None


@dataclass(frozen=True)
class Runs:
    """A page of runs, newest first; `next` goes into `before` for the page after it."""

    runs: Sequence[RunLine]
    next: RunId | None


@dataclass(frozen=True)
class RankedSymbol:
    """A symbol of the universe and what was traded of it in 24 hours, in its quote asset."""

    symbol: Symbol
    quote_asset: str
    quote_volume: str


@dataclass(frozen=True)
class ExcludedSymbol(RankedSymbol):
    """A symbol that would be in the universe by its volume, and why it is not."""

    reason: str


@dataclass(frozen=True)
class Universe:
    """The rankings of a day, by quote asset and best first, and what was left out of them, with the reason."""

    date: Day
    symbols: Sequence[RankedSymbol]
    excluded: Sequence[ExcludedSymbol]


@dataclass(frozen=True)
class Listing:
    """Since when a symbol has candles, and whether that is proven by having asked for earlier ones."""

    first: Moment | None
    is_proven: bool
    asked_from: Moment | None


@dataclass(frozen=True)
class MissingWindow(Window):
    """A missing window, how often it was asked for and what came of it."""

    attempts: Count
    last_error: str | None


@dataclass(frozen=True)
class SymbolCoverage:
    """How complete one series is between `start` and `end`, which is not part of it.

    The windows of a series that has too many for an answer of 6 MB are the first; the counts are of all.
    """

    symbol: Symbol
    interval: ReadIntervalName
    is_kept: Annotated[bool, Schema(description="Whether INTERVALS names it, so that the schedules collect it.")]
    listing: Listing
    first: Moment | None
    last: Moment | None
    delisted_from: Moment | None
    segments: Sequence[Window]
    start: Moment | None
    end: Moment | None
    expected: Count
    stored: Count
    never_printed_candles: Count
    never_printed: Sequence[Window]
    missing_candles: Count
    missing: Sequence[MissingWindow]
    rejected: Annotated[
        Sequence[MissingWindow],
        Schema(description="Candles whose row at the exchange was wrong each time; a recheck asks for them again."),
    ]
    percent: Percent | None
    record_repaired: Annotated[
        bool, Schema(description="Whether the series' record did not fit the stored candles; they were believed.")
    ]


@dataclass(frozen=True)
class Coverage:
    """A page of all series by symbol and interval; `next` goes into `after` for the page after it."""

    symbols: Sequence[SymbolCoverage]
    next: SeriesName | None


@dataclass(frozen=True)
class MonthCoverage:
    """The candles of a UTC month: the last four make up those that are expected."""

    month: Month
    expected: Count
    stored: Count
    never_printed: Count
    missing: Count
    rejected: Count


@dataclass(frozen=True)
class SeriesByMonth:
    """How complete one series is, in candles, in all and by month; `end` is not part of it."""

    symbol: Symbol
    interval: IntervalName
    is_kept: bool
    start: Moment | None
    end: Moment | None
    last: Moment | None
    expected: Count
    stored: Count
    never_printed: Count
    missing: Count
    rejected: Count
    percent: Percent | None
    months: Sequence[MonthCoverage]


@dataclass(frozen=True)
class CoverageByMonth:
    """A page of all series by symbol and interval; `next` goes into `after` for the page after it."""

    series: Sequence[SeriesByMonth]
    next: SeriesName | None


@dataclass(frozen=True)
class ExchangeInfo:
    """The exchange as it is reached from here."""

    base_url: str
    reachable: bool
    used_weight: Annotated[Count, Schema(description="In the current period, as far as this stack knows.")]
    weight_limit: Positive | None
    weight_seconds: Positive | None
    blocked_until: Moment | None
    blocked_reason: str | None


@dataclass(frozen=True)
class StoreInfo:
    """What is stored; for `lag_hours` hours candles have closed, of an interval that is collected, that are not."""

    symbols: Count
    series: Count
    candles: Count
    first_candle: Moment | None
    latest_candle: Moment | None
    lag_hours: Count | None


@dataclass(frozen=True)
class CollectionInfo:
    """What is being collected, and when that starts by itself; null where it does not, or where that is not known."""

    state: Literal["running", "idle"]
    last_run: RunLine | None
    next_scheduled: Moment | None
    next_gap_fill: Moment | None


@dataclass(frozen=True)
class Limits:
    """What the API takes at most."""

    symbols_a_run: Count
    body_bytes: Count
    runs_a_page: Count
    candles_a_page: Count
    calls_a_second: Count
    triggers_a_second: Count


@dataclass(frozen=True)
class SettingsInForce:
    """How this stack was deployed."""

    exchange_base_url: str
    exchange_weight_share_percent: int
    top_n_cryptos: int
    intervals: Sequence[IntervalName]
    quote_assets: Sequence[str]
    collection_start_date: Date
    collection_schedule: str
    gap_fill_schedule: str | None
    schedules_enabled: bool
    batch_size: int
    max_retries: int
    worker_timeout: int
    run_deadline_hours: int
    api_key_required: bool
    public_reads: bool


@dataclass(frozen=True)
class HealthInfo:
    """How the archive stands, in the words that every home uses; `remedy` is null where nothing is to be done."""

    state: State
    sentence: str
    remedy: str | None


@dataclass(frozen=True)
class SystemInfo:
    """The state of the whole deployment."""

    service: Literal["candle-collector"]
    version: str
    stage: Annotated[str, Schema(enum=["local", "dev", "prod"])]
    timestamp: Moment
    health: HealthInfo
    exchange: ExchangeInfo
    store: StoreInfo
    collection: CollectionInfo
    limits: Limits
    settings: SettingsInForce


def window(of: windows.Window, interval: Interval) -> Window:
    """Return a window as the API reports it."""
    return Window(interval.format(of.start), interval.format(of.end), of.slots)
