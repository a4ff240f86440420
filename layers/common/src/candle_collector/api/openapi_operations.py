"""What the OpenAPI document says of each route: summary, parameters, answers and errors. No function imports this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, TypeAdapter

from candle_collector import answers
from candle_collector.api import routes
from candle_collector.api.limits import RUNS_A_PAGE_DEFAULT, RUNS_A_PAGE_MOST
from candle_collector.api.routes import Route
from candle_collector.api.trigger_body import TriggerBody
from candle_collector.domain.aggregate import INTERVALS
from candle_collector.domain.run import KEPT_WINDOWS
from candle_collector.reading.read_candles import LIMIT_DEFAULT

JsonSchema = dict[str, Any]
"""A schema or another part of the document: JSON of any depth."""

Milliseconds = Annotated[
    int,
    Field(
        ge=0,
        examples=[1735689600000],
        description="ms since 1970 UTC, microseconds where X-MBX-TIME-UNIT asks for them",
    ),
]
Moment = Annotated[
    int,
    Field(
        ge=0,
        le=2**63 - 1,
        examples=[1735689600000],
        description="ms since 1970 UTC, or microseconds where it is past 253402300799999, the last ms of the year 9999",
    ),
]
Decimal = Annotated[str, Field(pattern=r"^[0-9]{1,20}\.[0-9]{8,}$", examples=["93548.80000000"])]


class Model(BaseModel):
    """A JSON object that has these members and no others."""

    model_config = ConfigDict(extra="forbid")


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
            Annotated[answers.Count, Field(title="number of trades")],
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
    rateLimits: list[JsonSchema]  # noqa: N815 - Binance's name
    exchangeFilters: list[JsonSchema]  # noqa: N815 - Binance's name
    symbols: list[JsonSchema]


class OpenApiDocument(RootModel[JsonSchema]):
    """The OpenAPI document."""


@dataclass(frozen=True)
class Parameter:
    """A parameter in the path or the query."""

    name: str
    schema: JsonSchema
    description: str
    place: Literal["path", "query", "header"] = "query"
    required: bool = False


@dataclass(frozen=True)
class Operation:
    """What the document says of a route.

    Attributes
    ----------
    answers
        The types of the answers that are not errors, by status.
    refusals
        The statuses of the errors that only some routes answer.
    """

    route: Route
    operation_id: str
    summary: str
    answers: dict[int, type[object]]
    refusals: tuple[int, ...] = ()
    binance_errors: bool = False
    parameters: tuple[Parameter, ...] = ()
    body: type[BaseModel] | None = None


def schema_of(annotation: Any) -> JsonSchema:
    """Return the JSON Schema of a type."""
    schema: JsonSchema = TypeAdapter(annotation).json_schema()
    return schema


_RUN_ID = Parameter("run_id", schema_of(answers.RunId), "The id of a run.", place="path", required=True)
_RUN_OR_NEWEST = Parameter(
    "run_id",
    {"anyOf": [schema_of(answers.RunId), {"const": routes.NEWEST}]},
    f"The id of a run, or `{routes.NEWEST}`: the newest one that has something to retry.",
    place="path",
    required=True,
)
_SYMBOL = schema_of(answers.Symbol)
_OF_INTERVALS = Parameter(
    "intervals",
    {"type": "string", "examples": ["1m,1h"]},
    "Only series of these, with commas between; all if not given.",
)
_TIME_UNIT = Parameter(
    "X-MBX-TIME-UNIT",
    {"enum": ["MILLISECOND", "millisecond", "MICROSECOND", "microsecond"], "default": "MILLISECOND"},
    "The unit of the times in the answer.",
    place="header",
)
_KLINES_PARAMETERS = (
    _TIME_UNIT,
    Parameter("symbol", _SYMBOL, "A symbol that is stored.", required=True),
    Parameter("interval", {"enum": list(INTERVALS)}, "One that is stored, or that stored ones make up.", required=True),
    Parameter("startTime", schema_of(Moment), "The oldest candles from this open time on."),
    Parameter("endTime", schema_of(Moment), "None that open later."),
    Parameter("timeZone", {"type": "string", "default": "0"}, "Where days begin: hours, -12 to 14."),
    Parameter(
        "limit",
        {"type": "integer", "minimum": 1, "default": LIMIT_DEFAULT},
        "The most candles; more than 1000 are answered with 1000.",
    ),
)

OPERATIONS = (
    Operation(
        routes.TRIGGER,
        "startRun",
        "Start a run; with dry_run, answer what it would ask for.",
        {202: answers.Started, 200: answers.Plan},
        refusals=(409, 413),
        body=TriggerBody,
    ),
    Operation(
        routes.RETRY,
        "retryRun",
        "Start a run of what another left partial or failed.",
        {202: answers.Started},
        refusals=(409,),
        parameters=(_RUN_OR_NEWEST,),
    ),
    Operation(
        routes.CANCEL,
        "cancelRun",
        "Stop a run; what it stored stays.",
        {200: answers.Cancelled},
        refusals=(409,),
        parameters=(_RUN_ID,),
    ),
    Operation(
        routes.STATUS,
        "getStatus",
        "The active run, else the last that ended, or the one that is named.",
        {200: answers.Status},
        parameters=(
            Parameter("run_id", schema_of(answers.RunId), "Another run than the newest."),
            Parameter(
                "windows",
                {"type": "integer", "minimum": 0, "maximum": KEPT_WINDOWS, "default": KEPT_WINDOWS},
                "The most missing windows and differences that each symbol names; 0 for the numbers alone.",
            ),
        ),
    ),
    Operation(
        routes.RUNS,
        "listRuns",
        "The runs of the last weeks, newest first.",
        {200: answers.Runs},
        parameters=(
            Parameter(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": RUNS_A_PAGE_MOST, "default": RUNS_A_PAGE_DEFAULT},
                "The most runs in the answer.",
            ),
            Parameter("before", schema_of(answers.RunId), "Only runs older than this one: `next` of the page before."),
        ),
    ),
    Operation(
        routes.UNIVERSE,
        "getUniverse",
        "The ranking of a day, as it was when a run first asked on that day.",
        {200: answers.Universe},
        parameters=(Parameter("date", schema_of(answers.Date), "A day (UTC); today if not given."),),
    ),
    Operation(
        routes.COVERAGE,
        "listCoverage",
        "How complete every series is.",
        {200: answers.Coverage},
        parameters=(
            _OF_INTERVALS,
            Parameter("after", schema_of(answers.SeriesName), "Only series after this one: `next` of the page before."),
        ),
    ),
    Operation(
        routes.COVERAGE_BY_MONTH,
        "listCoverageByMonth",
        "How many candles of every series are stored, never were, or are missing, by month.",
        {200: answers.CoverageByMonth},
        parameters=(
            _OF_INTERVALS,
            Parameter("after", schema_of(answers.SeriesName), "Only series after this one: `next` of the page before."),
        ),
    ),
    Operation(
        routes.SYMBOL_COVERAGE,
        "getCoverage",
        "How complete one series is, by its stored candles.",
        {200: answers.SymbolCoverage},
        parameters=(
            Parameter("symbol", _SYMBOL, "A symbol.", place="path", required=True),
            Parameter(
                "interval",
                {"enum": list(INTERVALS)},
                "One that is stored, or that stored ones make up; the shortest that is collected if not given.",
            ),
            Parameter("start_date", schema_of(answers.Date), "From here on; from the first candle if not given."),
            Parameter(
                "end_date", schema_of(answers.Date), "Up to here, included; up to the last closed candle if not given."
            ),
        ),
    ),
    Operation(
        routes.SYSTEM_INFO,
        "getSystemInfo",
        "The state of the deployment.",
        {200: answers.SystemInfo},
    ),
    Operation(routes.OPENAPI, "getOpenApi", "This document.", {200: OpenApiDocument}),
    Operation(
        routes.KLINES,
        "getKlines",
        "Stored candles in Binance's shape.",
        {200: Klines},
        binance_errors=True,
        parameters=_KLINES_PARAMETERS,
    ),
    Operation(
        routes.UI_KLINES,
        "getUiKlines",
        "The same as klines, for charts that ask Binance's uiKlines.",
        {200: Klines},
        binance_errors=True,
        parameters=_KLINES_PARAMETERS,
    ),
    Operation(
        routes.EXCHANGE_INFO,
        "getExchangeInfo",
        "The stored symbols in Binance's shape.",
        {200: BinanceListings},
        binance_errors=True,
        parameters=(
            _TIME_UNIT,
            Parameter("symbol", _SYMBOL, "One symbol."),
            Parameter("symbols", {"type": "string"}, 'Several, as a JSON array: ["BTCUSDT","ETHUSDT"].'),
            Parameter("permissions", {"type": "string"}, "Accepted and ignored: everything here is SPOT."),
            Parameter("showPermissionSets", {"enum": ["true", "false"]}, "Whether permission sets are named."),
            Parameter(
                "symbolStatus", {"enum": ["TRADING", "END_OF_DAY", "HALT", "BREAK", "CANCEL_ONLY"]}, "Of this status."
            ),
        ),
    ),
    Operation(
        routes.TIME,
        "getTime",
        "Our time, as Binance gives its own.",
        {200: ServerTime},
        binance_errors=True,
        parameters=(_TIME_UNIT,),
    ),
    Operation(routes.PING, "ping", "Nothing, as Binance answers it.", {200: Pong}),
)
