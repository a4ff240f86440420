"""What the API answers by itself, before or instead of a function: the words, statuses and headers of template.yaml.

The template is not part of an installed package. tests/template/test_standalone_gateway.py holds the two equal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from candle_collector.api import routes


@dataclass(frozen=True)
class Answer:
    """An answer over HTTP.

    Attributes
    ----------
    headers
        All values by name.
    """

    status: int
    headers: Mapping[str, list[str]] = field(default_factory=dict)
    body: str = ""


class Said(NamedTuple):
    """What an answer says: its status, a word for programs, a sentence for people."""

    status: int
    code: str
    message: str


class Refusal(Enum):
    """API Gateway's kinds of answers, by its own names."""

    UNAUTHORIZED = Said(
        401, "MISSING_API_KEY", "Send a key as X-API-Key, as Authorization: Bearer, or as api_key in the query."
    )
    ACCESS_DENIED = Said(403, "", "")  # the authorizer says why
    MISSING_AUTHENTICATION_TOKEN = Said(404, "NOT_FOUND", "There is no such route.")
    THROTTLED = Said(429, "TOO_MANY_REQUESTS", "Too many requests. Wait a second and try again.")
    REQUEST_TOO_LARGE = Said(413, "REQUEST_TOO_LARGE", "The request is too large.")
    AUTHORIZER_FAILURE = Said(500, "INTERNAL_ERROR", "The key could not be checked. Try again.")
    INTEGRATION_TIMEOUT = Said(504, "TIMEOUT", "No answer in time. Look at the status before you try again.")
    # The template names no status for the two, which stand for many kinds.
    DEFAULT_4XX = Said(400, "REQUEST_REFUSED", "The request was refused. Check the route and its parameters.")
    DEFAULT_5XX = Said(500, "INTERNAL_ERROR", "Something went wrong. Try again.")


REFUSAL_HEADERS = {
    "Cache-Control": "no-store",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
}
"""On each of them."""

PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Headers": "Authorization,Content-Type,X-API-Key",
    "Access-Control-Max-Age": "600",
}
"""On the answer to a browser's preflight."""

_JSON = {"Content-Type": ["application/json"]}


def refusal(kind: Refusal, dashboard_origin: str, said: Mapping[str, str] | None = None) -> Answer:
    """Return an answer of the gateway's own.

    Parameters
    ----------
    dashboard_origin
        The origin whose pages may read it; empty for none.
    said
        The ``code`` and ``message`` of the authorizer, where it refused.
    """
    said = said or {"code": kind.value.code, "message": kind.value.message}
    body = json.dumps({"error": {"code": said["code"], "message": said["message"]}})
    return Answer(kind.value.status, {**_JSON, **_one_each(REFUSAL_HEADERS), **_allowed(dashboard_origin)}, body)


def preflight(path: str, dashboard_origin: str) -> Answer:
    """Return the answer to a browser that asks whether it may call a route, which needs no key.

    Parameters
    ----------
    path
        The route's, as the template writes it.
    """
    methods = sorted({"OPTIONS", *(route.method for route in routes.ROUTES if route.path == path)})
    allowed = {**_one_each(PREFLIGHT_HEADERS), "Access-Control-Allow-Methods": [",".join(methods)]}
    return Answer(200, {**_JSON, **allowed, **_allowed(dashboard_origin)}, "{}\n")


def _allowed(dashboard_origin: str) -> dict[str, list[str]]:
    return {"Access-Control-Allow-Origin": [dashboard_origin]} if dashboard_origin else {}


def _one_each(headers: Mapping[str, str]) -> dict[str, list[str]]:
    return {name: [value] for name, value in headers.items()}
