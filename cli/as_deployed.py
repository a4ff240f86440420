"""What AWS itself says of a stack that no emulator shows, held to what the template and the parameters want."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from botocore.exceptions import BotoCoreError, ClientError
from candle_collector.api.limits import CALLS_A_SECOND

from cli.stacks import AwsStack

TLS_POLICY = "SecurityPolicy_TLS13_1_2_2021_06"
"""TLS 1.2 and 1.3, as the template has it."""
ANSWERS_WITHIN_S = 30

FOR_PEOPLE = (
    "a call from an address that is not among AllowedCidrs is refused (403, an empty code)",
    "the mails in which AWS asks AlarmEmail and NotifyEmail for consent",
    "the way of an alarm: aws cloudwatch set-alarm-state --alarm-name STACK-stale --state-value ALARM --state-reason x",
    "both dashboards, the day after: each graph has values",
    "the bill, beside the README's table, after a month",
    "a restore of the tables, once (docs/deploy.md)",
)
"""What no call can assert."""


@dataclass(frozen=True)
class Look:
    """One thing that AWS was asked about.

    Attributes
    ----------
    wanted, found
        What it has to be, and what it is.
    """

    what: str
    wanted: object
    found: object


@dataclass(frozen=True)
class Deployed:
    """A stack as CloudFormation lists it.

    Attributes
    ----------
    resources
        What each resource is called on AWS, by its name in the template.
    types
        The types of the resources, by the same names.
    """

    stack: AwsStack
    parameters: dict[str, str]
    resources: dict[str, str]
    types: dict[str, str]

    @classmethod
    def of(cls, stack: AwsStack) -> Deployed:
        """Ask CloudFormation."""
        cloudformation = stack.client("cloudformation")
        (described,) = cloudformation.describe_stacks(StackName=stack.name)["Stacks"]
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack.name)
        listed = [resource for page in pages for resource in page["StackResourceSummaries"]]
        return cls(
            stack,
            {item["ParameterKey"]: item["ParameterValue"] for item in described.get("Parameters", [])},
            {item["LogicalResourceId"]: item.get("PhysicalResourceId", "") for item in listed},
            {item["LogicalResourceId"]: item["ResourceType"] for item in listed},
        )

    def of_type(self, kind: str) -> dict[str, str]:
        """Return the resources of a type."""
        return {name: self.resources[name] for name, found in self.types.items() if found == kind}


def look(stack: AwsStack) -> tuple[list[Look], list[str]]:
    """Ask AWS about everything, and return what it said, and a sentence on each part that it let nobody ask about.

    Raises
    ------
    botocore.exceptions.ClientError
        CloudFormation does not list the stack.
    """
    deployed = Deployed.of(stack)
    looks: list[Look] = []
    refused: list[str] = []
    for name, part in PARTS.items():
        try:
            looks += part(deployed)
        except (BotoCoreError, ClientError, requests.RequestException) as error:
            refused.append(f"{name}: {error}")
    return looks, refused


def _api(deployed: Deployed) -> Iterator[Look]:
    client, api_id = deployed.stack.client("apigateway"), deployed.resources["Api"]
    api = client.get_rest_api(restApiId=api_id)
    yield Look("the API's TLS policy", TLS_POLICY, api.get("securityPolicy"))
    yield Look("the API's kinds of addresses", "dualstack", api["endpointConfiguration"].get("ipAddressType"))
    allowed = deployed.parameters["AllowedCidrs"].split(",")
    policy = api.get("policy", "").replace("\\", "")  # it comes as JSON within JSON
    yield Look("AllowedCidrs in the API's policy", allowed, [cidr for cidr in allowed if cidr in policy])
    every_route = client.get_stage(restApiId=api_id, stageName="live")["methodSettings"].get("*/*", {})
    yield Look("calls a second", CALLS_A_SECOND, every_route.get("throttlingRateLimit"))


def _addresses(deployed: Deployed) -> Iterator[Look]:
    url = deployed.stack.outputs()["ApiUrl"]
    host = urlsplit(url).hostname
    yield Look("the API's name has an IPv6 address", wanted=True, found=_has_ipv6(host))
    if deployed.parameters["ApiKeyRequired"] == "true":
        answer = requests.get(f"{url}/api/admin/system/info", timeout=ANSWERS_WITHIN_S)
        yield Look("a call without a key", (401, "MISSING_API_KEY"), (answer.status_code, _code(answer)))
    headers = {"Origin": "https://another.example", "Access-Control-Request-Method": "GET"}
    preflight = requests.options(f"{url}/api/v3/klines", headers=headers, timeout=ANSWERS_WITHIN_S)
    admitted = preflight.headers.get("Access-Control-Allow-Origin")
    yield Look("the origin that a browser's pages may be of", deployed.parameters["DashboardOrigin"] or None, admitted)


def _has_ipv6(host: str | None) -> bool:
    try:
        return bool(socket.getaddrinfo(host, 443, family=socket.AF_INET6))
    except OSError:
        return False


def _code(answer: requests.Response) -> object:
    try:
        return answer.json()["error"]["code"]
    except (ValueError, LookupError, TypeError):
        return answer.text[:100]


def _functions(deployed: Deployed) -> Iterator[Look]:
    client, parameters = deployed.stack.client("lambda"), deployed.parameters
    for name in deployed.of_type("AWS::Lambda::Function").values():
        found = client.get_function_configuration(FunctionName=name)
        yield Look(f"{name}'s state", "Active", found["State"])
        yield Look(f"{name}'s runtime", parameters["PythonRuntime"], found["Runtime"])
        yield Look(f"{name}'s processor", [parameters["Architecture"]], found["Architectures"])
        yield Look(f"{name}'s log", f"/aws/lambda/{name}", found.get("LoggingConfig", {}).get("LogGroup"))
    worker = deployed.resources["WorkerFunction"]
    recursion = client.get_function_recursion_config(FunctionName=worker)["RecursiveLoop"]
    yield Look(f"{worker}'s loop to its queue", "Allow", recursion)
    (mapping,) = client.list_event_source_mappings(FunctionName=worker)["EventSourceMappings"]
    concurrency = mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
    yield Look("workers at a time", int(parameters["WorkerConcurrency"]), concurrency)


def _logs(deployed: Deployed) -> Iterator[Look]:
    wanted = int(deployed.parameters["LogRetentionDays"])
    pages = deployed.stack.client("logs").get_paginator("describe_log_groups")
    prefix = f"/aws/lambda/{deployed.stack.name}-"
    found = [group for page in pages.paginate(logGroupNamePrefix=prefix) for group in page["logGroups"]]
    kept = {group["logGroupName"]: group.get("retentionInDays") for group in found}
    for name in deployed.of_type("AWS::Lambda::Function").values():
        group = f"/aws/lambda/{name}"
        yield Look(f"days that {group} is kept", wanted, kept.get(group))


def _tables(deployed: Deployed) -> Iterator[Look]:
    client, outputs = deployed.stack.client("dynamodb"), deployed.stack.outputs()
    for name in (outputs[f"{which}TableName"] for which in ("Candles", "Runs", "Keys")):
        table = client.describe_table(TableName=name)["Table"]
        yield Look(f"{name} is protected against deletion", True, table.get("DeletionProtectionEnabled"))  # noqa: FBT003 - what is wanted
        backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
        yield Look(f"{name}'s recovery to any second", "ENABLED", recovery)
    ageing = client.describe_time_to_live(TableName=outputs["RunsTableName"])["TimeToLiveDescription"]
    yield Look("what runs age by", "expires_at", ageing.get("AttributeName"))


def _alarms(deployed: Deployed) -> Iterator[Look]:
    made = deployed.of_type("AWS::CloudWatch::Alarm").values()
    pages = deployed.stack.client("cloudwatch").get_paginator("describe_alarms")
    found = [
        alarm for page in pages.paginate(AlarmNamePrefix=f"{deployed.stack.name}-") for alarm in page["MetricAlarms"]
    ]
    acting = {alarm["AlarmName"] for alarm in found if alarm["ActionsEnabled"]}
    yield Look("alarms that may act", sorted(made), sorted(acting & set(made)))


def _schedules(deployed: Deployed) -> Iterator[Look]:
    parameters, client = deployed.parameters, deployed.stack.client("scheduler")
    for name in deployed.of_type("AWS::Scheduler::Schedule").values():
        is_on = parameters["SchedulesEnabled"] == "true"
        if name.endswith("-gap-fill"):
            is_on = is_on and parameters["GapFillSchedule"] != ""
        yield Look(f"the schedule {name}", "ENABLED" if is_on else "DISABLED", client.get_schedule(Name=name)["State"])


PARTS: dict[str, Callable[[Deployed], Iterator[Look]]] = {
    "the API": _api,
    "its addresses": _addresses,
    "the functions": _functions,
    "their logs": _logs,
    "the tables": _tables,
    "the alarms": _alarms,
    "the schedules": _schedules,
}
"""What is asked about, part by part: who may not ask about one sees the others all the same."""
