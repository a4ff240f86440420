"""What MiniStack is taught about API Gateway and IAM, on stand-ins for its modules."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from localstack.api_gateway import teach_api_gateway
from localstack.iam_actions import teach_iam

BODY = b'{"error": {"code": "$context.authorizer.code", "message": "$context.authorizer.message"}}'


@pytest.fixture
def apigateway() -> SimpleNamespace:
    put: dict[str, Any] = {}
    return SimpleNamespace(
        put=put,
        _import_rest_api=lambda _spec, _base: "abc",
        _put_gateway_response=lambda api_id, kind, response: put.update({(api_id, kind): response}),
        _stringify_context=lambda context: {name: str(value) for name, value in (context or {}).items()},
        _gateway_error_response=lambda _error, _request: (403, {}, BODY),
    )


@pytest.fixture
def provisioners() -> SimpleNamespace:
    return SimpleNamespace(_apigw_method_settings=lambda raw: raw)


def test_gateway_responses_of_an_imported_body_take_effect(
    apigateway: SimpleNamespace, provisioners: SimpleNamespace
) -> None:
    teach_api_gateway(apigateway, provisioners)
    spec = {"x-amazon-apigateway-gateway-responses": {"UNAUTHORIZED": {"statusCode": 401}}}
    assert apigateway._import_rest_api(spec, {}) == "abc"
    assert apigateway.put == {("abc", "UNAUTHORIZED"): {"statusCode": 401}}


def test_a_refusal_carries_the_authorizers_words_as_json(
    apigateway: SimpleNamespace, provisioners: SimpleNamespace
) -> None:
    teach_api_gateway(apigateway, provisioners)
    apigateway._stringify_context({"code": "INVALID_API_KEY", "message": 'not "valid"\n'})
    status, _, body = apigateway._gateway_error_response(object(), {})
    assert status == 403
    assert json.loads(body) == {"error": {"code": "INVALID_API_KEY", "message": 'not "valid"\n'}}


def test_settings_of_a_route_are_found_by_its_path(apigateway: SimpleNamespace, provisioners: SimpleNamespace) -> None:
    teach_api_gateway(apigateway, provisioners)
    settings = {"*/*": 1, "/~1api~1v3~1klines/GET": 2}
    assert provisioners._apigw_method_settings(settings) == {"*/*": 1, "/api/v3/klines/GET": 2}


@pytest.mark.parametrize(
    ("requested", "needed"),
    [
        ("sqs:SendMessageBatch", "sqs:SendMessage"),
        ("sqs:SendMessage", "sqs:SendMessage"),
        ("dynamodb:BatchWriteItem", "dynamodb:BatchWriteItem"),
        (None, None),
    ],
)
def test_a_batch_of_sqs_needs_the_right_to_the_single_action(requested: str | None, needed: str | None) -> None:
    iam_actions = SimpleNamespace(extract_iam_action=lambda *_request: requested)
    teach_iam(iam_actions)
    assert iam_actions.extract_iam_action("sqs", "POST", "/") == needed
