"""Makes the OpenAPI 3.1 document of the API from its routes and models."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from candle_collector.api.openapi import OPENAPI_FILE
from candle_collector.api.responses import HEADERS
from candle_collector.settings import VERSION
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from localstack.openapi import errors
from localstack.openapi.routes import ROUTES, AnyModel, Parameter, Route
from localstack.openapi.shapes import DATE_PATTERN

EVERYWHERE: dict[int, AnyModel] = {
    400: errors.InvalidRequest,
    401: errors.MissingKey,
    403: errors.RefusedKey,
    404: errors.NotFound,
    413: errors.TooLarge,
    429: errors.TooMany,
    500: errors.Internal,
    502: errors.Internal,
    503: errors.Unavailable,
    504: errors.Slow,
}
"""What API Gateway or any function may answer, by status."""

_DESCRIPTION = """\
An archive of hourly candles: started and watched by the admin routes, read in Binance's own shape.

Every route needs a key: as `X-API-Key`, as `Authorization: Bearer` or as `api_key` in the query; Binance's routes take
it as `X-MBX-APIKEY` as well. Keys that disagree are refused. A key of the scope `read` reaches the routes marked so.

Times are UTC. Members that a model does not name are not answered, and not taken in a body.
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
    used: set[AnyModel] = set(EVERYWHERE.values())
    for route in ROUTES:
        used |= {*route.answers.values(), *route.errors.values()}
    schemas = _schemas(used, "serialization") | _schemas({route.body for route in ROUTES if route.body}, "validation")
    _describe_dates(schemas["TriggerBody"])
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Candle collector", "version": VERSION, "description": _DESCRIPTION},
        "servers": [{"url": ".", "description": "Where this document is served."}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {_refusal(status): _response(model) for status, model in EVERYWHERE.items()},
            "headers": _headers(),
            "securitySchemes": _KEY_PLACES,
        },
    }


def openapi_json() -> str:
    """Return the document as the text that is served."""
    return json.dumps(openapi_document(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write() -> None:
    """Write the text into the package that serves it."""
    OPENAPI_FILE.write_text(openapi_json(), encoding="utf-8")


def _schemas(models: set[Any], mode: Any) -> dict[str, Any]:
    ordered = sorted(models, key=lambda model: str(model.__name__))
    _, whole = models_json_schema(
        [(model, mode) for model in ordered], ref_template="#/components/schemas/{model}", title=None
    )
    definitions: dict[str, Any] = whole["$defs"]
    return definitions


def _describe_dates(body: dict[str, Any]) -> None:
    """Say what the dates of a trigger are made of; the function checks them itself, to refuse them in plain words."""
    for name in ("start_date", "end_date"):
        for choice in body["properties"][name]["anyOf"]:
            if choice["type"] == "string":
                choice["pattern"] = DATE_PATTERN


def _operation(route: Route) -> dict[str, Any]:
    places = ["header", "bearer", "query", *(["binance"] if route.is_binance_shaped else [])]
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "summary": route.summary,
        "description": f"Needs a key of the scope `{route.scope}`.",
        "tags": ["candles" if route.is_binance_shaped else "admin"],
        "security": [{place: []} for place in places],
        "responses": {
            str(status): _response_of(route, status) for status in sorted({*EVERYWHERE, *route.errors, *route.answers})
        },
    }
    if route.parameters:
        operation["parameters"] = [_parameter(parameter) for parameter in route.parameters]
    if route.body:
        operation["requestBody"] = {"required": True, "content": _content(route.body)}
    return operation


def _response_of(route: Route, status: int) -> dict[str, Any]:
    """Return the answers of a status: the route's own, or those that API Gateway and every function give, or either."""
    own, common = (route.answers | route.errors).get(status), EVERYWHERE.get(status)
    if own is None or own is common:
        return {"$ref": f"#/components/responses/{_refusal(status)}"}
    return _response(own) if common is None else _response(own, common)


def _refusal(status: int) -> str:
    return f"{EVERYWHERE[status].__name__}{'' if status != HTTPStatus.BAD_GATEWAY else 'Gateway'}"


def _response(model: AnyModel, *others: AnyModel) -> dict[str, Any]:
    return {
        "description": (model.__doc__ or "").strip().splitlines()[0],
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in _headers()},
        "content": _content(model, *others),
    }


def _content(model: AnyModel | type[BaseModel], *others: AnyModel) -> dict[str, Any]:
    references = [{"$ref": f"#/components/schemas/{one.__name__}"} for one in (model, *others)]
    return {"application/json": {"schema": references[0] if len(references) == 1 else {"anyOf": references}}}


def _headers() -> dict[str, Any]:
    """Return the headers that every answer carries, of the functions and of API Gateway."""
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
