"""`candles deploy`, `candles destroy`: where they go, what a failed first deployment leaves, whose log role it is."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from background.progress import StackError
from cli.commands import deploy, destroy
from cli.failed_stack import failed_stack
from cli.stacks import AwsStack

NAME = "candle-collector-dev"
TABLES = {"kept-candles": 3, "kept-runs": 0}


def refused(message: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "DescribeStacks")


@dataclass
class Account:
    """What the commands ask of AWS, and what they did there."""

    status: str | None = "ROLLBACK_COMPLETE"
    role: str | None = None
    own_role: str | None = None
    error: Exception | None = None
    done: list[str] = field(default_factory=list)

    def client(self, service: str) -> Any:
        return SimpleNamespace(
            describe_stacks=self._describe_stacks,
            describe_stack_resource=self._describe_stack_resource,
            delete_stack=self._delete,
            get_paginator=lambda name: SimpleNamespace(paginate=lambda **_: getattr(self, f"_{name}")()),
            get_waiter=lambda _name: SimpleNamespace(wait=lambda **_: None),
            get_account=lambda: {"cloudwatchRoleArn": self.role} if self.role else {},
            scan=lambda TableName, Limit: {"Count": min(Limit, TABLES[TableName])},  # noqa: N803 - AWS's name
            update_table=lambda TableName, **_: self.done.append(f"unprotected {TableName}"),  # noqa: N803 - AWS's name
            delete_table=lambda TableName: self.done.append(f"deleted {TableName}"),  # noqa: N803 - AWS's name
            service=service,
        )

    def _describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        if self.error:
            raise self.error
        if self.status is None:
            raise refused(f"Stack with id {StackName} does not exist")
        parameters = [{"ParameterKey": "Intervals", "ParameterValue": "1m,1h"}]
        return {"Stacks": [{"StackStatus": self.status, "Outputs": [], "Parameters": parameters}]}

    def _describe_stack_resource(self, **_: str) -> dict[str, Any]:
        if self.own_role is None:
            raise refused("Resource ApiLogRole does not exist")
        return {"StackResourceDetail": {"PhysicalResourceId": self.own_role}}

    def _delete(self, StackName: str) -> None:  # noqa: N803 - AWS's name
        self.done.append(f"deleted {StackName}")
        self.status = None

    def _describe_stack_events(self) -> Iterator[dict[str, Any]]:
        events = [
            ("ROLLBACK_COMPLETE", NAME, ""),
            ("CREATE_FAILED", "RunsTable", "Resource creation cancelled"),
            ("CREATE_FAILED", "Second", "because of the first"),
            ("CREATE_FAILED", "WorkerLogGroup", "it exists already"),
        ]
        yield {
            "StackEvents": [
                {"ResourceStatus": status, "LogicalResourceId": name, "ResourceStatusReason": reason}
                for status, name, reason in events
            ]
        }

    def _list_stack_resources(self) -> Iterator[dict[str, Any]]:
        resources = [
            ("AWS::DynamoDB::Table", "DELETE_SKIPPED", "kept-candles"),
            ("AWS::DynamoDB::Table", "DELETE_SKIPPED", "kept-runs"),
            ("AWS::DynamoDB::Table", "DELETE_COMPLETE", "gone"),
            ("AWS::SQS::Queue", "DELETE_SKIPPED", "a-queue"),
        ]
        yield {
            "StackResourceSummaries": [
                {"ResourceType": kind, "ResourceStatus": status, "PhysicalResourceId": name}
                for kind, status, name in resources
            ]
        }


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    account = Account()
    monkeypatch.setattr(AwsStack, "client", lambda _stack, service: account.client(service))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "API_ACCESS_LOG", "ARCHITECTURE", "PYTHON_RUNTIME"):
        monkeypatch.delenv(name, raising=False)
    return account


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """Return what sam was called with, and in which environment."""
    calls: list[tuple[list[str], dict[str, str]]] = []

    def run(command: list[str], *, env: dict[str, str], **_: Any) -> Any:
        calls.append((command[1:], env))
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr("cli.commands.deploy.subprocess.run", run)
    return calls


def arguments(**given: Any) -> argparse.Namespace:
    return argparse.Namespace(**{"stage": "dev", "yes": False, "region": None, "profile": None, **given})


def test_what_is_left_of_a_first_deployment_that_failed_is_described(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    left = failed_stack(AwsStack.of_stage("dev"))
    assert left is not None
    assert left.reasons == ("WorkerLogGroup: it exists already", "Second: because of the first")
    assert left.tables == ("kept-candles", "kept-runs")
    left.describe()
    said = capsys.readouterr().out
    assert f"The first deployment of {NAME} failed (ROLLBACK_COMPLETE)" in said
    assert "it exists already" in said
    assert account.done == []


@pytest.mark.parametrize("status", [None, "CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_a_stack_that_works_and_one_that_is_not_there_have_nothing_left(account: Account, status: str | None) -> None:
    account.status = status
    assert failed_stack(AwsStack.of_stage("dev")) is None


@pytest.mark.parametrize("error", [NoCredentialsError(), refused("The security token is expired")])
def test_an_account_that_does_not_answer_is_an_error_with_a_remedy(account: Account, error: Exception) -> None:
    account.error = error
    with pytest.raises(StackError, match="look at the credentials, the region"):
        failed_stack(AwsStack.of_stage("dev"))


def test_nothing_is_deployed_onto_it_before_its_name_was_typed(
    account: Account, called: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    assert deploy.run(arguments()) == deploy.NOTHING_DEPLOYED
    assert account.done == called == []


def test_it_goes_with_its_empty_tables_and_the_deployment_follows(account: Account, called: list[Any]) -> None:
    assert deploy.run(arguments(yes=True)) == 0
    assert account.done == [f"deleted {NAME}", "unprotected kept-runs", "deleted kept-runs"]
    assert [command[0] for command, _ in called] == ["build", "deploy"]


@pytest.mark.parametrize(("given", "is_dropped"), [("1m", True), ("1m,5m,1h", False), ("", False)])
def test_intervals_that_a_deployment_switches_off_are_named(
    account: Account,
    called: list[Any],
    given: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_dropped: bool,
) -> None:
    said: list[str] = []
    monkeypatch.setattr("background.kept_settings.say", said.append)
    monkeypatch.setenv("INTERVALS", given)
    account.status = "UPDATE_COMPLETE"
    assert deploy.run(arguments()) == 0
    assert len(called) == 2
    assert ["candles of 1h are collected no longer" in line for line in said] == [True] * is_dropped
    assert all("`make deploy STAGE=dev INTERVALS=1m,1h` goes on with all of them" in line for line in said)


def test_destroy_takes_away_what_is_left_of_it(account: Account) -> None:
    assert destroy.run(arguments(confirm="another")) == destroy.NOTHING_DELETED
    assert account.done == []
    assert destroy.run(arguments(confirm=NAME)) == 0
    assert account.done[0] == f"deleted {NAME}"


@pytest.mark.parametrize(
    ("flag", "region", "default_region", "found"),
    [
        ("us-west-2", "ap-northeast-1", None, "us-west-2"),
        (None, "ap-northeast-1", "sa-east-1", "ap-northeast-1"),
        (None, None, "sa-east-1", "sa-east-1"),
        (None, None, None, "eu-central-1"),
    ],
)
def test_all_commands_agree_on_the_region(
    monkeypatch: pytest.MonkeyPatch, flag: str | None, region: str | None, default_region: str | None, found: str
) -> None:
    for name, value in {"AWS_REGION": region, "AWS_DEFAULT_REGION": default_region}.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    for stack in (AwsStack.named(NAME, region=flag), AwsStack.of_stage("dev", region=flag)):
        build, deployment = deploy.commands(stack, {}, overrides=False, unasked=False)
        assert "--region" not in build
        assert deployment[deployment.index("--region") + 1] == found
        environment = deploy.environment_of(stack, {})
        assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"] == found


def test_a_name_that_leaves_no_room_for_the_functions_names_is_refused_before_anything_is_built(
    account: Account, called: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    account.status = None
    longest = "a" * 53
    for name in (longest, longest + "a"):
        monkeypatch.setattr("cli.stacks._configured", lambda name=name: [AwsStack(name, "dev", "eu-central-1")])
        if name == longest:
            assert deploy.run(arguments()) == 0
            called.clear()
        else:
            with pytest.raises(StackError) as refused:
                deploy.run(arguments())
    assert called == []
    assert "has 54 characters" in str(refused.value)
    assert "stack_name of at most 53 characters in samconfig.toml" in str(refused.value)


def test_each_runtime_and_processor_is_built_into_a_cache_of_its_own(
    account: Account, called: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    account.status = None
    caches = set()
    for runtime, architecture, platform in (
        ("python3.13", "x86_64", "manylinux2014_x86_64"),
        ("python3.12", "x86_64", "manylinux2014_x86_64"),
        ("python3.12", "arm64", "manylinux2014_aarch64"),
    ):
        monkeypatch.setenv("PYTHON_RUNTIME", runtime)
        monkeypatch.setenv("ARCHITECTURE", architecture)
        deploy.run(arguments())
        command, environment = called[-2]
        caches.add(command[command.index("--cache-dir") + 1])
        assert environment["LAYER_PYTHON"] == runtime.removeprefix("python")
        assert environment["LAYER_PLATFORM"] == platform
    assert len(caches) == 3


@pytest.mark.parametrize(
    ("choice", "role", "own", "refusal"),
    [
        ("off", None, None, None),
        ("off", "arn:aws:iam::1:role/another", None, None),
        ("account-role", "arn:aws:iam::1:role/another", None, None),
        ("account-role", None, None, "API_ACCESS_LOG=new-role"),
        ("new-role", None, None, None),
        ("new-role", "arn:aws:iam::1:role/mine", "mine", None),
        ("new-role", "arn:aws:iam::1:role/another", "mine", "API_ACCESS_LOG=account-role"),
        ("new-role", "arn:aws:iam::1:role/another", None, "API_ACCESS_LOG=account-role"),
    ],
)
def test_the_accounts_log_role_is_never_replaced(
    account: Account, choice: str, role: str | None, own: str | None, refusal: str | None
) -> None:
    account.role, account.own_role = role, own
    stack = AwsStack.of_stage("dev")
    if refusal is None:
        deploy.check_access_log(stack, {"ApiAccessLog": choice})
    else:
        with pytest.raises(StackError, match=refusal):
            deploy.check_access_log(stack, {"ApiAccessLog": choice})
