"""Builds the OpenAPI 3.1 document of the API from its routes, answers and errors.

`make openapi` writes it beside this file. No function imports this module: pydantic would make its start slower.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from candle_collector import __version__, answers
from candle_collector.api import routes
from candle_collector.api.binance_shape import ERROR_CODES
from candle_collector.api.errors import HTTP_ERRORS, INTERNAL
from candle_collector.api.limits import RUNS_A_PAGE_DEFAULT, RUNS_A_PAGE_MOST
from candle_collector.api.openapi import OPENAPI_FILE
from candle_collector.api.responses import HEADERS
from candle_collector.api.routes import Route
from candle_collector.api.trigger_body import TriggerBody
from candle_collector.domain.aggregate import INTERVAL_HOURS
from candle_collector.reading.read_candles import LIMIT_DEFAULT

JsonSchema = dict[str, Any]

Milliseconds = Annotated[int, Field(ge=0, examples=[1735689600000], description="ms since 1970 UTC")]
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
    rateLimits: list[dict[str, Any]]  # noqa: N815 - Binance's name
    exchangeFilters: list[dict[str, Any]]  # noqa: N815 - Binance's name
    symbols: list[dict[str, Any]]


class OpenApiDocument(RootModel[dict[str, Any]]):
    """The OpenAPI document."""


def _object(members: JsonSchema, required: Sequence[str] | None = None, **more: str) -> JsonSchema:
    """Return the schema of an object that has these members and no others; all are required where none are named."""
    required = list(members) if required is None else list(required)
    return {**more, "type": "object", "additionalProperties": False, "required": required, "properties": members}


_MESSAGE = {"type": "string", "description": "A sentence for people; its wording may change."}

_BINANCE_ERROR = _object(
    {
        "code": {"enum": sorted(ERROR_CODES.values())},
        "msg": {"type": "string"},
        "error": _object({"code": {"enum": sorted(ERROR_CODES)}, "message": _MESSAGE}),
    },
    title="BinanceError",
    description="What Binance answers to the same mistake, and our own shape beside it.",
)


@dataclass(frozen=True)
class Refusal:
    """The error answers of a status: what they mean, the codes they may have, and further members of ``error``."""

    name: str
    meaning: str
    gateway_codes: tuple[str, ...] = ()
    field: bool = False
    run_id: bool = False

    def schema(self, status: int) -> JsonSchema:
        """Return the schema of the body."""
        ours = [error.code for error in (*HTTP_ERRORS.values(), INTERNAL) if error.status == status]
        members: JsonSchema = {"code": {"enum": sorted({*ours, *self.gateway_codes})}, "message": _MESSAGE}
        required = ["code", "message"]
        if self.field:
            members["field"] = {"type": "string"}
        if self.run_id:
            members["run_id"] = _schema(answers.RunId)
            required.append("run_id")
        return _object({"error": _object(members, required)}, title=self.name, description=self.meaning)


REFUSALS: dict[int, Refusal] = {
    400: Refusal(
        "InvalidRequest",
        "The request is not valid: `field` names what is wrong, and nothing was started.",
        ("REQUEST_REFUSED",),
        field=True,
    ),
    401: Refusal("MissingKey", "The request carries no key."),
    403: Refusal(
        "RefusedKey",
        "The key is not valid, or not for this route. The code is empty where the caller's address may not call.",
        ("REQUEST_REFUSED", ""),
    ),
    404: Refusal("NotFound", "There is no such route, run, symbol or day."),
    409: Refusal("Conflict", "A run is in the way: `run_id` names it.", run_id=True),
    413: Refusal("TooLarge", "The body is larger than 64 KiB.", ("REQUEST_TOO_LARGE",), field=True),
    429: Refusal("TooMany", "The API gets more requests than it allows: wait a second.", ("TOO_MANY_REQUESTS",)),
    500: Refusal("Internal", "Something went wrong: the functions' logs say what."),
    502: Refusal("InternalGateway", "Something went wrong: the functions' logs say what.", ("INTERNAL_ERROR",)),
    503: Refusal(
        "Unavailable", "The exchange does not answer, or wants no requests; nothing was started.", ("INTERNAL_ERROR",)
    ),
    504: Refusal("Slow", "No answer in time: look at the status before you try again.", ("TIMEOUT", "INTERNAL_ERROR")),
}
"""Every error answer by status."""

EVERYWHERE = tuple(status for status in REFUSALS if status != HTTPStatus.CONFLICT)
"""The statuses that API Gateway or any function may answer."""


@dataclass(frozen=True)
class Parameter:
    """A parameter in the path or the query."""

    name: str
    schema: JsonSchema
    description: str
    place: Literal["path", "query"] = "query"
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
    answers: dict[int, type[Any]]
    refusals: tuple[int, ...] = ()
    binance_errors: bool = False
    parameters: tuple[Parameter, ...] = ()
    body: type[BaseModel] | None = None


def _schema(annotation: Any) -> JsonSchema:
    return TypeAdapter(annotation).json_schema()


_RUN_ID = Parameter("run_id", _schema(answers.RunId), "The id of a run.", place="path", required=True)
_SYMBOL = _schema(answers.Symbol)

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
        parameters=(_RUN_ID,),
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
        parameters=(Parameter("run_id", _schema(answers.RunId), "Another run than the newest."),),
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
            Parameter("before", _schema(answers.RunId), "Only runs older than this one: `next` of the page before."),
        ),
    ),
    Operation(
        routes.UNIVERSE,
        "getUniverse",
        "The ranking of a day, as it was when a run first asked on that day.",
        {200: answers.Universe},
        parameters=(Parameter("date", _schema(answers.Date), "A day (UTC); today if not given."),),
    ),
    Operation(
        routes.COVERAGE,
        "listCoverage",
        "How complete every series is.",
        {200: answers.Coverage},
        parameters=(Parameter("after", _SYMBOL, "Only symbols after this one: `next` of the page before."),),
    ),
    Operation(
        routes.SYMBOL_COVERAGE,
        "getCoverage",
        "How complete one series is, by its stored days.",
        {200: answers.SymbolCoverage},
        parameters=(
            Parameter("symbol", _SYMBOL, "A symbol.", place="path", required=True),
            Parameter("start_date", _schema(answers.Date), "From here on; from the first candle if not given."),
            Parameter(
                "end_date", _schema(answers.Date), "Up to here, included; up to the last closed hour if not given."
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
        parameters=(
            Parameter("symbol", _SYMBOL, "A symbol that is stored.", required=True),
            Parameter(
                "interval", {"enum": list(INTERVAL_HOURS)}, "1h, or an interval that is made of hours.", required=True
            ),
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
    Operation(
        routes.EXCHANGE_INFO,
        "getExchangeInfo",
        "The stored symbols in Binance's shape.",
        {200: BinanceListings},
        binance_errors=True,
        parameters=(
            Parameter("symbol", _SYMBOL, "One symbol."),
            Parameter("symbols", {"type": "string"}, 'Several, as a JSON array: ["BTCUSDT","ETHUSDT"].'),
            Parameter("permissions", {"type": "string"}, "Accepted and ignored: everything here is SPOT."),
            Parameter("showPermissionSets", {"type": "string"}, "Accepted and ignored."),
            Parameter(
                "symbolStatus", {"enum": ["TRADING", "END_OF_DAY", "HALT", "BREAK", "CANCEL_ONLY"]}, "Of this status."
            ),
        ),
    ),
    Operation(routes.TIME, "getTime", "Our time, as Binance gives its own.", {200: ServerTime}),
    Operation(routes.PING, "ping", "Nothing, as Binance answers it.", {200: Pong}),
)


_DESCRIPTION = """\
An archive of hourly candles: started and watched by the admin routes, read in Binance's own shape.

Every route needs a key: as `X-API-Key`, as `Authorization: Bearer` or as `api_key` in the query; Binance's routes take
it as `X-MBX-APIKEY` as well. Keys that disagree are refused. A key of the scope `read` reaches the routes marked so.

Times are UTC. Answers have no members that their schema does not name, and bodies may not have any.
"""

_KEY_PLACES = {
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "query": {
        "type": "apiKey",
        "in": "query",
        "name": "api_key",
        "description": "Prefer a header: addresses get logged.",
    },
    "binance": {"type": "apiKey", "in": "header", "name": "X-MBX-APIKEY", "description": "On Binance's routes only."},
}


def openapi_document() -> dict[str, Any]:
    """Return the document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.route.path, {})[operation.route.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Candle collector", "version": __version__, "description": _DESCRIPTION},
        "servers": [{"url": ".", "description": "Where this document is served."}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "responses": {
                REFUSALS[status].name: _response(REFUSALS[status].meaning, REFUSALS[status].name)
                for status in EVERYWHERE
            },
            "headers": _headers(),
            "securitySchemes": _KEY_PLACES,
        },
    }


def openapi_json() -> str:
    """Return the document as the text that is served."""
    return json.dumps(openapi_document(), sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n"


def _schemas() -> dict[str, Any]:
    """Return the schemas of all answers, bodies and errors by name."""
    answered = {kind for operation in OPERATIONS for kind in operation.answers.values()}
    inputs: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        *((kind.__name__, "serialization", TypeAdapter(kind)) for kind in answered),
        ("TriggerBody", "validation", TypeAdapter(TriggerBody)),
    ]
    _, whole = TypeAdapter.json_schemas(inputs, ref_template="#/components/schemas/{model}")
    schemas: dict[str, Any] = whole["$defs"]
    for name, schema in schemas.items():
        # a docstring's first paragraph describes; what follows is for whoever reads the code
        schema["description"] = schema["description"].split("\n\n")[0].replace("\n", " ")
        if schema["type"] == "object" and name not in {"BinanceListings", "OpenApiDocument"}:
            schema["additionalProperties"] = False
    for name in ("start_date", "end_date"):
        # the function checks dates itself, to refuse them in plain words
        for choice in schemas["TriggerBody"]["properties"][name]["anyOf"]:
            if choice["type"] == "string":
                choice["pattern"] = answers.DATE_PATTERN
    errors = {refusal.name: refusal.schema(status) for status, refusal in REFUSALS.items()}
    return schemas | errors | {"BinanceError": _BINANCE_ERROR}


def _operation(operation: Operation) -> dict[str, Any]:
    route = operation.route
    places = ["header", "bearer", "query", *(["binance"] if route.is_candles_route else [])]
    document: dict[str, Any] = {
        "operationId": operation.operation_id,
        "summary": operation.summary,
        "description": f"Needs a key of the scope `{route.scope.value}`.",
        "tags": ["candles" if route.is_candles_route else "admin"],
        "security": [{place: []} for place in places],
        "responses": {
            **{str(status): {"$ref": f"#/components/responses/{REFUSALS[status].name}"} for status in EVERYWHERE},
            **{
                str(status): _response(REFUSALS[status].meaning, REFUSALS[status].name) for status in operation.refusals
            },
            **{str(status): _response(_first_line(kind), kind.__name__) for status, kind in operation.answers.items()},
        },
    }
    if operation.binance_errors:
        document["responses"]["400"] = _response(_BINANCE_ERROR["description"], "BinanceError", REFUSALS[400].name)
    if operation.parameters:
        document["parameters"] = [_parameter(parameter) for parameter in operation.parameters]
    if operation.body:
        document["requestBody"] = {"required": True, "content": _content(operation.body.__name__)}
    return document


def _first_line(kind: type[Any]) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]


def _response(description: str, *schemas: str) -> dict[str, Any]:
    return {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in _headers()},
        "content": _content(*schemas),
    }


def _content(*schemas: str) -> dict[str, Any]:
    references: Sequence[JsonSchema] = [{"$ref": f"#/components/schemas/{name}"} for name in schemas]
    return {"application/json": {"schema": references[0] if len(references) == 1 else {"anyOf": references}}}


def _headers() -> dict[str, Any]:
    """Return the headers of every answer, whether a function or API Gateway gives it."""
    on_refusals = ("Cache-Control", "Strict-Transport-Security", "X-Content-Type-Options")
    return {name: {"required": True, "schema": {"const": HEADERS[name]}} for name in on_refusals}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.description,
        "schema": parameter.schema,
    }


if __name__ == "__main__":
    OPENAPI_FILE.write_text(openapi_json(), encoding="utf-8")
