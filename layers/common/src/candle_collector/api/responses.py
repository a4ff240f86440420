"""How the API answers: JSON, our errors in one shape, headers that let nobody keep or frame it; and who asked."""

from __future__ import annotations

import json
import logging
import os
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError as PowertoolsNotFoundError

from candle_collector.api.errors import HTTP_ERRORS, INTERNAL, error_body
from candle_collector.domain.ids import is_run_id
from candle_collector.errors import NotFoundError, RefusedError
from candle_collector.settings import Settings

log = logging.getLogger(__name__)

HEADERS: dict[str, str | list[str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
}
"""On every answer. A query may hold a key, so no answer is kept and no address is passed on."""

ADMIN_ROUTES = "/api/admin/"


class AuditedResolver(APIGatewayRestResolver):
    """A router that tells the dashboard's origin what it may read, and logs who asked for what of the admin routes."""

    def __init__(self, dashboard_origin: str) -> None:
        super().__init__()
        self._cross_origin = (
            {"Access-Control-Allow-Origin": [dashboard_origin], "Vary": ["Origin"]} if dashboard_origin else {}
        )

    def resolve(self, event: Any, context: Any) -> dict[str, Any]:
        """Answer an event of API Gateway."""
        answered: dict[str, Any] = super().resolve(event, context)
        answered["multiValueHeaders"] = {**(answered.get("multiValueHeaders") or {}), **self._cross_origin}
        if event["resource"].startswith(ADMIN_ROUTES):
            _audit(event, answered)
        return answered


def _audit(event: dict[str, Any], answered: dict[str, Any]) -> None:
    """Log an admin call: the route as the template has it and what we answered, nothing as the caller sent it."""
    asked = event.get("requestContext") or {}
    told = json.loads(answered["body"]) if event["httpMethod"] == "POST" else {}
    refusal = told.get("error") or {}
    named = (event.get("pathParameters") or {}).get("run_id", "")
    record = {
        "key_id": (asked.get("authorizer") or {}).get("key_id"),
        "method": event["httpMethod"],
        "route": event["resource"],
        "run_id": told.get("run_id") or refusal.get("run_id") or (named if is_run_id(named) else None),
        "status": answered["statusCode"],
        "code": refusal.get("code"),
        "request_id": asked.get("requestId"),
    }
    log.info("admin call", extra=record)


def answer(status: int, body: Any) -> Response[str]:
    """Return a JSON answer."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(status, "application/json", text, headers=dict(HEADERS))


def resolver() -> AuditedResolver:
    """Return a router of a function behind the API, which answers every error."""
    app = AuditedResolver(Settings(os.environ).dashboard_origin)

    @app.exception_handler(RefusedError)  # type: ignore[untyped-decorator] # Powertools leaves it untyped
    def _refused(error: RefusedError) -> Response[str]:
        return answer(HTTP_ERRORS[type(error)].status, {"error": error_body(error)})

    @app.exception_handler(Exception)  # type: ignore[untyped-decorator] # as above
    def _broken(error: Exception) -> Response[str]:
        log.error("the call failed", exc_info=error)
        message = "the call failed; the function's log says why"
        return answer(INTERNAL.status, {"error": {"code": INTERNAL.code, "message": message}})

    @app.not_found
    def _unknown_route(_: PowertoolsNotFoundError) -> Response[str]:
        return answer(HTTPStatus.NOT_FOUND, {"error": error_body(NotFoundError("there is nothing at this path"))})

    return app
