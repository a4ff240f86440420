"""The template as SAM translates it: cfn-lint has nothing against it, and a second emulator takes what it knows."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Iterator
from functools import cache
from typing import Any

import boto3
import pytest
from cfnlint import ManualArgs
from cfnlint.api import lint
from moto import mock_aws
from moto.cloudformation.parsing import resource_class_from_type
from samtranslator.yaml_helper import yaml_parse

from tests.template.checkov import WAIVERS
from tests.template.stack import PROJECT, Stack, source, translated

REGION = "eu-central-1"
NAME = "candles"
BUILDS = {
    "the archive": {"Stage": "prod"},
    "all that can be on": {
        "Stage": "prod",
        "ApiAccessLog": "new-role",
        "MonthlyBudget": "20",
        "AlarmEmail": "a@example.org",
        "NotifyEmail": "a@example.org",
        "NotifyWebhookUrl": "https://example.org",
        "NotifyWebhookSecret": "Bearer a",
    },
    "coming back": {
        "Stage": "prod",
        **{f"Existing{table}": f"kept-{table}" for table in ("CandlesTable", "RunsTable", "KeysTable")},
    },
}

WITHOUT_METHODS = {"AWS::ApiGateway::Deployment", "AWS::ApiGateway::Stage"}
"""moto 5.2 imports no body of a REST API from a stack, and so finds no method to deploy. The local AWS does."""


def known_to_moto(resource: dict[str, Any]) -> bool:
    """Return whether moto has what makes a resource: alarms, schedules and budgets it has not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return resource["Type"] not in WITHOUT_METHODS and bool(resource_class_from_type(resource["Type"]))


@cache
def template(build: str) -> dict[str, Any]:
    """Return the translated template with what it includes written out, as CloudFormation would have it."""
    made = translated(BUILDS[build])
    made.pop("Metadata", None)  # for people and for lint of what is written
    found: dict[str, Any] = json.loads(json.dumps(_included(made), default=str))
    return found


def _included(value: Any) -> Any:
    match value:
        case {"Fn::Transform": {"Name": "AWS::Include", "Parameters": {"Location": location}}}:
            return _included(yaml_parse((PROJECT / location).read_text()))
        case dict():
            return {key: _included(part) for key, part in value.items()}
        case list():
            return [_included(part) for part in value]
        case _:
            return value


def test_lint_has_nothing_against_what_sam_makes_of_the_template() -> None:
    found = lint(json.dumps(template("all that can be on")), config=ManualArgs(regions=[REGION]))
    assert [(match.rule.id, match.message, match.path) for match in found] == []


def test_every_waiver_of_lint_has_its_reason() -> None:
    ignored = source()["Metadata"]["cfn-lint"]["config"]["ignore_checks"]
    assert sorted(ignored) == sorted(WAIVERS["cfn-lint"])
    assert all(len(reason) > 20 for reasons in WAIVERS.values() for reason in reasons.values())


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Mock AWS, with code in the bucket that the translated template names."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.setenv(name, REGION)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "")
    with mock_aws():
        s3: Any = boto3.client("s3")
        s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket="bucket", Key="key", Body=code.getvalue())
        yield


@pytest.mark.parametrize("build", ["the archive", "coming back"])
def test_a_second_emulator_makes_all_that_it_knows(aws: None, build: str) -> None:
    assert aws is None
    stack = Stack(**BUILDS[build])
    known = dict(template(build))
    known["Resources"] = {name: resource for name, resource in known["Resources"].items() if known_to_moto(resource)}
    cloudformation: Any = boto3.client("cloudformation")
    cloudformation.create_stack(
        StackName=NAME,
        TemplateBody=json.dumps(known),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in BUILDS[build].items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    made = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in cloudformation.list_stack_resources(StackName=NAME)["StackResourceSummaries"]
    }
    wanted = {name for name, resource in stack.resources.items() if known_to_moto(resource)}
    assert made.keys() - {""} == wanted  # moto gives one of an API's own parts no name
    assert len(wanted) > 30
    _is_as_described(stack, made)


def _is_as_described(stack: Stack, made: dict[str, str]) -> None:
    lambda_: Any = boto3.client("lambda")
    iam: Any = boto3.client("iam")
    for name, function in stack.of_type("AWS::Lambda::Function").items():
        found = lambda_.get_function_configuration(FunctionName=function["Properties"]["FunctionName"])
        role = made[f"{name}Role"]
        assert found["Role"].endswith(f"/{role}")
        assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
        assert iam.list_role_policies(RoleName=role)["PolicyNames"] == [name.removesuffix("Function")]
    queue = boto3.client("sqs").get_queue_attributes(QueueUrl=made["CollectQueue"], AttributeNames=["All"])
    assert json.loads(queue["Attributes"]["RedrivePolicy"])["maxReceiveCount"] == 5
