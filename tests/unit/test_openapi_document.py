"""The OpenAPI document is what the models say, valid, and names the template's routes and every error there is."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import schemathesis
from candle_collector.api.authorize import needed_scope
from candle_collector.api.binance_parameters import ERROR_CODES
from candle_collector.api.errors import HTTP_ERRORS, INTERNAL
from candle_collector.api.openapi import openapi_text
from candle_collector.api.openapi_document import EVERYWHERE, openapi_document, openapi_json
from candle_collector.api.openapi_operations import OPERATIONS
from candle_collector.api.routes import ROUTES, Route

from tests.template.stack import Stack

DOCUMENT = openapi_document()


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
    }


def test_what_is_served_is_what_the_models_say() -> None:
    assert json.loads(openapi_text()) == DOCUMENT, "run `make openapi`"
    assert openapi_text() == openapi_json()


def test_it_is_a_valid_document_of_openapi_3_1() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(DOCUMENT).validate()


def test_it_names_the_routes_of_the_template_and_no_others() -> None:
    body = Stack(Stage="prod").properties("Api")["Body"]
    deployed = {(method.upper(), path) for path, item in body["paths"].items() for method in item}
    assert operations().keys() == {route for route in deployed if route[0] != "OPTIONS"}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_a_route_says_the_scope_that_the_authorizer_asks_for(route: Route) -> None:
    assert needed_scope(route.method, route.path) == route.scope


def test_it_describes_every_route_once() -> None:
    assert [operation.route for operation in OPERATIONS] == list(ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_says_every_refusal(route: Route) -> None:
    responses = operations()[route.method, route.path]["responses"]
    assert responses.keys() >= {str(status) for status in EVERYWHERE}


def test_binances_header_is_a_place_for_a_key_on_binances_routes_alone() -> None:
    for (_, path), operation in operations().items():
        assert ({"binance": []} in operation["security"]) == path.startswith("/api/v3/"), path


def test_every_error_that_the_code_or_the_gateway_can_answer_is_in_it() -> None:
    raised = {error.code for error in (*HTTP_ERRORS.values(), INTERNAL)}
    raised |= ERROR_CODES.keys()
    gateway = Stack(Stage="prod").properties("Api")["Body"]["x-amazon-apigateway-gateway-responses"]
    answered = set(re.findall(r'"code": "([A-Z_]+)"', str(gateway).replace('\\"', '"')))
    assert {"INVALID_API_KEY", "COLLECTION_IN_PROGRESS", "MISSING_API_KEY", "INVALID_SYMBOL"} <= raised | answered
    described = set(re.findall(r'"([A-Z_]{4,})"', openapi_text()))
    assert raised | answered <= described


def test_models_take_and_answer_no_members_that_they_do_not_name() -> None:
    free = {"BinanceListings", "OpenApiDocument", "Kline", "Klines"}
    for name, schema in DOCUMENT["components"]["schemas"].items():
        if name not in free and schema.get("type") == "object":
            assert schema["additionalProperties"] is False, name
