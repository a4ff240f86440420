"""Queue, tables, schedules, logs and alarms, as they are deployed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from candle_collector.domain.pace import DEADLINE_MOST
from candle_collector.domain.run import COLLECTING_MODES

from cli.commands.deploy import NAME_MOST, STACK_NAME_MOST
from tests.template.stack import PROJECT, PSEUDO, Stack

FUNCTIONS = {"authorizer", "trigger", "worker", "status", "candles", "reconciler"}


@pytest.fixture(scope="module", params=["local", "dev", "prod"])
def stack(request: pytest.FixtureRequest) -> Stack:
    return Stack(Stage=request.param)


@pytest.fixture(scope="module")
def prod() -> Stack:
    return Stack(Stage="prod")


def tags(resource: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in resource["Properties"].get("Tags", [])}


def test_the_functions_of_the_layout_and_no_others(stack: Stack) -> None:
    functions = stack.of_type("AWS::Lambda::Function")
    assert set(functions) == {f"{name.capitalize()}Function" for name in FUNCTIONS}
    assert {function["Properties"]["FunctionName"] for function in functions.values()} == {
        f"candles-{name}" for name in FUNCTIONS
    }


def test_the_longest_stack_name_leaves_room_for_every_derived_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PSEUDO, "AWS::StackName", "n" * STACK_NAME_MOST)
    stack = Stack(Stage="prod")
    named = {"AWS::Lambda::Function": "FunctionName", "AWS::Scheduler::Schedule": "Name", "AWS::Events::Rule": "Name"}
    names = [found["Properties"][member] for kind, member in named.items() for found in stack.of_type(kind).values()]
    assert len(names) == len(FUNCTIONS) + 3
    assert max(map(len, names)) == NAME_MOST
    # CloudFormation makes these names itself, and cuts them to fit.
    for kind, member in {"AWS::IAM::Role": "RoleName", "AWS::SQS::Queue": "QueueName"}.items():
        assert all(member not in found["Properties"] for found in stack.of_type(kind).values())


def test_the_visibility_is_at_least_six_times_the_workers_timeout(stack: Stack) -> None:
    timeout = int(stack.properties("WorkerFunction")["Timeout"])
    assert int(stack.properties("CollectQueue")["VisibilityTimeout"]) >= 6 * timeout


def test_no_run_lives_longer_than_its_messages(stack: Stack) -> None:
    assert stack.properties("CollectQueue")["MessageRetentionPeriod"] == DEADLINE_MOST.total_seconds()


def test_a_message_that_fails_five_times_is_kept_for_people(stack: Stack) -> None:
    redrive = stack.properties("CollectQueue")["RedrivePolicy"]
    assert redrive["maxReceiveCount"] == 5
    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["CollectDeadLetterQueue", "Arn"]}
    assert stack.properties("CollectDeadLetterQueue")["MessageRetentionPeriod"] == 14 * 24 * 3600
    sources = stack.of_type("AWS::Lambda::EventSourceMapping").values()
    assert [found["Properties"]["EventSourceArn"] for found in sources] == [{"Fn::GetAtt": ["CollectQueue", "Arn"]}]


def test_a_worker_takes_one_message_and_says_of_its_failure(stack: Stack) -> None:
    source = stack.properties("CollectQueueToWorker")
    assert source["BatchSize"] == 1
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_workers_at_a_time_are_those_that_a_new_account_can_bear_or_what_is_asked_for() -> None:
    def workers(**parameters: str) -> str:
        scaling = Stack(**parameters).properties("CollectQueueToWorker")["ScalingConfig"]
        return str(scaling["MaximumConcurrency"])

    assert (workers(Stage="prod"), workers(Stage="prod", WorkerConcurrency="8")) == ("5", "8")


def test_only_who_sends_to_the_queue_that_calls_it_may_go_on_doing_so(stack: Stack) -> None:
    loops = {
        name: found["Properties"]["RecursiveLoop"]
        for name, found in stack.of_type("AWS::Lambda::Function").items()
        if "RecursiveLoop" in found["Properties"]
    }
    assert loops == {"WorkerFunction": "Allow"}


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_functions_and_layer_are_of_the_same_architecture(architecture: str) -> None:
    stack = Stack(Stage="prod", Architecture=architecture)
    assert stack.properties("WorkerFunction")["Architectures"] == [architecture]
    (layer,) = stack.of_type("AWS::Lambda::LayerVersion").values()
    assert layer["Properties"]["CompatibleArchitectures"] == [architecture]


def test_a_budget_is_made_where_one_is_named() -> None:
    assert Stack(Stage="prod").of_type("AWS::Budgets::Budget") == {}
    budget = Stack(Stage="prod", MonthlyBudget="20", AlarmEmail="someone@example.org").properties("Budget")
    assert budget["Budget"]["BudgetLimit"] == {"Amount": "20", "Unit": "USD"}
    notified = budget["NotificationsWithSubscribers"]
    assert [item["Notification"]["NotificationType"] for item in notified] == ["ACTUAL", "FORECASTED"]
    assert {item["Subscribers"][0]["Address"] for item in notified} == {"someone@example.org"}


def test_a_dry_run_counts_on_the_workers_that_there_are(stack: Stack) -> None:
    scaling = stack.properties("CollectQueueToWorker")["ScalingConfig"]
    variables = stack.properties("TriggerFunction")["Environment"]["Variables"]
    assert variables["WORKER_CONCURRENCY"] == scaling["MaximumConcurrency"]


@pytest.mark.parametrize("table", ["CandlesTable", "RunsTable", "KeysTable"])
def test_tables_outlive_the_stack(stack: Stack, table: str) -> None:
    resource = stack.resources[table]
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"
    assert resource["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert resource["Properties"]["BillingMode"] == "PAY_PER_REQUEST"
    protected = tags(resource)["Stage"] != "local"
    assert resource["Properties"]["DeletionProtectionEnabled"] is protected


def test_variables_are_texts(stack: Stack) -> None:
    """The local stack starts no function that has a number among its variables."""
    for name, function in stack.of_type("AWS::Lambda::Function").items():
        variables = function["Properties"]["Environment"]["Variables"].values()
        assert all(isinstance(value, str | dict) for value in variables), name


def test_only_runs_age(stack: Stack) -> None:
    ageing = {
        name: found["Properties"]["TimeToLiveSpecification"]
        for name, found in stack.of_type("AWS::DynamoDB::Table").items()
        if "TimeToLiveSpecification" in found["Properties"]
    }
    assert ageing == {"RunsTable": {"AttributeName": "expires_at", "Enabled": True}}


def test_keys_of_the_tables(stack: Stack) -> None:
    keys = {
        name: [key["AttributeName"] for key in found["Properties"]["KeySchema"]]
        for name, found in stack.of_type("AWS::DynamoDB::Table").items()
    }
    assert keys == {"CandlesTable": ["series", "block"], "RunsTable": ["pk", "sk"], "KeysTable": ["key_id"]}


def test_every_function_logs_into_a_group_that_forgets(stack: Stack) -> None:
    groups = {
        found["Properties"]["LogGroupName"]: found["Properties"]["RetentionInDays"]
        for found in stack.of_type("AWS::Logs::LogGroup").values()
    }
    assert groups.keys() == {f"/aws/lambda/candles-{name}" for name in FUNCTIONS} | {"/aws/api-gateway/candles"}
    assert set(groups.values()) == {"30"}


def test_schedules_start_collection_unless_they_are_off() -> None:
    def states(**parameters: str) -> dict[str, str]:
        stack = Stack(**parameters)
        found = [*stack.of_type("AWS::Events::Rule").values(), *stack.of_type("AWS::Scheduler::Schedule").values()]
        return {schedule["Properties"]["Name"]: schedule["Properties"].get("State", "ENABLED") for schedule in found}

    all_on = {"candles-forward": "ENABLED", "candles-gap-fill": "ENABLED", "candles-reconciler": "ENABLED"}
    assert states() == all_on
    assert states(GapFillSchedule="") == all_on | {"candles-gap-fill": "DISABLED"}
    # A run that a person started must end, so the reconciler goes its rounds all the same.
    off = {"candles-forward": "DISABLED", "candles-gap-fill": "DISABLED", "candles-reconciler": "ENABLED"}
    assert states(SchedulesEnabled="false") == states(SchedulesEnabled="false", GapFillSchedule="") == off


def test_a_round_of_the_reconciler_that_failed_is_left_to_the_next(stack: Stack) -> None:
    assert invoked_later(stack, "ReconcilerFunction")["MaximumRetryAttempts"] == 0


def test_a_scheduled_start_that_failed_three_times_is_kept_for_people(stack: Stack) -> None:
    config = invoked_later(stack, "TriggerFunction")
    assert config["MaximumRetryAttempts"] == 2
    kept_in = {"Fn::GetAtt": ["FailedStartsQueue", "Arn"]}
    assert config["DestinationConfig"]["OnFailure"]["Destination"] == kept_in
    assert stack.properties("FailedStartsQueue")["MessageRetentionPeriod"] == 14 * 24 * 3600


def invoked_later(stack: Stack, function: str) -> dict[str, Any]:
    """Return what happens to an event of a function that nobody waits for."""
    (config,) = (
        found["Properties"]
        for found in stack.of_type("AWS::Lambda::EventInvokeConfig").values()
        if found["Properties"]["FunctionName"] == {"Ref": function}
    )
    return dict(config)


def test_a_schedule_names_the_mode_and_the_time_of_its_occurrence(prod: Stack) -> None:
    inputs = {
        schedule["Properties"]["Name"]: json.loads(schedule["Properties"]["Target"]["Input"])
        for schedule in prod.of_type("AWS::Scheduler::Schedule").values()
    }
    assert inputs == {
        f"candles-{mode.replace('_', '-')}": {"mode": mode, "time": "<aws.scheduler.scheduled-time>"}
        for mode in COLLECTING_MODES  # a verification never happens by itself
        if mode != "backward"
    }


def test_every_function_names_its_log_group(prod: Stack) -> None:
    for function in FUNCTIONS:
        group = {"Ref": f"{function.capitalize()}LogGroup"}
        assert prod.properties(f"{function.capitalize()}Function")["LoggingConfig"] == {"LogGroup": group}


def test_the_template_is_short_enough_to_read() -> None:
    """A third of it is what watches the archive: twelve alarms, notifications and their parameters.

    A template of their own would need most parameters a second time, and would show to lint a half of each reference.
    Roles of their own, in place of SAM's, which may write and make every log of the account, are 60 lines.
    """
    assert len((PROJECT / "template.yaml").read_text().splitlines()) < 1080


@pytest.mark.parametrize(
    "resource_type",
    [
        "AWS::ApiGateway::RestApi",
        "AWS::ApiGateway::Stage",
        "AWS::DynamoDB::Table",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
    ],
)
def test_what_costs_money_says_whose_it_is(prod: Stack, resource_type: str) -> None:
    found = prod.of_type(resource_type)
    assert found
    for name, resource in found.items():
        assert {"Project": "candle-collector", "Stage": "prod"}.items() <= tags(resource).items(), name


def test_outputs_that_scripts_and_people_read(prod: Stack) -> None:
    assert prod.outputs.keys() == {
        "ApiUrl",
        "CandlesTableName",
        "CollectQueueUrl",
        "DeadLetterQueueUrl",
        "FailedStartsQueueUrl",
        "KeysTableName",
        "OperationsDashboardUrl",
        "ResultsDashboardUrl",
        "RunsTableName",
    }
    assert prod.outputs["ApiUrl"]["Value"] == "https://${Api}.execute-api.eu-central-1.amazonaws.com/live"
