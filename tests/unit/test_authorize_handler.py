"""The authorizer as API Gateway calls it: where a key may be, and what the gateway is answered."""

from __future__ import annotations

import json
from collections.abc import Set as AbstractSet
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes.api_gateway_authorizer_event import APIGatewayAuthorizerRequestEvent
from candle_collector import bootstrap
from candle_collector.api.authorize import Caller
from candle_collector.domain.api_key import Scope
from candle_collector.errors import InvalidKeyError, MissingKeyError
from hypothesis import given
from hypothesis import strategies as st

from functions.authorizer.app import handler, offered_keys
from tests.logs import written

ARN = "arn:aws:execute-api:eu-central-1:123456789012:abc123/live"


def request(
    *,
    route: str = "/api/admin/collect/trigger",
    method: str = "POST",
    path: str | None = None,
    headers: dict[str, list[str]] | None = None,
    query: dict[str, list[str]] | None = None,
) -> dict[str, Any]:
    """Return an event as API Gateway sends it: null where there is nothing, the last value where there are several."""
    return {
        "type": "REQUEST",
        "methodArn": f"{ARN}/{method}{path or route}",
        "resource": route,
        "path": path or route,
        "httpMethod": method,
        "headers": {name: values[-1] for name, values in headers.items()} if headers else None,
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} if query else None,
        "multiValueQueryStringParameters": query,
        "pathParameters": None,
        "stageVariables": None,
    }


class Asked:
    """Stands in for the use case: lets `good` in, and remembers what it was asked."""

    def __init__(self) -> None:
        self.offered: AbstractSet[str] = set()
        self.needed: Scope | None = None
        self.of_candles: bool | None = None

    def __call__(self, offered: AbstractSet[str], *, needed: Scope, of_candles: bool) -> Caller:
        self.offered, self.needed, self.of_candles = offered, needed, of_candles
        if not offered:
            raise MissingKeyError("none")
        if offered != {"good"}:
            raise InvalidKeyError("The API key is not valid.")
        return Caller(key_id="KeyOfAdmin", scope=Scope.ADMIN)


@pytest.fixture
def requested(monkeypatch: pytest.MonkeyPatch) -> Asked:
    use_case = Asked()
    monkeypatch.setattr(bootstrap, "authorizer", lambda: use_case)
    return use_case


def effect(answer: dict[str, Any]) -> str:
    (statement,) = answer["policyDocument"]["Statement"]
    assert statement["Action"] == "execute-api:Invoke"
    assert statement["Resource"] == [f"{ARN}/*/*"]
    found: str = statement["Effect"]
    return found


@pytest.mark.parametrize(
    "carried",
    [
        {"headers": {"X-API-Key": ["good"]}},
        {"headers": {"x-api-key": [" good "]}},
        {"headers": {"Authorization": ["Bearer good"]}},
        {"headers": {"AUTHORIZATION": ["bearer   good"]}},
        {"query": {"api_key": ["good"]}},
        {"headers": {"X-API-Key": ["good"], "Authorization": ["Bearer good"]}, "query": {"api_key": ["good"]}},
        {"headers": {"X-API-Key": ["good", "good"]}},
        {"headers": {"X-API-Key": ["", "good"]}},
    ],
)
def test_a_key_lets_in_wherever_it_is_carried(requested: Asked, carried: dict[str, Any]) -> None:
    answer = handler(request(**carried), None)
    assert effect(answer) == "Allow"
    assert answer["principalId"] == "KeyOfAdmin"
    assert answer["context"] == {"key_id": "KeyOfAdmin", "scope": "admin"}
    assert requested.needed is Scope.ADMIN


@pytest.mark.parametrize(
    "carried",
    [
        {},
        {"headers": {"X-API-Key": [""]}},
        {"headers": {"Authorization": ["Basic Z29vZDo="]}},
        {"headers": {"Authorization": ["Bearer"]}},
        {"headers": {"Authorization": ["good"]}},
        {"headers": {"X-API-Keys": ["good"], "Cookie": ["api_key=good"]}},
        {"headers": {"X-MBX-APIKEY": ["good"]}},
        {"query": {"API_KEY": ["good"], "key": ["good"]}},
        {"query": {"api_key": [""]}},
    ],
)
@pytest.mark.usefixtures("requested")
def test_no_key_makes_the_gateway_answer_401(carried: dict[str, Any]) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        handler(request(**carried), None)


@pytest.mark.parametrize(
    "carried",
    [
        {"headers": {"X-API-Key": ["bad"]}},
        {"headers": {"X-API-Key": ["good", "bad"]}},
        {"headers": {"X-API-Key": ["bad"], "x-api-key": ["good"]}},
        {"headers": {"X-API-Key": ["good"], "Authorization": ["Bearer bad"]}},
        {"headers": {"Authorization": ["Bearer good"]}, "query": {"api_key": ["bad"]}},
        {"query": {"api_key": ["good", "bad"]}},
    ],
)
@pytest.mark.usefixtures("requested")
def test_a_wrong_key_or_keys_that_disagree_are_refused_with_the_words_of_the_answer(carried: dict[str, Any]) -> None:
    answer = handler(request(**carried), None)
    assert effect(answer) == "Deny"
    assert answer["context"] == {"code": "INVALID_API_KEY", "message": "The API key is not valid."}


def test_a_client_of_binance_carries_our_key_in_its_own_header_when_it_reads_candles(requested: Asked) -> None:
    carried = {"X-MBX-APIKEY": ["good"]}
    assert effect(handler(request(route="/api/v3/klines", method="GET", headers=carried), None)) == "Allow"
    assert requested.needed is Scope.READ
    both = carried | {"X-API-Key": ["bad"]}
    assert effect(handler(request(route="/api/v3/klines", method="GET", headers=both), None)) == "Deny"


@pytest.mark.usefixtures("requested")
@pytest.mark.parametrize("symbol", ["*", "..%2F..", "a:b", "${aws:userid}", "币安人生USDT", " ", "?x"])
def test_a_path_that_no_policy_could_name_is_let_in(symbol: str) -> None:
    path = f"/api/admin/coverage/{symbol}"
    event = request(route="/api/admin/coverage/{symbol}", method="GET", path=path, headers={"X-API-Key": ["good"]})
    assert effect(handler(event, None)) == "Allow"


@pytest.mark.usefixtures("requested")
def test_a_refusal_is_logged_by_the_templates_route_and_without_what_was_sent() -> None:
    path = "/api/admin/coverage/forged\r\nline"
    event = request(route="/api/admin/coverage/{symbol}", method="GET", path=path, headers={"X-API-Key": ["gue\nss"]})
    with written() as log:
        handler(event | {"requestContext": {"requestId": "r-1"}}, None)
    (line,) = log.getvalue().splitlines()
    reported = json.loads(line)
    assert (
        reported.items()
        >= {
            "message": "caller refused",
            "route": "/api/admin/coverage/{symbol}",
            "method": "GET",
            "status": 403,
            "code": "INVALID_API_KEY",
            "request_id": "r-1",
        }.items()
    )
    assert "key_id" not in reported
    assert "gue" not in line
    assert "forged" not in line


ANY_TEXT = st.text() | st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape"))
PLACES = st.sampled_from(["X-API-Key", "Authorization", "X-MBX-APIKEY", "Host"])


@given(st.dictionaries(PLACES, st.lists(ANY_TEXT, min_size=1, max_size=3)), st.lists(ANY_TEXT, max_size=3))
def test_any_bytes_anywhere_are_answered(headers: dict[str, list[str]], in_query: list[str]) -> None:
    event = request(
        route="/api/v3/klines", method="GET", headers=headers, query={"api_key": in_query} if in_query else None
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "authorizer", Asked)
        if offered_keys(APIGatewayAuthorizerRequestEvent(event)):
            assert effect(handler(event, None)) in {"Allow", "Deny"}
        else:
            with pytest.raises(Exception, match=r"^Unauthorized$"):
                handler(event, None)


def test_what_decides_knows_whether_the_route_has_binances_shape(requested: Asked) -> None:
    known = []
    for route in ("/api/v3/klines", "/api/admin/coverage"):
        handler(request(route=route, method="GET", headers={"X-API-Key": ["good"]}), None)
        known.append(requested.of_candles)
    assert known == [True, False]
