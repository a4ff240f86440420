"""What each function may do, and the settings that it gets: what it needs, and no more."""

from __future__ import annotations

import pytest
from candle_collector.adapters.events import SOURCE

from tests.iam import Call, Role
from tests.template.stack import Stack

READ = {"dynamodb:GetItem", "dynamodb:Query"}
KEEP_RUNS = READ | {"dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}

WRITE_LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
WRITE_TRACES = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}  # X-Ray knows no resource that they could be for
TRACED = {"TriggerFunction", "WorkerFunction", "ReconcilerFunction"}

ALLOWED = {
    "AuthorizerFunction": {"KeysTable": {"dynamodb:GetItem", "dynamodb:UpdateItem"}},
    "TriggerFunction": {
        "RunsTable": KEEP_RUNS | {"dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"},
        "CandlesTable": {"dynamodb:Query"},
        "CollectQueue": {"sqs:SendMessage"},
        "FailedStartsQueue": {"sqs:SendMessage"},  # Lambda sends with the function's role what it could not start
        "event-bus/default": {"events:PutEvents"},
    },
    "WorkerFunction": {
        "RunsTable": KEEP_RUNS,
        # a candle is replaced in one transaction, which is allowed by what it consists of
        "CandlesTable": {"dynamodb:BatchWriteItem", "dynamodb:PutItem", "dynamodb:Query"},
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


def allowed_to(stack: Stack, function: str) -> dict[str, set[str]]:
    """Return the actions of a function's role by the resource that they are for, but for logs and traces."""
    allowed: dict[str, set[str]] = {}
    for action, resource in Role.of_function(stack, function).granted - watching(function):
        allowed.setdefault(resource, set()).add(action)
    return allowed


def watching(function: str) -> set[tuple[str, str]]:
    """Return what a function needs for its log, and for its traces where it has some."""
    log = {(action, f"{function.removesuffix('Function')}LogGroup") for action in WRITE_LOG}
    return log | ({(action, "*") for action in WRITE_TRACES} if function in TRACED else set())


@pytest.mark.parametrize("function", ALLOWED)
def test_a_function_may_do_what_it_needs_on_what_it_uses(stack: Stack, function: str) -> None:
    assert allowed_to(stack, function) == ALLOWED[function]


def test_every_function_is_in_the_list_above(stack: Stack) -> None:
    assert stack.of_type("AWS::Lambda::Function").keys() == ALLOWED.keys()


def test_no_action_and_no_resource_is_left_open() -> None:
    for actions in (actions for resources in ALLOWED.values() for actions in resources.values()):
        assert not any("*" in action for action in actions)
    assert not any("*" in resource for resources in ALLOWED.values() for resource in resources)


@pytest.mark.parametrize("function", ALLOWED)
def test_a_function_writes_into_its_own_log_and_can_make_none(stack: Stack, function: str) -> None:
    """Else a late line makes the log group of a stack that was destroyed again, which blocks the next deployment."""
    role = Role.of_function(stack, function)
    assert watching(function) <= role.granted
    assert not [action for action, _ in role.granted if action.startswith("logs:") and action not in WRITE_LOG]
    traced = stack.properties(function).get("TracingConfig") == {"Mode": "Active"}
    assert traced == (function in TRACED)


def test_no_role_has_a_managed_policy_but_that_of_the_access_log() -> None:
    stack = Stack(Stage="prod", ApiAccessLog="new-role")
    attached = {
        name: [arn.rpartition("/")[2] for arn in role["Properties"]["ManagedPolicyArns"]]
        for name, role in stack.of_type("AWS::IAM::Role").items()
        if role["Properties"].get("ManagedPolicyArns")
    }
    assert attached == {"ApiLogRole": ["AmazonAPIGatewayPushToCloudWatchLogs"]}


def test_a_schedule_may_call_the_trigger_and_nothing_else(stack: Stack) -> None:
    for name in ("Forward", "GapFill"):
        role = stack.properties(f"TriggerFunction{name}Role")
        (policy,) = role["Policies"]
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Action"]) == ("Allow", "lambda:InvokeFunction")
        assert statement["Resource"] == {"Fn::GetAtt": ["TriggerFunction", "Arn"]}


@pytest.mark.parametrize(
    ("function", "action", "resource", "key", "good", "bad"),
    [
        ("CandlesFunction", "dynamodb:Query", "RunsTable", "dynamodb:LeadingKeys", "SERIES", "LEASE"),
        ("CandlesFunction", "dynamodb:GetItem", "RunsTable", "dynamodb:LeadingKeys", "SERIES", "RUNS"),
        ("CandlesFunction", "dynamodb:GetItem", "RunsTable", "dynamodb:LeadingKeys", "LISTINGS", "RUNS"),
        ("AuthorizerFunction", "dynamodb:UpdateItem", "KeysTable", "dynamodb:Attributes", "last_used_at", "hash"),
        *(
            (function, "events:PutEvents", "event-bus/default", "events:source", "candle-collector", "aws.health")
            for function in ("TriggerFunction", "WorkerFunction", "ReconcilerFunction")
        ),
    ],
)
def test_a_right_is_limited_and_an_absent_key_is_refused(  # noqa: PLR0917 - a row of the table above
    stack: Stack, function: str, action: str, resource: str, key: str, good: str, bad: str
) -> None:
    role = Role.of_function(stack, function)
    assert role.allows(Call(action, resource, {key: [good]}))
    assert not role.allows(Call(action, resource, {key: [bad]}))
    assert not role.allows(Call(action, resource, {key: [good, bad]}))
    assert not role.allows(Call(action, resource))


def test_the_source_that_may_be_named_is_that_of_the_events(stack: Stack) -> None:
    assert Role.of_function(stack, "WorkerFunction").allows(
        Call("events:PutEvents", "event-bus/default", {"events:source": [SOURCE]})
    )


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
