"""How the API answers: JSON, our errors in one shape, and headers that let nobody keep or frame it."""

from __future__ import annotations

import json
import logging
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from candle_collector.errors import RequestRefusedError

log = logging.getLogger(__name__)

HEADERS: dict[str, str | list[str]] = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Strict-Transport-Security": "max-age=31536000",
}


def answer(status: int, body: Any) -> Response[str]:
    """Return a JSON answer."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(status, "application/json", text, headers=dict(HEADERS))


def error_answer(status: int, code: str, message: str, **details: str) -> Response[str]:
    """Return an error in the one shape that all have."""
    return answer(status, {"error": {"code": code, "message": message, **details}})


def resolver() -> APIGatewayRestResolver:
    """Return a router of a function behind the API, which answers every error."""
    app = APIGatewayRestResolver()

    @app.exception_handler(RequestRefusedError)  # type: ignore[untyped-decorator] # Powertools leaves it untyped
    def _refused(error: RequestRefusedError) -> Response[str]:
        return error_answer(error.status, error.code, error.message, **error.details)

    @app.exception_handler(Exception)  # type: ignore[untyped-decorator] # as above
    def _broken(error: Exception) -> Response[str]:
        log.error("the call failed", exc_info=error)
        return error_answer(500, "INTERNAL_ERROR", "the call failed; the function's log says why")

    @app.not_found
    def _nowhere(_: NotFoundError) -> Response[str]:
        return error_answer(404, "NOT_FOUND", "there is nothing at this path")

    return app
