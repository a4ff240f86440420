"""The answers of the API, member by member."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from candle_collector.domain.run import Mode
from pydantic import Field, RootModel

from localstack.openapi.shapes import Count, Date, Day, Decimal, Milliseconds, Model, Moment, RunId, Symbol

Outcome = Literal["pending", "running", "complete", "partial", "failed", "skipped"]
Percent = Annotated[float, Field(ge=0, le=100)]


class Hours(Model):
    """A window of hours; `end` is not part of it."""

    start: Moment
    end: Moment
    hours: Annotated[int, Field(ge=1)]


class Started(Model):
    """A run was started."""

    success: Literal[True]
    message: str
    mode: Mode
    run_id: RunId
    start_date: Date
    end_date: Date
    total_cryptos: Annotated[int, Field(ge=1)]
    status_endpoint: str
    status_url: str
    note: str | None


class PlannedSymbol(Model):
    """What a run would ask for of one symbol; at most 100 windows are told."""

    symbol: Symbol
    missing_hours: Count
    windows: Annotated[list[Hours], Field(max_length=100)]
    requests: Count


class Plan(Model):
    """What a run would ask for and cost, on demand in us-east-1; nothing was started."""

    dry_run: Literal[True]
    mode: Mode
    start_date: Date
    end_date: Date
    note: str | None
    total_cryptos: Annotated[int, Field(ge=1)]
    symbols: list[PlannedSymbol]
    missing_hours: Count
    requests: Count
    weight: Count
    estimated_minutes: Annotated[float, Field(ge=0)]
    estimated_dollars: Annotated[float, Field(ge=0)]
    dollars: dict[str, float]
    prices: dict[str, float]


class Outcomes(Model):
    """How many symbols of a run have ended in which way."""

    complete: Count
    partial: Count
    failed: Count
    skipped: Count


class Cancelled(Model):
    """A run was stopped; what it stored stays."""

    success: Literal[True]
    run_id: RunId
    counts: dict[str, int]
    status_url: str


class Failure(Model):
    """Why something is missing."""

    kind: str
    message: str
    http_status: int | None
    exchange_code: int | None
    attempts: Count


class SymbolResult(Model):
    """What became of one symbol; `missing` tells at most 100 windows, `missing_hours` counts all."""

    symbol: Symbol
    status: Outcome
    records: Count
    requests: Count
    retries: Count
    missing: Annotated[list[Hours], Field(max_length=100)]
    missing_hours: Count
    error: Failure | None
    first: Moment | None
    last: Moment | None


class Progress(Model):
    """How far a run is; `eta_seconds` is null while it cannot be told."""

    done: Count
    total: Annotated[int, Field(ge=1)]
    percent: Percent
    eta_seconds: Annotated[float, Field(ge=0)] | None


class Results(Outcomes):
    """What a run has done so far, or in all."""

    run_id: RunId
    mode: Mode
    start_date: Date
    end_date: Date
    ended_at: Moment | None
    end_reason: str | None
    note: str | None
    total_cryptos: Annotated[int, Field(ge=1)]
    total_records: Count
    details: list[SymbolResult]


class Status(Model):
    """The active run, else the last that ended, or the one that was named; null members before the first run."""

    is_running: bool
    status: Literal["running", "idle"]
    current_operation: Mode | None
    run_id: RunId | None
    start_time: Moment | None
    elapsed_seconds: Annotated[float, Field(ge=0)] | None
    timestamp: Moment
    waiting_for_exchange_until: Moment | None
    progress: Progress | None
    last_results: Results | None


class RunLine(Model):
    """A run in short; its counts are null until it has ended."""

    run_id: RunId
    mode: Mode
    state: Literal["creating", "active", "ended"]
    start_date: Date
    end_date: Date
    created_at: Moment
    ended_at: Moment | None
    end_reason: str | None
    total_cryptos: Annotated[int, Field(ge=1)]
    complete: Count | None
    partial: Count | None
    failed: Count | None
    skipped: Count | None
    total_records: Count | None
    note: str | None


class Runs(Model):
    """A page of runs, newest first; `next` goes into `before` for the page after it."""

    runs: list[RunLine]
    next: RunId | None


class RankedSymbol(Model):
    """A symbol of the universe and what was traded of it in 24 hours, in USDT."""

    symbol: Symbol
    quote_volume: str


class Universe(Model):
    """The ranking of a day, best first."""

    date: Day
    symbols: list[RankedSymbol]


class Listing(Model):
    """Since when a symbol has candles, and whether that is proven by having asked for earlier ones."""

    first: Moment | None
    is_proven: bool
    asked_from: Moment | None


class MissingHours(Hours):
    """A missing window, how often it was asked for and what came of it."""

    attempts: Count
    last_error: str | None


class SymbolCoverage(Model):
    """How complete one series is between `start` and `end`, which is not part of it."""

    symbol: Symbol
    listing: Listing
    first: Moment | None
    last: Moment | None
    delisted_from: Moment | None
    segments: list[Hours]
    start: Moment | None
    end: Moment | None
    expected: Count
    stored: Count
    never_printed_hours: Count
    never_printed: list[Hours]
    missing_hours: Count
    missing: list[MissingHours]
    percent: Percent | None


class Coverage(Model):
    """A page of all series by symbol; `next` goes into `after` for the page after it."""

    symbols: list[SymbolCoverage]
    next: Symbol | None


class ExchangeInfo(Model):
    """The exchange as it is reached from here."""

    base_url: str
    reachable: bool
    used_weight: Annotated[int, Field(ge=0, description="In the period at hand, as far as this stack knows.")]
    weight_limit: Annotated[int, Field(ge=1)] | None
    weight_seconds: Annotated[int, Field(ge=1)] | None
    blocked_until: Moment | None
    blocked_reason: str | None


class StoreInfo(Model):
    """What is stored; `lag_hours` is how many hours the newest candle is behind the last that has closed."""

    symbols: Count
    candles: Count
    first_candle: Moment | None
    latest_candle: Moment | None
    lag_hours: Count | None


class CollectionInfo(Model):
    """What is being collected, and when that starts by itself; null where it does not, or where it cannot be told."""

    state: Literal["running", "idle"]
    last_run: RunLine | None
    next_scheduled: Moment | None
    next_gap_fill: Moment | None


class Limits(Model):
    """What the API takes at most."""

    symbols_a_run: Count
    body_bytes: Count
    runs_a_page: Count
    candles_a_page: Count
    calls_a_second: Count
    triggers_a_second: Count


class SettingsInForce(Model):
    """How this stack was deployed."""

    exchange_base_url: str
    exchange_weight_share_percent: int
    top_n_cryptos: int
    collection_start_date: Date
    collection_schedule: str
    gap_fill_schedule: str | None
    schedules_enabled: bool
    batch_size_hours: int
    max_retries: int
    worker_timeout: int
    run_deadline_hours: int
    api_key_required: bool


class SystemInfo(Model):
    """How the whole stands."""

    service: Literal["candle-collector"]
    version: str
    stage: Literal["local", "dev", "prod"]
    timestamp: Moment
    exchange: ExchangeInfo
    store: StoreInfo
    collection: CollectionInfo
    limits: Limits
    settings: SettingsInForce


class Kline(
    RootModel[
        tuple[
            Annotated[Milliseconds, Field(title="open time")],
            Annotated[Decimal, Field(title="open")],
            Annotated[Decimal, Field(title="high")],
            Annotated[Decimal, Field(title="low")],
            Annotated[Decimal, Field(title="close")],
            Annotated[Decimal, Field(title="volume")],
            Annotated[Milliseconds, Field(title="close time")],
            Annotated[Decimal, Field(title="quote volume")],
            Annotated[Count, Field(title="number of trades")],
            Annotated[Decimal, Field(title="taker buy base volume")],
            Annotated[Decimal, Field(title="taker buy quote volume")],
            Annotated[Literal["0"], Field(title="unused")],
        ]
    ]
):
    """A candle as Binance's row of 12 columns."""


class Klines(RootModel[Annotated[list[Kline], Field(max_length=1000)]]):
    """Candles, ascending."""


class ServerTime(Model):
    """Our time."""

    serverTime: Milliseconds  # noqa: N815 - Binance's name


class Pong(Model):
    """Nothing, as Binance answers it."""


class BinanceListings(Model):
    """The stored symbols, as Binance lists its own."""

    timezone: Literal["UTC"]
    serverTime: Milliseconds  # noqa: N815 - Binance's name
    rateLimits: list[dict[str, Any]]  # noqa: N815 - Binance's name
    exchangeFilters: list[dict[str, Any]]  # noqa: N815 - Binance's name
    symbols: list[dict[str, Any]]


class OpenApiDocument(RootModel[dict[str, Any]]):
    """The OpenAPI document."""
