"""`candles smoke` holds what AWS says of a stack to the template; AWS's answers here are held to botocore's models."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from background.progress import StackError
from cli import as_deployed
from cli.commands import smoke
from cli.stacks import AwsStack
from tests.template.stack import PSEUDO, Stack, parameter_defaults

NAME = "candles"
OUTPUTS = {f"{table}TableName": f"{NAME}-{table}" for table in ("Candles", "Runs", "Keys")} | {
    "ApiUrl": "https://abc.execute-api.eu-central-1.amazonaws.com/live"
}
Answer = Callable[..., dict[str, Any]]


class Aws:
    """AWS as it answers of a stack that was deployed from the template.

    Attributes
    ----------
    changed
        What an operation answers in place of what the template wants, or why it refuses, by its name.
    """

    def __init__(self) -> None:
        self.parameters = parameter_defaults()
        self.stack = Stack(Stage="prod")
        self.changed: dict[str, dict[str, Any] | ClientError] = {}
        self.without_a_key: tuple[int, str] = (401, "MISSING_API_KEY")
        self.ipv6 = True
        self.origin: str | None = None

    def client(self, service: str) -> Any:
        real = boto3.client(service, "eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")  # type: ignore[call-overload] # any service
        answers = {name.removeprefix("_on_"): getattr(self, name) for name in dir(self) if name.startswith("_on_")}

        def answering(operation: str) -> Answer:
            model = real.meta.service_model.operation_model(real.meta.method_to_api_mapping[operation])

            def answer(**sent: Any) -> dict[str, Any]:
                answered = self.changed.get(operation) or answers[operation](**sent)
                if isinstance(answered, ClientError):
                    raise answered
                for values, shape in ((sent, model.input_shape), (answered, model.output_shape)):
                    assert not (report := ParamValidator().validate(values, shape)).has_errors(), (
                        report.generate_report()
                    )
                return answered

            return answer

        class Client(SimpleNamespace):
            def __getattr__(self, operation: str) -> Answer:
                return answering(operation)

            def get_paginator(self, operation: str) -> Any:
                return SimpleNamespace(paginate=lambda **sent: iter([answering(operation)(**sent)]))

        return Client()

    def named(self, resource: str) -> str:
        properties = self.stack.properties(resource)
        names = (properties.get(name) for name in ("FunctionName", "AlarmName", "Name"))
        return next((name for name in names if isinstance(name, str)), resource)

    def _on_describe_stacks(self, **_: Any) -> dict[str, Any]:
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in OUTPUTS.items()]
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()]
        stack = {"StackName": NAME, "CreationTime": "2026-01-01", "StackStatus": "CREATE_COMPLETE"}
        return {"Stacks": [{**stack, "Outputs": outputs, "Parameters": given}]}

    def _on_list_stack_resources(self, **_: Any) -> dict[str, Any]:
        fixed = {"LastUpdatedTimestamp": "2026-01-01", "ResourceStatus": "CREATE_COMPLETE"}
        return {
            "StackResourceSummaries": [
                {
                    "LogicalResourceId": name,
                    "PhysicalResourceId": self.named(name),
                    "ResourceType": resource["Type"],
                    **fixed,
                }
                for name, resource in self.stack.resources.items()
            ]
        }

    def _on_get_rest_api(self, **_: Any) -> dict[str, Any]:
        api = self.stack.properties("Api")
        endpoint = api["EndpointConfiguration"]
        return {
            "securityPolicy": api["SecurityPolicy"],
            "endpointConfiguration": {"types": endpoint["Types"], "ipAddressType": endpoint["IpAddressType"]},
            "policy": json.dumps(json.dumps(api["Body"]["x-amazon-apigateway-policy"])).replace("/", "\\/"),
        }

    def _on_get_stage(self, **_: Any) -> dict[str, Any]:
        (stage,) = self.stack.of_type("AWS::ApiGateway::Stage").values()
        settings = {
            f"{setting['ResourcePath'].strip('/')}/{setting['HttpMethod']}": {
                "throttlingRateLimit": float(setting["ThrottlingRateLimit"])
            }
            for setting in stage["Properties"]["MethodSettings"]
        }
        return {"methodSettings": settings}

    def _on_get_function_configuration(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        (function,) = (
            found["Properties"]
            for found in self.stack.of_type("AWS::Lambda::Function").values()
            if found["Properties"]["FunctionName"] == FunctionName
        )
        group = self.stack.properties(function["LoggingConfig"]["LogGroup"]["Ref"])["LogGroupName"]
        return {
            "State": "Active",
            "Runtime": function["Runtime"],
            "Architectures": function["Architectures"],
            "LoggingConfig": {"LogGroup": group},
        }

    def _on_get_function_recursion_config(self, **_: Any) -> dict[str, Any]:
        return {"RecursiveLoop": self.stack.properties("WorkerFunction")["RecursiveLoop"]}

    def _on_list_event_source_mappings(self, **_: Any) -> dict[str, Any]:
        scaling = self.stack.properties("CollectQueueToWorker")["ScalingConfig"]
        return {"EventSourceMappings": [{"ScalingConfig": {"MaximumConcurrency": int(scaling["MaximumConcurrency"])}}]}

    def _on_describe_log_groups(self, logGroupNamePrefix: str) -> dict[str, Any]:  # noqa: N803 - as above
        groups = [found["Properties"] for found in self.stack.of_type("AWS::Logs::LogGroup").values()]
        return {
            "logGroups": [
                {"logGroupName": group["LogGroupName"], "retentionInDays": int(group["RetentionInDays"])}
                for group in groups
                if group["LogGroupName"].startswith(logGroupNamePrefix)
            ]
        }

    def _on_describe_table(self, **_: Any) -> dict[str, Any]:
        return {"Table": {"DeletionProtectionEnabled": self.stack.properties("RunsTable")["DeletionProtectionEnabled"]}}

    def _on_describe_continuous_backups(self, **_: Any) -> dict[str, Any]:
        recovery = {"PointInTimeRecoveryStatus": "ENABLED"}
        return {
            "ContinuousBackupsDescription": {
                "ContinuousBackupsStatus": "ENABLED",
                "PointInTimeRecoveryDescription": recovery,
            }
        }

    def _on_describe_time_to_live(self, **_: Any) -> dict[str, Any]:
        ageing = self.stack.properties("RunsTable")["TimeToLiveSpecification"]
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": ageing["AttributeName"]}}

    def _on_describe_alarms(self, **_: Any) -> dict[str, Any]:
        alarms = self.stack.of_type("AWS::CloudWatch::Alarm")
        return {"MetricAlarms": [{"AlarmName": self.named(name), "ActionsEnabled": True} for name in alarms]}

    def _on_get_schedule(self, Name: str) -> dict[str, Any]:  # noqa: N803 - as above
        (schedule,) = (
            found["Properties"]
            for found in self.stack.of_type("AWS::Scheduler::Schedule").values()
            if found["Properties"]["Name"] == Name
        )
        return {"State": schedule["State"]}

    def request(self, method: str, url: str, **_: Any) -> requests.Response:
        """Answer as API Gateway does."""
        response = requests.Response()
        response.status_code, code = self.without_a_key if method == "get" else (200, "")
        response._content = json.dumps({"error": {"code": code}}).encode()
        if method == "options" and self.origin:
            response.headers["Access-Control-Allow-Origin"] = self.origin
        assert url.startswith(f"{OUTPUTS['ApiUrl']}/api/")
        return response

    def addresses(self, *_: Any, **__: Any) -> list[str]:
        """Look the API's name up."""
        if not self.ipv6:
            raise socket.gaierror
        return ["2600::1"]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    aws = Aws()
    monkeypatch.setitem(PSEUDO, "AWS::StackName", NAME)
    monkeypatch.setattr(AwsStack, "client", lambda _stack, service: aws.client(service))
    monkeypatch.setattr(requests.Session, "request", aws.request)
    monkeypatch.setattr("cli.as_deployed.socket.getaddrinfo", aws.addresses)
    return aws


def stack() -> AwsStack:
    return AwsStack(NAME, "prod", "eu-central-1")


def test_a_stack_of_the_template_is_as_the_template_says_and_the_rest_is_left_to_people(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    smoke.check_as_deployed(stack())
    said = capsys.readouterr().out
    looks, refused = as_deployed.look(stack())
    assert refused == []
    assert f"On AWS: {len(looks)} of {len(looks)} things are as the template says." in said
    assert len(looks) > 40
    assert said.count("  - ") == len(as_deployed.FOR_PEOPLE)
    assert f"--alarm-name {NAME}-stale" in said
    assert aws.stack.properties("StaleAlarm")["AlarmName"] == f"{NAME}-stale"


@pytest.mark.parametrize(
    ("operation", "answer", "said"),
    [
        ("get_rest_api", {"endpointConfiguration": {}}, "the API's TLS policy: None, and not SecurityPolicy_TLS13"),
        ("get_rest_api", {"endpointConfiguration": {"ipAddressType": "ipv4"}}, "addresses: ipv4, and not dualstack"),
        ("get_rest_api", {"endpointConfiguration": {}}, "AllowedCidrs in the API's policy: []"),
        ("get_stage", {"methodSettings": {}}, "calls a second: None, and not 100"),
        ("get_function_recursion_config", {"RecursiveLoop": "Terminate"}, "Terminate, and not Allow"),
        ("list_event_source_mappings", {"EventSourceMappings": [{}]}, "workers at a time: None, and not 5"),
        ("describe_log_groups", {"logGroups": [{"logGroupName": f"/aws/lambda/{NAME}-worker"}]}, "None, and not 30"),
        ("describe_table", {"Table": {}}, "is protected against deletion: None"),
        (
            "describe_continuous_backups",
            {"ContinuousBackupsDescription": {"ContinuousBackupsStatus": "DISABLED"}},
            "recovery to any second: None",
        ),
        ("describe_time_to_live", {"TimeToLiveDescription": {}}, "what runs age by: None"),
        ("describe_alarms", {"MetricAlarms": [{"AlarmName": f"{NAME}-stale", "ActionsEnabled": False}]}, "alarms that"),
        ("get_schedule", {"State": "DISABLED"}, f"the schedule {NAME}-forward: DISABLED, and not ENABLED"),
        (
            "get_function_configuration",
            {"State": "Pending", "Runtime": "python3.9", "Architectures": ["x86_64"]},
            f"{NAME}-worker's runtime: python3.9, and not python3.13",
        ),
    ],
)
def test_what_aws_has_otherwise_is_named(aws: Aws, operation: str, answer: dict[str, Any], said: str) -> None:
    aws.changed[operation] = answer
    with pytest.raises(StackError) as caught:
        smoke.check_as_deployed(stack())
    assert said in str(caught.value)
    assert "deploy the stack again" in str(caught.value)


def test_what_is_reached_from_here_is_tried(aws: Aws) -> None:
    aws.ipv6, aws.without_a_key, aws.origin = False, (403, "Forbidden"), "*"
    with pytest.raises(StackError) as caught:
        smoke.check_as_deployed(stack())
    for said in ("IPv6 address: False", "without a key: (403, 'Forbidden')", "pages may be of: *, and not None"):
        assert said in str(caught.value)


def test_schedules_that_are_off_are_off(aws: Aws) -> None:
    aws.parameters |= {"SchedulesEnabled": "false"}
    aws.stack = Stack(Stage="prod", SchedulesEnabled="false")
    smoke.check_as_deployed(stack())


def test_what_a_person_may_not_ask_about_is_said_and_the_rest_is_asked(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.changed["describe_log_groups"] = ClientError({"Error": {"Code": "AccessDenied"}}, "DescribeLogGroups")
    smoke.check_as_deployed(stack())
    said = capsys.readouterr().out
    assert "not asked   their logs: " in said
    assert "AccessDenied" in said
    assert len(as_deployed.look(stack())[0]) > 30


def test_a_stack_that_cannot_be_listed_is_an_error_with_the_right_that_is_missing(aws: Aws) -> None:
    aws.changed["list_stack_resources"] = ClientError({"Error": {"Code": "AccessDenied"}}, "ListStackResources")
    with pytest.raises(StackError, match="cloudformation:ListStackResources"):
        smoke.check_as_deployed(stack())


def test_the_policy_on_tls_is_the_templates(aws: Aws) -> None:
    assert aws.stack.properties("Api")["SecurityPolicy"] == as_deployed.TLS_POLICY
