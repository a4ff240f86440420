"""Lets a request in if it carries a valid key: API Gateway asks it before every request, and remembers no answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aws_lambda_powertools.utilities.data_classes.api_gateway_authorizer_event import (
    APIGatewayAuthorizerRequestEvent,
    APIGatewayAuthorizerResponse,
)
from candle_collector import bootstrap
from candle_collector.api.authorize import needed_scope
from candle_collector.api.errors import HTTP_ERRORS, error_body
from candle_collector.api.routes import find_route
from candle_collector.errors import InvalidKeyError, MissingKeyError, RefusedError
from candle_collector.observability import logger

log = logger()
# Loads what it needs while the function starts.
bootstrap.authorizer()


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return the policy that lets the request in or refuses it, with `code` and `message` for the refusal's body.

    Raises
    ------
    Exception
        "Unauthorized" where no key is offered: the only way to have API Gateway answer 401.
    """
    request = APIGatewayAuthorizerRequestEvent(event)
    try:
        caller = bootstrap.authorizer()(
            offered_keys(request),
            needed=needed_scope(request.http_method, request.resource),
            of_candles=_is_of_candles(request),
        )
    except MissingKeyError as refused:
        _audit(request, refused)
        raise Exception("Unauthorized") from None  # noqa: TRY002 - API Gateway looks for this text, not for a type
    except RefusedError as refused:
        _audit(request, refused)
        refusal = APIGatewayAuthorizerResponse.from_route_arn(request.method_arn, "refused", error_body(refused))
        refusal.deny_all_routes()
        return refusal.asdict()
    # All routes, because the answer counts for this request only, and a path may hold what a policy cannot name.
    said = {"key_id": caller.key_id, "scope": caller.scope.value}
    admission = APIGatewayAuthorizerResponse.from_route_arn(request.method_arn, caller.key_id, said)
    admission.allow_all_routes()
    return admission.asdict()


def _audit(request: APIGatewayAuthorizerRequestEvent, refused: RefusedError) -> None:
    """Log a refusal: the route as the template has it and whose key it was, nothing as the caller sent it.

    Who is let in is logged with the outcome by the function that answers (api/responses.py).
    """
    reported = {
        "key_id": refused.key_id if isinstance(refused, InvalidKeyError) else None,
        "method": request.http_method,
        "route": request.resource,
        "status": HTTP_ERRORS[type(refused)].status,
        "code": HTTP_ERRORS[type(refused)].code,
        "request_id": (request.get("requestContext") or {}).get("requestId"),
    }
    log.warning("caller refused", extra=reported)
    bootstrap.container().metrics.key_refused()


def offered_keys(request: APIGatewayAuthorizerRequestEvent) -> set[str]:
    """Return the different texts that a request carries where a key may be, in repeated headers and parameters too."""
    places = {"x-api-key"}
    if _is_of_candles(request):
        # Binance's own header, so that its clients can carry our key.
        places.add("x-mbx-apikey")
    keys = set()
    for name, value in _pairs(request.get("multiValueHeaders") or {}):
        if name.lower() in places:
            keys.add(value.strip())
        elif name.lower() == "authorization":
            scheme, _, token = value.strip().partition(" ")
            if scheme.lower() == "bearer":
                keys.add(token.strip())
    keys.update(
        value for name, value in _pairs(request.get("multiValueQueryStringParameters") or {}) if name == "api_key"
    )
    return keys - {""}


def _is_of_candles(request: APIGatewayAuthorizerRequestEvent) -> bool:
    route = find_route(request.http_method, request.resource)
    return route is not None and route.is_candles_route


def _pairs(values: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    for name, several in values.items():
        for value in several:
            yield name, value
