"""Teaches MiniStack what it lacks of API Gateway: the template's words for refusals, and its throttling of one route.

SAM writes the template's GatewayResponses into the body of the REST API, as `x-amazon-apigateway-gateway-responses`.
MiniStack imports none of them and knows no `$context.authorizer`: it would refuse a caller in API Gateway's own words.
CloudFormation wants the slashes of a route's throttling settings as `~1`; MiniStack finds no route of that name.
"""

# ruff: noqa: SLF001 - MiniStack offers no hook

from __future__ import annotations

import json
import re
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_GATEWAY_RESPONSES = "x-amazon-apigateway-gateway-responses"
_AUTHORIZER_VARIABLE = re.compile(rb"\$context\.authorizer\.(\w+)")


def teach_api_gateway(apigateway: Any, provisioners: Any) -> None:
    """Put the gateway responses of each imported body into effect, and the throttling of single routes.

    Parameters
    ----------
    apigateway
        MiniStack's module for REST APIs, `ministack.services.apigateway_v1`.
    provisioners
        Its module that makes a stack's resources, `ministack.services.cloudformation.provisioners`.
    """
    _honour_gateway_responses(apigateway)
    _honour_throttling_of_routes(provisioners)


def _honour_throttling_of_routes(provisioners: Any) -> None:
    method_settings = provisioners._apigw_method_settings

    def with_slashes(raw: Any) -> dict[str, Any]:
        settings: dict[str, Any] = method_settings(raw)
        # From "/~1api~1v3~1klines/GET" to "/api/v3/klines/GET".
        return {key.replace("/~1", "/", 1).replace("~1", "/"): setting for key, setting in settings.items()}

    provisioners._apigw_method_settings = with_slashes


def _honour_gateway_responses(apigateway: Any) -> None:
    import_rest_api = apigateway._import_rest_api
    stringify_context = apigateway._stringify_context
    error_response = apigateway._gateway_error_response
    # What the authorizer said in the request at hand; each request is a task, with a context of its own.
    said: ContextVar[Mapping[str, str]] = ContextVar("said")

    def import_with_responses(spec: dict[str, Any], base_data: dict[str, Any] | None = None) -> str:
        api_id: str = import_rest_api(spec, base_data)
        for response_type, response in spec.get(_GATEWAY_RESPONSES, {}).items():
            apigateway._put_gateway_response(api_id, response_type, response)
        return api_id

    def remember(context: dict[str, Any] | None) -> dict[str, str]:
        strings: dict[str, str] = stringify_context(context)
        said.set(strings)
        return strings

    def with_authorizer(error: object, request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        status, headers, body = error_response(error, request)
        words = said.get({})

        def word(found: re.Match[bytes]) -> bytes:
            return json.dumps(words.get(found[1].decode(), ""))[1:-1].encode()

        return status, headers, _AUTHORIZER_VARIABLE.sub(word, body)

    apigateway._import_rest_api = import_with_responses
    apigateway._stringify_context = remember
    apigateway._gateway_error_response = with_authorizer
