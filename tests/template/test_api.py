"""The API: its routes, who may call them, and what a refused caller is answered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from candle_collector.api.limits import CALLS_A_SECOND, PUBLIC_BURST, PUBLIC_CALLS_A_SECOND, TRIGGERS_A_SECOND

from tests.template.stack import PROJECT, Stack

ROUTES = {
    ("POST", "/api/admin/collect/trigger"): "TriggerFunction",
    ("POST", "/api/admin/collect/runs/{run_id}/retry"): "TriggerFunction",
    ("POST", "/api/admin/collect/runs/{run_id}/cancel"): "TriggerFunction",
    ("GET", "/api/admin/collect/status"): "StatusFunction",
    ("GET", "/api/admin/collect/runs"): "StatusFunction",
    ("GET", "/api/admin/universe"): "StatusFunction",
    ("GET", "/api/admin/coverage"): "StatusFunction",
    ("GET", "/api/admin/coverage/months"): "StatusFunction",
    ("GET", "/api/admin/coverage/{symbol}"): "StatusFunction",
    ("GET", "/api/admin/system/info"): "StatusFunction",
    ("GET", "/openapi.json"): "StatusFunction",
    ("GET", "/api/v3/klines"): "CandlesFunction",
    ("GET", "/api/v3/uiKlines"): "CandlesFunction",
    ("GET", "/api/v3/exchangeInfo"): "CandlesFunction",
    ("GET", "/api/v3/time"): "CandlesFunction",
    ("GET", "/api/v3/ping"): "CandlesFunction",
}


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack(Stage="prod")


@pytest.fixture(scope="module")
def body(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = stack.properties("Api")["Body"]
    return found


def operations(body: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what a caller can do, by method and path; a browser's preflight is not a call."""
    return {
        (method.upper(), path): operation
        for path, item in body["paths"].items()
        for method, operation in item.items()
        if method != "options"
    }


def test_every_route_reaches_its_function(body: dict[str, Any]) -> None:
    found = operations(body)
    assert found.keys() == ROUTES.keys()
    for route, function in ROUTES.items():
        assert f"${{{function}.Arn}}" in str(found[route]["x-amazon-apigateway-integration"]["uri"]), route


def test_every_route_asks_the_authorizer(body: dict[str, Any]) -> None:
    for route, operation in operations(body).items():
        assert operation["security"] == [{"KeyAuthorizer": []}], route


def test_the_authorizer_is_asked_before_every_request_whatever_it_carries(body: dict[str, Any]) -> None:
    schemes = body["components"]["securitySchemes"]
    assert schemes.keys() == {"KeyAuthorizer"}
    authorizer = schemes["KeyAuthorizer"]["x-amazon-apigateway-authorizer"]
    assert authorizer["type"] == "request"
    assert authorizer["authorizerResultTtlInSeconds"] == 0
    assert "identitySource" not in authorizer


def test_a_refused_caller_is_reported_in_our_words(body: dict[str, Any]) -> None:
    responses = body["x-amazon-apigateway-gateway-responses"]
    said = {}
    for name, response in responses.items():
        answer = json.loads(response["responseTemplates"]["application/json"])
        assert answer.keys() == {"error"}, name
        assert answer["error"].keys() == {"code", "message"}, name
        said[name] = (str(response.get("statusCode")), answer["error"]["code"])
    assert said["UNAUTHORIZED"] == ("401", "MISSING_API_KEY")
    assert said["ACCESS_DENIED"] == ("403", "$context.authorizer.code")
    assert said["MISSING_AUTHENTICATION_TOKEN"] == ("404", "NOT_FOUND")
    assert said["THROTTLED"] == ("429", "TOO_MANY_REQUESTS")
    assert {"DEFAULT_4XX", "DEFAULT_5XX"} <= said.keys()


def test_no_refusal_repeats_what_the_caller_sent(body: dict[str, Any]) -> None:
    for name, response in body["x-amazon-apigateway-gateway-responses"].items():
        template = response["responseTemplates"]["application/json"]
        assert "$context.error" not in template, name
        assert "method.request" not in template, name


def allowed_origins(stack: Stack) -> list[str | None]:
    """Return the origin that each preflight and each refusal names, None where it names none."""
    body = stack.properties("Api")["Body"]
    preflights = [
        item["options"]["x-amazon-apigateway-integration"]["responses"]["default"]["responseParameters"].get(
            "method.response.header.Access-Control-Allow-Origin"
        )
        for item in body["paths"].values()
    ]
    refusals = [
        response["responseParameters"].get("gatewayresponse.header.Access-Control-Allow-Origin")
        for response in body["x-amazon-apigateway-gateway-responses"].values()
    ]
    return preflights + refusals


def test_no_page_of_any_origin_may_call_unless_its_origin_is_named() -> None:
    assert set(map(str, allowed_origins(Stack(Stage="prod")))) == {"{'Ref': 'AWS::NoValue'}"}
    named = Stack(Stage="prod", DashboardOrigin="https://candles.example.org")
    assert set(allowed_origins(named)) == {"'https://candles.example.org'"}


def test_a_preflight_reaches_no_function_and_asks_for_no_key(body: dict[str, Any]) -> None:
    for path, item in body["paths"].items():
        preflight = item["options"]
        assert preflight["x-amazon-apigateway-integration"]["type"] == "mock", path
        assert not preflight.get("security"), path


def test_a_refusal_is_not_kept_nor_guessed_at(body: dict[str, Any]) -> None:
    for name, response in body["x-amazon-apigateway-gateway-responses"].items():
        headers = response["responseParameters"]
        assert headers["gatewayresponse.header.Cache-Control"] == "'no-store'", name
        assert headers["gatewayresponse.header.X-Content-Type-Options"] == "'nosniff'", name


def test_the_limits_that_are_reported_are_those_of_the_template(stack: Stack) -> None:
    assert throttling(stack, "ThrottlingRateLimit") == {
        "/*": CALLS_A_SECOND,
        **dict.fromkeys(READS, CALLS_A_SECOND),
        "/~1api~1admin~1collect~1trigger": TRIGGERS_A_SECOND,
    }


def test_what_is_open_to_everybody_leaves_calls_to_those_who_have_a_key() -> None:
    public = Stack(Stage="prod", PublicReads="true", AllowedCidrs="203.0.113.0/24")
    rates, bursts = (throttling(public, name) for name in ("ThrottlingRateLimit", "ThrottlingBurstLimit"))
    assert {rates[path] for path in READS} == {PUBLIC_CALLS_A_SECOND}
    assert {bursts[path] for path in READS} == {PUBLIC_BURST}
    assert len(READS) * PUBLIC_CALLS_A_SECOND < rates["/*"] == CALLS_A_SECOND


def test_reads_are_not_public_unless_that_is_asked_for(stack: Stack) -> None:
    for function in ("AuthorizerFunction", "CandlesFunction"):
        assert stack.properties(function)["Environment"]["Variables"]["PUBLIC_READS"] == "false"


READS = tuple(f"/~1api~1v3~1{name}" for name in ("klines", "uiKlines", "exchangeInfo"))


def throttling(stack: Stack, name: str) -> dict[str, int]:
    """Return a limit by the route that it is for."""
    return {setting["ResourcePath"]: setting[name] for setting in stack.properties("ApiliveStage")["MethodSettings"]}


def test_the_docs_name_the_limits_of_the_template(stack: Stack) -> None:
    bursts = {
        setting["ResourcePath"]: setting["ThrottlingBurstLimit"]
        for setting in stack.properties("ApiliveStage")["MethodSettings"]
    }
    everything, starts = bursts["/*"], bursts["/~1api~1admin~1collect~1trigger"]
    documented = (PROJECT / "docs" / "api.md").read_text()
    rates = f"more than {CALLS_A_SECOND} calls a second, or {TRIGGERS_A_SECOND} starts of runs"
    assert f"{rates} (bursts of {everything} and {starts})" in documented


def test_fifty_triggers_at_once_pass_and_a_thousand_do_not(stack: Stack) -> None:
    settings = {
        (setting["HttpMethod"], setting["ResourcePath"]): setting
        for setting in stack.properties("ApiliveStage")["MethodSettings"]
    }
    trigger = settings["POST", "/~1api~1admin~1collect~1trigger"]
    everything = settings["*", "/*"]
    assert 60 <= trigger["ThrottlingBurstLimit"] <= everything["ThrottlingBurstLimit"] < 1000


def test_calls_are_logged_where_a_person_chose_by_which_role() -> None:
    """The role is a setting of the whole account, and CloudFormation would replace another's in silence."""
    nothing = {"Ref": "AWS::NoValue"}
    for choice, (logs, makes) in {"off": (False, 0), "account-role": (True, 0), "new-role": (True, 1)}.items():
        stack = Stack(Stage="prod", ApiAccessLog=choice)
        assert (stack.properties("ApiliveStage")["AccessLogSetting"] != nothing) is logs
        assert len(stack.of_type("AWS::ApiGateway::Account")) == makes
        assert ("ApiLogRole" in stack.resources) is bool(makes)
    assert Stack(Stage="prod").properties("ApiliveStage")["AccessLogSetting"] == nothing


def test_the_api_speaks_tls_1_2_and_later_over_ipv4_and_ipv6(stack: Stack) -> None:
    api = stack.properties("Api")
    assert api["EndpointConfiguration"] == {"Types": ["REGIONAL"], "IpAddressType": "dualstack"}
    assert (api["SecurityPolicy"], api["EndpointAccessMode"]) == ("SecurityPolicy_TLS13_1_2_2021_06", "BASIC")


def test_the_access_log_holds_nothing_that_a_caller_chose() -> None:
    stack = Stack(Stage="prod", ApiAccessLog="account-role")
    line = json.loads(stack.properties("ApiliveStage")["AccessLogSetting"]["Format"])
    assert set(line.values()) == {
        "$context.authorizer.principalId",
        "$context.error.responseType",
        "$context.httpMethod",
        "$context.identity.sourceIp",
        "$context.requestId",
        "$context.requestTimeEpoch",
        "$context.resourcePath",
        "$context.responseLatency",
        "$context.responseLength",
        "$context.status",
    }


def denied_addresses(stack: Stack) -> list[str]:
    statements = stack.properties("Api")["Body"]["x-amazon-apigateway-policy"]["Statement"]
    (deny,) = (statement for statement in statements if statement["Effect"] == "Deny")
    addresses: list[str] = deny["Condition"]["NotIpAddress"]["aws:SourceIp"]
    return addresses


def test_callers_from_elsewhere_are_shut_out_where_blocks_are_named() -> None:
    assert denied_addresses(Stack(Stage="prod")) == ["0.0.0.0/0", "::/0"]
    named = Stack(Stage="prod", AllowedCidrs="203.0.113.0/24,2001:db8::/32")
    assert denied_addresses(named) == ["203.0.113.0/24", "2001:db8::/32"]


def test_a_change_of_the_allowed_blocks_is_deployed() -> None:
    """A resource policy takes effect with a deployment only, and SAM makes one when the API's body has changed."""
    before = Stack(Stage="prod").of_type("AWS::ApiGateway::Deployment")
    after = Stack(Stage="prod", AllowedCidrs="203.0.113.0/24").of_type("AWS::ApiGateway::Deployment")
    assert len(before) == len(after) == 1
    assert before.keys() != after.keys()


def test_there_is_one_stage_and_its_log_waits_for_the_role_that_the_stack_makes(stack: Stack) -> None:
    assert [stage["Properties"]["StageName"] for stage in stack.of_type("AWS::ApiGateway::Stage").values()] == ["live"]
    for choice, waits in {"account-role": False, "new-role": True}.items():
        stage = Stack(Stage="prod", ApiAccessLog=choice).properties("ApiliveStage")
        assert ("ApiLogAccount" in str(stage["AccessLogSetting"]["DestinationArn"])) is waits
