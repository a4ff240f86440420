"""Gap: MiniStack answers refusals in API Gateway's own words instead of the template's.

SAM writes the template's GatewayResponses into the body of the REST API, as `x-amazon-apigateway-gateway-responses`.
MiniStack 1.5.33 imports none of them and knows no `$context.authorizer` in their templates.
Goes when: importing a body creates its gateway responses, and their templates see the authorizer's context.
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


def import_gateway_responses(apigateway: Any) -> None:
    """Put the gateway responses of each imported body into effect.

    Parameters
    ----------
    apigateway
        MiniStack's module for REST APIs, `ministack.services.apigateway_v1`.
    """
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
