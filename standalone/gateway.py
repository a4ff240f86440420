"""What API Gateway does between a caller and the functions: route, key, event, answer."""

from __future__ import annotations

import logging
import re
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from candle_collector.api import routes
from candle_collector.api.authorize import PUBLIC
from candle_collector.api.limits import PUBLIC_BURST, PUBLIC_CALLS_A_SECOND
from candle_collector.api.routes import Route
from candle_collector.domain.health import cannot_store
from prometheus_client import CONTENT_TYPE_LATEST

from standalone.admitted import Admitted
from standalone.context import Context
from standalone.gateway_answers import Answer, Refusal, preflight, refusal
from standalone.request import Request
from standalone.throttle import Throttle

log = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any], Any], Any]

METHOD_ARN = "arn:aws:execute-api:local:000000000000:standalone/live"
"""API Gateway names a route by it to the authorizer, whose policy repeats it."""

METRICS_HEADERS = {"Content-Type": [CONTENT_TYPE_LATEST], "Cache-Control": ["no-store"]}

CALL_SECONDS = 29
"""How long API Gateway waits for a function."""


@dataclass(frozen=True)
class ApiFunctions:
    """The handlers behind the API."""

    authorizer: Handler
    trigger: Handler
    status: Handler
    candles: Handler

    def of(self, route: Route) -> Handler:
        """Return the handler of a route."""
        if route in {routes.TRIGGER, routes.RETRY, routes.CANCEL}:
            return self.trigger
        return self.candles if route.is_candles_route else self.status


class Gateway:
    """Answers requests, in the thread that asks; any number of them at once.

    Parameters
    ----------
    functions
        What is behind it.
    dashboard_origin
        The origin whose pages may read the answers in a browser; empty for none.
    metrics
        Returns the text of the metrics.
    outage
        Returns why the database, which holds the keys, does not answer; None where it does.
    """

    def __init__(
        self,
        functions: ApiFunctions,
        dashboard_origin: str,
        *,
        metrics: Callable[[], str] | None = None,
        outage: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._functions = functions
        self._dashboard_origin = dashboard_origin
        self._metrics = metrics
        self._outage = outage
        self._admitted = Admitted()
        self._public = {
            route: Throttle(PUBLIC_CALLS_A_SECOND, PUBLIC_BURST) for route in routes.ROUTES if route.is_candles_route
        }
        self._routes = [(route, _pattern(route.path)) for route in routes.ROUTES]

    def refuse(self, kind: Refusal, said: Mapping[str, str] | None = None) -> Answer:
        """Return an answer that no function makes."""
        return refusal(kind, self._dashboard_origin, said)

    def answer(self, request: Request) -> Answer:
        """Answer a request."""
        if self._metrics and (request.method, request.path) == (routes.METRICS.method, routes.METRICS.path):
            return self._answer_metrics(request, self._metrics)
        matching = [(route, found) for route, pattern in self._routes if (found := pattern.fullmatch(request.path))]
        if request.method == "OPTIONS" and matching:
            return preflight(matching[0][0].path, self._dashboard_origin)
        for route, found in matching:
            if route.method == request.method:
                return self._call(route, request, _event(request, route, found.groupdict()))
        return self.refuse(Refusal.MISSING_AUTHENTICATION_TOKEN)

    def _answer_metrics(self, request: Request, metrics: Callable[[], str]) -> Answer:
        """Answer with the metrics; while the database is gone, whoever had a good key before is let in by it."""
        if self._outage() is None or request not in self._admitted:
            decided = self._admit(routes.METRICS, request, _event(request, routes.METRICS, {}))
            if isinstance(decided, Answer):
                return decided
        return Answer(200, METRICS_HEADERS, metrics())

    def _admit(self, route: Route, request: Request, event: dict[str, Any]) -> Answer | dict[str, Any]:
        """Return what the authorizer says of a caller whom it lets in, else the refusal."""
        try:
            decided: dict[str, Any] = self._functions.authorizer(event, Context())
        except Exception as error:
            if str(error) == "Unauthorized":
                return self.refuse(Refusal.UNAUTHORIZED)
            log.exception("the key could not be checked", extra={"route": route.path})
            return self.refuse(Refusal.AUTHORIZER_FAILURE, self._said_of_outage(request))
        if any(statement["Effect"] != "Allow" for statement in decided["policyDocument"]["Statement"]):
            self._admitted.forget(request)
            return self.refuse(Refusal.ACCESS_DENIED, decided["context"])
        if decided["principalId"] != PUBLIC.key_id:  # who sent no key has none that was good
            self._admitted.add(request)
        return decided

    def _said_of_outage(self, request: Request) -> dict[str, str] | None:
        """Return why no key can be checked, for a caller who had a good one before: it names the database."""
        outage = self._outage()
        if outage is None or request not in self._admitted:
            return None
        health = cannot_store(outage)
        return {"code": "DATABASE_UNAVAILABLE", "message": f"{health.sentence} {health.remedy}"}

    def _call(self, route: Route, request: Request, event: dict[str, Any]) -> Answer:
        decided = self._admit(route, request, event)
        if isinstance(decided, Answer):
            return decided
        if decided["principalId"] == PUBLIC.key_id and not self._public[route].admits():
            return self.refuse(Refusal.THROTTLED)
        event["requestContext"]["authorizer"] = {**decided["context"], "principalId": decided["principalId"]}
        try:
            made = self._functions.of(route)(event, Context())
            return Answer(made["statusCode"], made["multiValueHeaders"], made["body"])
        except Exception:
            log.exception("a function failed", extra={"route": route.path})
            return self.refuse(Refusal.DEFAULT_5XX)


def _event(request: Request, route: Route, in_path: Mapping[str, str]) -> dict[str, Any]:
    """Return the event that API Gateway gives the authorizer and the function."""
    return {
        "type": "REQUEST",
        "methodArn": f"{METHOD_ARN}/{request.method}{request.path}",
        "resource": route.path,
        "path": request.path,
        "httpMethod": request.method,
        **_several("headers", "multiValueHeaders", request.headers),
        **_several("queryStringParameters", "multiValueQueryStringParameters", request.query),
        "pathParameters": {name: unquote(value) for name, value in in_path.items()} or None,
        "stageVariables": None,
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "path": request.path,
            "domainName": "",
            "identity": {"sourceIp": request.source_ip},
        },
        "body": request.body,
        "isBase64Encoded": False,
    }


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))


def _several(entry: str, many: str, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return what API Gateway says of repeatable things: null for none, and the last of each beside all of it."""
    if not pairs:
        return {entry: None, many: None}
    values: dict[str, list[str]] = defaultdict(list)
    for name, value in pairs:
        values[name].append(value)
    return {entry: dict(pairs), many: dict(values)}
