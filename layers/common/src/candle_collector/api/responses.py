"""The answers of the API: JSON, errors in one shape, headers against caching and framing, the log of admin calls."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError as PowertoolsNotFoundError
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from candle_collector.api import routes
from candle_collector.api.errors import HTTP_ERRORS, INTERNAL, error_body
from candle_collector.api.query import check_query
from candle_collector.domain.ids import is_run_id
from candle_collector.errors import NotFoundError, RefusedError

log = logging.getLogger(__name__)

HEADERS: dict[str, str | list[str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
}
"""On every answer. A query may hold a key, so no answer is kept and no address is passed on."""


@dataclass
class _Call:
    """What belongs to one call: its event, what Powertools keeps while it answers, and what is noted for the log."""

    event: APIGatewayProxyEvent | None = None
    context: dict[str, Any] = field(default_factory=dict)
    noted: dict[str, str] = field(default_factory=dict)


class AuditedResolver(APIGatewayRestResolver):
    """A router that sends the CORS headers for the dashboard, and logs the calls of admin routes.

    Calls may run at once in several threads: Powertools keeps the event of the call on a class and its context on the
    router, where one call would meet those of another; here they belong to the call.

    Parameters
    ----------
    dashboard_origin
        The origin whose pages may read the answers in a browser; empty for none.
    """

    def __init__(self, dashboard_origin: str) -> None:
        self._between_calls = _Call()
        self._call: ContextVar[_Call] = ContextVar("call", default=self._between_calls)
        self._preparing = threading.Lock()
        self._is_prepared = False
        super().__init__()
        self._cross_origin = (
            {"Access-Control-Allow-Origin": [dashboard_origin], "Vary": ["Origin"]} if dashboard_origin else {}
        )

    @property
    def current_event(self) -> APIGatewayProxyEvent:  # type: ignore[override] # Powertools has an attribute
        """The event of this call.

        Raises
        ------
        LookupError
            No call is being answered here.
        """
        event = self._call.get().event
        if event is None:
            raise LookupError("no call is being answered in this thread")
        return event

    @property
    def context(self) -> dict[str, Any]:
        """What Powertools keeps of this call."""
        return self._call.get().context

    @context.setter
    def context(self, context: dict[str, Any]) -> None:
        self._call.get().context = context

    def note(self, **facts: str) -> None:
        """Note the ``run_id`` or the ``code`` of the answer, for the log of this call."""
        self._call.get().noted.update(facts)

    def resolve(self, event: Any, context: Any) -> dict[str, Any]:
        """Answer an event of API Gateway."""
        self._prepare()
        call = _Call(APIGatewayProxyEvent(event))
        before = self._call.set(call)
        try:
            response: dict[str, Any] = super().resolve(event, context)
        finally:
            self._call.reset(before)
        response["multiValueHeaders"] = {**(response.get("multiValueHeaders") or {}), **self._cross_origin}
        if event["resource"].startswith(routes.ADMIN):
            self._audit(event, response["statusCode"], call.noted)
        return response

    def _prepare(self) -> None:
        """Let every route build what it is called through, once: two first calls at once would build it twice."""
        with self._preparing:
            for route in () if self._is_prepared else (*self._static_routes, *self._dynamic_routes):
                route._build_middleware_stack(self._router_middlewares, self)  # noqa: SLF001 - Powertools does it at a first call
            self._is_prepared = True

    def _audit(self, event: dict[str, Any], status: int, noted: dict[str, str]) -> None:
        """Log an admin call: the route as the template has it and what we answered, nothing as the caller sent it."""
        context = event.get("requestContext") or {}
        in_path = (event.get("pathParameters") or {}).get("run_id", "")
        record = {
            "key_id": (context.get("authorizer") or {}).get("key_id"),
            "method": event["httpMethod"],
            "route": event["resource"],
            "run_id": noted.get("run_id") or (in_path if is_run_id(in_path) else None),
            "status": status,
            "code": noted.get("code"),
            "request_id": context.get("requestId"),
        }
        log.info("admin call", extra=record)


def answer(status: int, body: Any) -> Response[str]:
    """Return a JSON answer.

    Parameters
    ----------
    body
        A dataclass of `candle_collector.answers`, or what JSON knows.
    """
    text = json.dumps(body, default=vars, ensure_ascii=False, separators=(",", ":"))
    return Response(status, "application/json", text, headers=dict(HEADERS))


def resolver(dashboard_origin: str) -> AuditedResolver:
    """Return a router of a function behind the API, which answers every error."""
    app = AuditedResolver(dashboard_origin)

    def with_checked_query(_: Any, following: Callable[[Any], Any]) -> Any:
        event = app.current_event
        route = routes.find_route(event.http_method, event.resource)
        if route is not None:
            check_query(route, event.get("multiValueQueryStringParameters") or {})
        return following(app)

    app.use([with_checked_query])

    def error_answer(status: int, error: dict[str, str]) -> Response[str]:
        app.note(**{name: error[name] for name in ("code", "run_id") if name in error})
        return answer(status, {"error": error})

    @app.exception_handler(RefusedError)  # type: ignore[untyped-decorator] # Powertools leaves it untyped
    def _refused(error: RefusedError) -> Response[str]:
        return error_answer(HTTP_ERRORS[type(error)].status, error_body(error))

    @app.exception_handler(Exception)  # type: ignore[untyped-decorator] # as above
    def _failed(error: Exception) -> Response[str]:
        log.error("the call failed", exc_info=error)
        message = "the call failed; the function's log says why"
        return error_answer(INTERNAL.status, {"code": INTERNAL.code, "message": message})

    @app.not_found
    def _unknown_route(_: PowertoolsNotFoundError) -> Response[str]:
        return error_answer(HTTPStatus.NOT_FOUND, error_body(NotFoundError("there is nothing at this path")))

    return app
