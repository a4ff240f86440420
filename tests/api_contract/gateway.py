"""The API in one process: what API Gateway does between a caller and the functions, with a world in memory behind them.

Routes, refusals and settings are those of the template. What only the real gateway does (throttling, the resource
policy, limits on size) is not here.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from candle_collector import bootstrap
from candle_collector.api.create_key import create_key
from candle_collector.domain import windows
from candle_collector.domain.api_key import Scope
from candle_collector.settings import Settings

from functions.authorizer.app import handler as authorizer
from functions.candles.app import handler as candles
from functions.status.app import handler as status
from functions.trigger.app import handler as trigger
from tests.fakes.keys import KeysInMemory
from tests.fakes.world import World
from tests.template.stack import Stack

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]
HANDLERS: dict[str, Handler] = {"StatusFunction": status, "TriggerFunction": trigger, "CandlesFunction": candles}
METHOD_ARN = "arn:aws:execute-api:us-east-1:123456789012:abc123/live"


class Probe:
    """An exchange that answers."""

    def answers(self) -> bool:
        """Report so."""
        return True


@dataclass
class Context:
    """What Lambda says a function of its invocation."""

    function_name: str = "function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id: str = "request"


@dataclass(frozen=True)
class Answer:
    """An answer of the API."""

    status: int
    headers: dict[str, list[str]]
    body: str


@dataclass
class Gateway:
    """The API, as a WSGI application and as a method.

    Attributes
    ----------
    world
        What the functions work on.
    keys
        The table of keys.
    answered
        How many answers there were of each status.
    """

    world: World
    keys: KeysInMemory
    stack: Stack = field(default_factory=lambda: Stack(Stage="local"))
    answered: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        body = self.stack.properties("Api")["Body"]
        self._refusals = body["x-amazon-apigateway-gateway-responses"]
        self._routes = [
            (method.upper(), path, _pattern(path), HANDLERS[_function(operation)])
            for path, item in body["paths"].items()
            for method, operation in item.items()
            if method != "options"
        ]

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Iterable[tuple[str, str]] = (),
        headers: Iterable[tuple[str, str]] = (),
        body: str | None = None,
    ) -> Answer:
        """Ask the API.

        Parameters
        ----------
        path
            As it is on the wire, percent-encoded.
        """
        answer = self._answer(method, path, list(query), list(headers), body)
        self.answered[answer.status] += 1
        return answer

    def _answer(
        self, method: str, path: str, query: list[tuple[str, str]], headers: list[tuple[str, str]], body: str | None
    ) -> Answer:
        matching = (
            (route, handler, found)
            for its_method, route, pattern, handler in self._routes
            if its_method == method and (found := pattern.fullmatch(path))
        )
        matched = next(matching, None)
        if matched is None:
            return self._refusal("MISSING_AUTHENTICATION_TOKEN")
        route, handler, found = matched
        event = {
            "type": "REQUEST",
            "methodArn": f"{METHOD_ARN}/{method}{path}",
            "resource": route,
            "path": path,
            "httpMethod": method,
            **_several("headers", "multiValueHeaders", headers),
            **_several("queryStringParameters", "multiValueQueryStringParameters", query),
            "pathParameters": {name: unquote(value) for name, value in found.groupdict().items()} or None,
            "stageVariables": None,
            "requestContext": {"requestId": "r-1", "path": f"/live{path}", "domainName": "api.test", "identity": {}},
            "body": body,
            "isBase64Encoded": False,
        }
        try:
            decided = authorizer(event, None)
        except Exception as unauthorized:
            if str(unauthorized) != "Unauthorized":
                raise
            return self._refusal("UNAUTHORIZED")
        (statement,) = decided["policyDocument"]["Statement"]
        if statement["Effect"] != "Allow":
            return self._refusal("ACCESS_DENIED", decided["context"])
        event["requestContext"]["authorizer"] = decided["context"] | {"principalId": decided["principalId"]}
        made = handler(event, Context())
        return Answer(made["statusCode"], made["multiValueHeaders"], made["body"])

    def _refusal(self, kind: str, said: dict[str, str] | None = None) -> Answer:
        response = self._refusals[kind]
        text = re.sub(
            r"\$context\.authorizer\.(\w+)",
            lambda found: json.dumps((said or {}).get(found[1], ""))[1:-1],
            response["responseTemplates"]["application/json"],
        )
        headers = {
            name.removeprefix("gatewayresponse.header."): [value.strip("'")]
            for name, value in response["responseParameters"].items()
            if isinstance(value, str)
        }
        return Answer(int(response["statusCode"]), {"Content-Type": ["application/json"], **headers}, text)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """Serve a request of WSGI."""
        raw = environ.get("RAW_URI") or environ.get("REQUEST_URI") or environ["PATH_INFO"]
        headers = [(name[5:].replace("_", "-"), text) for name, text in environ.items() if name.startswith("HTTP_")]
        size = int(environ.get("CONTENT_LENGTH") or 0)
        sent = environ["wsgi.input"].read(size).decode("utf-8", "replace") if size else None
        query = parse_qsl(environ["QUERY_STRING"], keep_blank_values=True, errors="replace")
        answer = self.ask(environ["REQUEST_METHOD"], raw.partition("?")[0], query=query, headers=headers, body=sent)
        reported = [(name, value) for name, values in answer.headers.items() for value in values]
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", reported)
        return [answer.body.encode()]


def _function(operation: dict[str, Any]) -> str:
    uri = str(operation["x-amazon-apigateway-integration"]["uri"])
    return next(name for name in HANDLERS if name in uri)


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))


def _several(entry: str, many: str, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Return what API Gateway says of repeatable things: null for none, and the last of each beside all of it."""
    if not pairs:
        return {entry: None, many: None}
    values: dict[str, list[str]] = defaultdict(list)
    for name, value in pairs:
        values[name].append(value)
    return {entry: dict(pairs), many: dict(values)}


@contextmanager
def in_process() -> Iterator[tuple[Gateway, dict[Scope, str]]]:
    """Put an API together, with a key of each scope and two weeks of candles of two symbols."""
    hour = windows.hour_of(World({}).clock.now())
    world = World({symbol: range(hour - 24 * 30, hour + 1) for symbol in ("BTCUSDT", "ETHUSDT", "BNBUSDT")})
    world.collect(start=hour - 24 * 14, symbols=("BTCUSDT", "ETHUSDT"))
    world.collect(start=hour - 24)
    keys = KeysInMemory()
    texts = {scope: create_key(keys, name=scope, scope=scope, now=world.clock.now())[0].text for scope in Scope}
    gateway = Gateway(world, keys)
    variables = {
        name: str(value)
        for function in ("AuthorizerFunction", "StatusFunction", "TriggerFunction", "CandlesFunction")
        for name, value in gateway.stack.properties(function)["Environment"]["Variables"].items()
    }
    ports = {
        name: getattr(world, name)
        for name in (
            *("exchange", "market_cache", "candles", "leases", "runs"),
            *("universes", "series", "rate_limiter", "queue", "events"),
        )
    }
    made = bootstrap.Container(Settings(variables), clock=world.clock, keys=keys, probe=Probe(), **ports)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "container", lambda: made)
        bootstrap.authorizer.cache_clear()
        yield gateway, texts
        bootstrap.authorizer.cache_clear()
