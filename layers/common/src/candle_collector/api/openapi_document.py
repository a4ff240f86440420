"""Builds the OpenAPI 3.1 document of the API from its routes, answers and errors.

`make openapi` writes it beside this file. No function imports this module: pydantic would make its start slower.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from candle_collector import __version__, answers
from candle_collector.api.binance_parameters import ERROR_CODES
from candle_collector.api.errors import HTTP_ERRORS, INTERNAL
from candle_collector.api.openapi import OPENAPI_FILE
from candle_collector.api.openapi_operations import OPERATIONS, JsonSchema, Operation, Parameter, schema_of
from candle_collector.api.responses import HEADERS
from candle_collector.api.trigger_body import TriggerBody


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
            members["run_id"] = schema_of(answers.RunId)
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


_DESCRIPTION = """\
An archive of candles from 1m to 1M: started and watched by the admin routes, read in Binance's own shape.

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


def openapi_document() -> JsonSchema:
    """Return the document."""
    paths: dict[str, JsonSchema] = {}
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


def _schemas() -> JsonSchema:
    """Return the schemas of all answers, bodies and errors by name."""
    answered = {kind for operation in OPERATIONS for kind in operation.answers.values()}
    inputs: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        *((kind.__name__, "serialization", TypeAdapter(kind)) for kind in answered),
        ("TriggerBody", "validation", TypeAdapter(TriggerBody)),
    ]
    _, whole = TypeAdapter.json_schemas(inputs, ref_template="#/components/schemas/{model}")
    schemas: JsonSchema = whole["$defs"]
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


def _operation(operation: Operation) -> JsonSchema:
    route = operation.route
    places = ["header", "bearer", "query", *(["binance"] if route.is_candles_route else [])]
    document: JsonSchema = {
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


def _first_line(kind: type[object]) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]


def _response(description: str, *schemas: str) -> JsonSchema:
    return {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in _headers()},
        "content": _content(*schemas),
    }


def _content(*schemas: str) -> JsonSchema:
    references: Sequence[JsonSchema] = [{"$ref": f"#/components/schemas/{name}"} for name in schemas]
    return {"application/json": {"schema": references[0] if len(references) == 1 else {"anyOf": references}}}


def _headers() -> JsonSchema:
    """Return the headers of every answer, whether a function or API Gateway gives it."""
    on_refusals = ("Cache-Control", "Strict-Transport-Security", "X-Content-Type-Options")
    return {name: {"required": True, "schema": {"const": HEADERS[name]}} for name in on_refusals}


def _parameter(parameter: Parameter) -> JsonSchema:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.description,
        "schema": parameter.schema,
    }


if __name__ == "__main__":
    OPENAPI_FILE.write_text(openapi_json(), encoding="utf-8")
