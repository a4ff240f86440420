"""What the standalone gateway answers by itself is what the template has API Gateway answer: status, body, headers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from candle_collector.api.routes import ROUTES

from standalone.context import Context
from standalone.gateway import ApiFunctions
from standalone.gateway_answers import Answer, Refusal, preflight, refusal
from tests.template.stack import Stack

ORIGINS = ("", "https://candles.example.org")
NOT_AT_HOME = {"AUTHORIZER_CONFIGURATION_ERROR"}
"""A process of one's own has no configuration of an authorizer."""


@pytest.fixture(scope="module", params=ORIGINS, ids=["no dashboard", "dashboard"])
def declared(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Return the origin of the dashboard, and the body of the API with it."""
    origin: str = request.param
    return origin, Stack(Stage="prod", DashboardOrigin=origin).properties("Api")["Body"]


def headers_of(parameters: dict[str, Any]) -> dict[str, list[str]]:
    """Return headers as the template has them; one without a value is left out."""
    return {name.rpartition(".")[2]: [value.strip("'")] for name, value in parameters.items() if isinstance(value, str)}


def test_every_refusal_is_the_templates(declared: tuple[str, dict[str, Any]]) -> None:
    origin, body = declared
    responses = body["x-amazon-apigateway-gateway-responses"]
    assert responses.keys() == {kind.name for kind in Refusal} | NOT_AT_HOME
    said = {"code": "INVALID_API_KEY", "message": 'a "quoted" word'}
    for kind in Refusal:
        response = responses[kind.name]
        template = response["responseTemplates"]["application/json"]
        expected = re.sub(r"\$context\.authorizer\.(code|message)", lambda f: json.dumps(said[f[1]])[1:-1], template)
        status = int(response.get("statusCode", kind.value.status))
        headers = {"Content-Type": ["application/json"], **headers_of(response["responseParameters"])}
        answer = refusal(kind, origin, said if kind is Refusal.ACCESS_DENIED else None)
        assert answer == Answer(status, headers, expected)


def test_every_preflight_is_the_templates(declared: tuple[str, dict[str, Any]]) -> None:
    origin, body = declared
    for path, item in body["paths"].items():
        response = item["options"]["x-amazon-apigateway-integration"]["responses"]["default"]
        headers = {"Content-Type": ["application/json"], **headers_of(response["responseParameters"])}
        expected = Answer(int(response["statusCode"]), headers, response["responseTemplates"]["application/json"])
        assert preflight(path, origin) == expected


def test_every_route_reaches_the_function_that_the_template_names(declared: tuple[str, dict[str, Any]]) -> None:
    def named(name: str) -> Any:
        return lambda _event, _context: f"{name}Function"

    functions = ApiFunctions(named("Authorizer"), named("Trigger"), named("Status"), named("Candles"))
    paths = declared[1]["paths"]
    assert {(route.path, route.method) for route in ROUTES} == {
        (path, method.upper()) for path, item in paths.items() for method in item if method != "options"
    }
    for route in ROUTES:
        uri = str(paths[route.path][route.method.lower()]["x-amazon-apigateway-integration"]["uri"])
        assert f"${{{functions.of(route)({}, Context())}.Arn}}" in uri
