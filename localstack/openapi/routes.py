"""Every route of the API: what it does, what it takes, what it answers, and the scope of key that it needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from candle_collector.api.limits import RUNS_A_PAGE_DEFAULT, RUNS_A_PAGE_MOST
from candle_collector.api.trigger_body import TriggerBody
from candle_collector.domain.aggregate import INTERVAL_HOURS
from candle_collector.reading.read_candles import LIMIT_DEFAULT
from pydantic import BaseModel, Field, RootModel, TypeAdapter

from localstack.openapi import answers, errors
from localstack.openapi.shapes import Date, Milliseconds, RunId, Symbol

Scope = Literal["admin", "read"]
JsonSchema = dict[str, Any]
AnyModel = type[BaseModel] | type[RootModel[Any]]


@dataclass(frozen=True)
class Parameter:
    """A parameter in the path or the query."""

    name: str
    schema: JsonSchema
    description: str
    place: Literal["path", "query"] = "query"
    required: bool = False


@dataclass(frozen=True)
class Route:
    """A route.

    Attributes
    ----------
    answers
        The models of the answers that are no errors, by status.
    errors
        The models of the errors that only this route answers, by status; see `document.EVERYWHERE` for the others.
    """

    method: Literal["get", "post"]
    path: str
    operation_id: str
    summary: str
    scope: Scope
    answers: dict[int, AnyModel]
    errors: dict[int, AnyModel] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    body: type[BaseModel] | None = None

    @property
    def is_binance_shaped(self) -> bool:
        """Whether it is one of Binance's routes, which take a key as X-MBX-APIKEY as well."""
        return self.path.startswith("/api/v3/")


def _schema(annotation: Any) -> JsonSchema:
    return TypeAdapter(annotation).json_schema()


_RUN_ID = Parameter("run_id", _schema(RunId), "The id of a run.", place="path", required=True)
_SYMBOL = _schema(Symbol)

ROUTES = (
    Route(
        "post",
        "/api/admin/collect/trigger",
        "startRun",
        "Start a run; with dry_run, answer what it would ask for.",
        "admin",
        {202: answers.Started, 200: answers.Plan},
        {409: errors.Conflict, 413: errors.TooLarge},
        body=TriggerBody,
    ),
    Route(
        "post",
        "/api/admin/collect/runs/{run_id}/retry",
        "retryRun",
        "Start a run of what another left partial or failed.",
        "admin",
        {202: answers.Started},
        {409: errors.Conflict},
        (_RUN_ID,),
    ),
    Route(
        "post",
        "/api/admin/collect/runs/{run_id}/cancel",
        "cancelRun",
        "Stop a run; what it stored stays.",
        "admin",
        {200: answers.Cancelled},
        {409: errors.Conflict},
        (_RUN_ID,),
    ),
    Route(
        "get",
        "/api/admin/collect/status",
        "getStatus",
        "The active run, else the last that ended, or the one that is named.",
        "admin",
        {200: answers.Status},
        parameters=(Parameter("run_id", _schema(RunId), "Another run than the newest."),),
    ),
    Route(
        "get",
        "/api/admin/collect/runs",
        "listRuns",
        "The runs of the last weeks, newest first.",
        "admin",
        {200: answers.Runs},
        parameters=(
            Parameter(
                "limit",
                _schema(Annotated[int, Field(ge=1, le=RUNS_A_PAGE_MOST)]) | {"default": RUNS_A_PAGE_DEFAULT},
                "The most runs in the answer.",
            ),
            Parameter("before", _schema(RunId), "Only runs older than this one: `next` of the page before."),
        ),
    ),
    Route(
        "get",
        "/api/admin/universe",
        "getUniverse",
        "The ranking of a day, as it was when a run first asked on that day.",
        "admin",
        {200: answers.Universe},
        parameters=(Parameter("date", _schema(Date), "A day (UTC); today if not given."),),
    ),
    Route(
        "get",
        "/api/admin/coverage",
        "listCoverage",
        "How complete every series is.",
        "read",
        {200: answers.Coverage},
        parameters=(Parameter("after", _SYMBOL, "Only symbols behind this one: `next` of the page before."),),
    ),
    Route(
        "get",
        "/api/admin/coverage/{symbol}",
        "getCoverage",
        "How complete one series is, by its stored days.",
        "read",
        {200: answers.SymbolCoverage},
        parameters=(
            Parameter("symbol", _SYMBOL, "A symbol.", place="path", required=True),
            Parameter("start_date", _schema(Date), "From here on; from the first candle if not given."),
            Parameter("end_date", _schema(Date), "Up to here, included; up to the last closed hour if not given."),
        ),
    ),
    Route(
        "get",
        "/api/admin/system/info",
        "getSystemInfo",
        "How the whole stands.",
        "admin",
        {200: answers.SystemInfo},
    ),
    Route("get", "/openapi.json", "getOpenApi", "This document.", "read", {200: answers.OpenApiDocument}),
    Route(
        "get",
        "/api/v3/klines",
        "getKlines",
        "Stored candles in Binance's shape.",
        "read",
        {200: answers.Klines},
        {400: errors.BinanceError},
        parameters=(
            Parameter("symbol", _SYMBOL, "A symbol that is stored.", required=True),
            Parameter("interval", {"enum": list(INTERVAL_HOURS)}, "1h, or what hours make up.", required=True),
            Parameter("startTime", _schema(Milliseconds), "The oldest candles from this open time on."),
            Parameter("endTime", _schema(Milliseconds), "None that open later."),
            Parameter("timeZone", {"type": "string", "default": "0"}, "Where days begin: hours, -12 to 14."),
            Parameter(
                "limit",
                {"type": "integer", "minimum": 1, "default": LIMIT_DEFAULT},
                "The most candles; more than 1000 are answered with 1000.",
            ),
        ),
    ),
    Route(
        "get",
        "/api/v3/exchangeInfo",
        "getExchangeInfo",
        "The stored symbols in Binance's shape.",
        "read",
        {200: answers.BinanceListings},
        {400: errors.BinanceError},
        parameters=(
            Parameter("symbol", _SYMBOL, "One symbol."),
            Parameter("symbols", {"type": "string"}, 'Several, as a JSON array: ["BTCUSDT","ETHUSDT"].'),
            Parameter("permissions", {"type": "string"}, "Taken and not looked at: everything here is SPOT."),
            Parameter("showPermissionSets", {"type": "string"}, "Taken and not looked at."),
            Parameter(
                "symbolStatus", {"enum": ["TRADING", "END_OF_DAY", "HALT", "BREAK", "CANCEL_ONLY"]}, "Of this status."
            ),
        ),
    ),
    Route("get", "/api/v3/time", "getTime", "Our time, as Binance tells its own.", "read", {200: answers.ServerTime}),
    Route("get", "/api/v3/ping", "ping", "Nothing, as Binance answers it.", "read", {200: answers.Pong}),
)
