"""The patches of MiniStack, on stand-ins for its modules; and the one that is installed has all that is patched."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from background.places import PROJECT
from localstack.environments import EMULATOR_ENVIRONMENT
from localstack.patches.condition_keys import of_dynamodb, of_events, share_condition_keys
from localstack.patches.gateway_responses import import_gateway_responses
from localstack.patches.route_throttling import find_throttled_routes
from localstack.patches.schedule_time import fill_in_scheduled_time
from localstack.patches.sqs_batches import allow_batches
from localstack.patches.whole_numbers import read_whole_numbers

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


def test_gateway_responses_of_an_imported_body_take_effect(apigateway: SimpleNamespace) -> None:
    import_gateway_responses(apigateway)
    spec = {"x-amazon-apigateway-gateway-responses": {"UNAUTHORIZED": {"statusCode": 401}}}
    assert apigateway._import_rest_api(spec, {}) == "abc"
    assert apigateway.put == {("abc", "UNAUTHORIZED"): {"statusCode": 401}}


def test_a_refusal_carries_the_authorizers_words_as_json(apigateway: SimpleNamespace) -> None:
    import_gateway_responses(apigateway)
    apigateway._stringify_context({"code": "INVALID_API_KEY", "message": 'not "valid"\n'})
    status, _, body = apigateway._gateway_error_response(object(), {})
    assert status == 403
    assert json.loads(body) == {"error": {"code": "INVALID_API_KEY", "message": 'not "valid"\n'}}


def test_settings_of_a_route_are_found_by_its_path() -> None:
    provisioners = SimpleNamespace(_apigw_method_settings=lambda raw: raw)
    find_throttled_routes(provisioners)
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
    allow_batches(iam_actions)
    assert iam_actions.extract_iam_action("sqs", "POST", "/") == needed


QUERY = {
    "KeyConditionExpression": "(#0 = :0 AND #1 BETWEEN :1 AND :2)",
    "ExpressionAttributeNames": {"#0": "pk", "#1": "sk"},
    "ExpressionAttributeValues": {":0": {"S": "SERIES"}, ":1": {"S": "a"}, ":2": {"S": "b"}},
}


@pytest.mark.parametrize(
    ("named", "keys"),
    [
        (QUERY, {"dynamodb:LeadingKeys": ["SERIES"], "dynamodb:Attributes": ["pk", "sk"]}),
        ({"Key": {"pk": {"S": "LEASE"}}}, {"dynamodb:LeadingKeys": ["LEASE"], "dynamodb:Attributes": ["pk"]}),
        (
            {"TransactItems": [{"Put": {"Item": {"pk": {"S": "A"}}}}, {"Update": {"Key": {"series": {"S": "B"}}}}]},
            {"dynamodb:LeadingKeys": ["A", "B"], "dynamodb:Attributes": ["pk", "series"]},
        ),
        (
            {"RequestItems": {"runs": {"Keys": [{"pk": {"S": "A"}}, {"pk": {"S": "B"}}]}}},
            {"dynamodb:LeadingKeys": ["A", "B"], "dynamodb:Attributes": ["pk"]},
        ),
        (
            {"RequestItems": {"runs": [{"PutRequest": {"Item": {"pk": {"S": "A"}, "count": {"N": "1"}}}}]}},
            {"dynamodb:LeadingKeys": ["A"], "dynamodb:Attributes": ["count", "pk"]},
        ),
        ({"TableName": "runs"}, {}),
    ],
)
def test_the_items_that_a_namednames_are_among_the_keys_of_conditions(
    named: dict[str, Any], keys: dict[str, list[str]]
) -> None:
    assert of_dynamodb(named) == keys


def test_conditions_see_the_keys_of_tables_and_events() -> None:
    iam_actions = SimpleNamespace(
        dynamodb_service_context=lambda _body: {"dynamodb:Select": "ALL_ATTRIBUTES"},
        request_tag_context=lambda *_request: {},
    )
    share_condition_keys(iam_actions)
    found = iam_actions.dynamodb_service_context(json.dumps({"Key": {"pk": {"S": "A"}}}).encode())
    assert found["dynamodb:LeadingKeys"] == ["A"]
    assert found["dynamodb:Select"] == "ALL_ATTRIBUTES"
    events = json.dumps({"Entries": [{"Source": "b"}, {"Source": "a"}, {"Source": "b"}]}).encode()
    assert iam_actions.request_tag_context("events", "events:PutEvents", events, {}) == {"events:source": ["a", "b"]}
    assert iam_actions.request_tag_context("sqs", "sqs:SendMessage", b"", {}) == {}
    assert of_events({"Entries": [{}]}) == {}


def test_the_limit_of_a_mapping_is_a_number() -> None:
    lambda_svc = SimpleNamespace(_sqs_esm_concurrency=lambda mapping, _function: mapping["ScalingConfig"])
    read_whole_numbers(lambda_svc)
    assert lambda_svc._sqs_esm_concurrency({"ScalingConfig": {"MaximumConcurrency": "4"}}, {}) == {
        "MaximumConcurrency": 4
    }
    assert lambda_svc._sqs_esm_concurrency({}, {}) == {}


def test_the_time_of_an_occurrence_is_filled_into_its_input() -> None:
    sent: list[dict[str, Any]] = []
    eventbridge = SimpleNamespace(_invoke_target=lambda target, _event, _rule: sent.append(target))
    fill_in_scheduled_time(eventbridge)
    written = '{"mode": "forward", "time": "<aws.scheduler.scheduled-time>"}'
    eventbridge._invoke_target({"Arn": "a", "Input": written}, {"Time": 1735689600.7}, {})
    eventbridge._invoke_target({"Arn": "b"}, {"Time": 1735689600.7}, {})
    assert json.loads(sent[0]["Input"]) == {"mode": "forward", "time": "2025-01-01T00:00:00Z"}
    assert sent[1] == {"Arn": "b"}


def test_every_patch_applies_to_the_ministack_that_is_installed(tmp_path: Path) -> None:
    program = "import sys, pathlib; from localstack import patches; patches.apply(layers=p('l'), logs=p('g'))"
    program = program.replace("p('", f"pathlib.Path('{tmp_path}/").replace("')", "')")
    ended = subprocess.run(  # noqa: S603 - the emulator's own Python
        [EMULATOR_ENVIRONMENT.python, "-c", program],
        cwd=PROJECT,
        env={"PYTHONPATH": str(PROJECT), "STATE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def test_every_patch_says_what_would_make_it_go() -> None:
    for path in sorted((PROJECT / "localstack/patches").glob("[a-z]*.py")):
        assert re.search(r'^"""Gap: .*^Goes when: ', path.read_text(), re.MULTILINE | re.DOTALL), path.name
