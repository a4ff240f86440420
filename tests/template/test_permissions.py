"""What each function may do, and the settings that it gets: what it needs, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from tests.template.stack import Stack

READ = {"dynamodb:GetItem", "dynamodb:Query"}
KEEP_RUNS = READ | {"dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}

ALLOWED = {
    "AuthorizerFunction": {"KeysTable": {"dynamodb:GetItem", "dynamodb:UpdateItem"}},
    "TriggerFunction": {
        "RunsTable": KEEP_RUNS | {"dynamodb:BatchWriteItem"},
        "CandlesTable": {"dynamodb:Query"},
        "CollectQueue": {"sqs:SendMessage"},
        "FailedStartsQueue": {"sqs:SendMessage"},  # Lambda sends with the function's role what it could not start
        "event-bus/default": {"events:PutEvents"},
    },
    "WorkerFunction": {
        "RunsTable": KEEP_RUNS,
        # a candle is replaced in one transaction, which is allowed by what it consists of
        "CandlesTable": {"dynamodb:BatchWriteItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"},
        "CollectQueue": {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"},
        "event-bus/default": {"events:PutEvents"},
    },
    "StatusFunction": {"RunsTable": READ | {"dynamodb:BatchGetItem"}, "CandlesTable": {"dynamodb:Query"}},
    "CandlesFunction": {"RunsTable": READ, "CandlesTable": {"dynamodb:Query"}},
    "ReconcilerFunction": {
        "RunsTable": KEEP_RUNS,
        "CandlesTable": {"dynamodb:Query"},
        "CollectQueue": {"sqs:GetQueueAttributes", "sqs:SendMessage"},
        "event-bus/default": {"events:PutEvents"},
    },
}


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack(Stage="prod")


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def allowed_to(stack: Stack, function: str) -> dict[str, set[str]]:
    """Return the actions of a function's own policies by the resource that they are for."""
    allowed: dict[str, set[str]] = {}
    for policy in stack.properties(f"{function}Role")["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            assert "NotAction" not in statement
            for resource in listed(statement["Resource"]):
                name = resource["Fn::GetAtt"][0] if isinstance(resource, dict) else resource.rpartition(":")[2]
                allowed.setdefault(name, set()).update(listed(statement["Action"]))
    return allowed


@pytest.mark.parametrize("function", ALLOWED)
def test_a_function_may_do_what_it_needs_on_what_it_uses(stack: Stack, function: str) -> None:
    assert allowed_to(stack, function) == ALLOWED[function]


def test_every_function_is_in_the_list_above(stack: Stack) -> None:
    assert stack.of_type("AWS::Lambda::Function").keys() == ALLOWED.keys()


def test_no_action_and_no_resource_is_left_open() -> None:
    for actions in (actions for resources in ALLOWED.values() for actions in resources.values()):
        assert not any("*" in action for action in actions)
    assert not any("*" in resource for resources in ALLOWED.values() for resource in resources)


TRACED = {"TriggerFunction", "WorkerFunction", "ReconcilerFunction"}


def test_the_only_managed_policies_are_those_for_writing_logs_and_traces(stack: Stack) -> None:
    attached = {
        name: [arn.rpartition("/")[2] for arn in role["Properties"].get("ManagedPolicyArns", [])]
        for name, role in stack.of_type("AWS::IAM::Role").items()
    }
    of_functions = {
        f"{function}Role": [
            "AWSLambdaBasicExecutionRole",
            *(["AWSXrayWriteOnlyAccess"] if function in TRACED else []),
        ]
        for function in ALLOWED
    }
    of_schedules: dict[str, list[str]] = {f"TriggerFunction{name}Role": [] for name in ("Forward", "GapFill")}
    assert attached == of_functions | of_schedules | {"ApiLogRole": ["AmazonAPIGatewayPushToCloudWatchLogs"]}


def test_a_schedule_may_call_the_trigger_and_nothing_else(stack: Stack) -> None:
    for name in ("Forward", "GapFill"):
        role = stack.properties(f"TriggerFunction{name}Role")
        (policy,) = role["Policies"]
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Action"]) == ("Allow", "lambda:InvokeFunction")
        assert statement["Resource"] == {"Fn::GetAtt": ["TriggerFunction", "Arn"]}


def test_who_answers_candles_sees_of_the_runs_only_what_is_stored(stack: Stack) -> None:
    (policy,) = stack.properties("CandlesFunctionRole")["Policies"]
    conditions = [
        statement["Condition"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Resource"] == {"Fn::GetAtt": ["RunsTable", "Arn"]}
    ]
    assert conditions == [{"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["SERIES", "LISTINGS"]}}]


def test_who_checks_keys_can_change_nothing_of_them_but_when_they_were_used(stack: Stack) -> None:
    (policy,) = stack.properties("AuthorizerFunctionRole")["Policies"]
    (writing,) = (item for item in policy["PolicyDocument"]["Statement"] if item["Action"] == "dynamodb:UpdateItem")
    assert writing["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:Attributes": ["key_id", "last_used_at"]}}


def test_functions_may_use_the_tables_that_are_named_in_place_of_new_ones() -> None:
    named = {f"Existing{table}": f"kept-{table}" for table in ("CandlesTable", "RunsTable", "KeysTable")}
    stack = Stack(Stage="prod", **named)
    for function, resources in ALLOWED.items():
        kept = {f"kept-{name}" if name.endswith("Table") else name: actions for name, actions in resources.items()}
        found = {name.rpartition("table/")[2]: actions for name, actions in allowed_to(stack, function).items()}
        assert found == kept


@pytest.mark.parametrize("function", ALLOWED)
def test_a_function_knows_the_names_of_what_it_may_use_and_of_nothing_else(stack: Stack, function: str) -> None:
    variables = stack.properties(function)["Environment"]["Variables"]
    reported = {value["Ref"] for value in variables.values() if isinstance(value, dict)}
    assert reported == ALLOWED[function].keys() - {"event-bus/default", "FailedStartsQueue"}


def test_the_metrics_of_two_stacks_in_one_account_do_not_mix(stack: Stack) -> None:
    variables = stack.properties("WorkerFunction")["Environment"]["Variables"]
    assert variables["POWERTOOLS_SERVICE_NAME"] == "candles"  # the stack's name
