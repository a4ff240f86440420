"""What an owner must hear of, on the local AWS with its IAM: an alarm fires and the first sentence says what to do.

MiniStack publishes nothing of itself, so what AWS would publish is taken from the invocations and the queues; what the
functions emit is read from their logs. tests/cloudwatch.py decides by CloudWatch's rules.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from boto3.dynamodb.conditions import Key

from tests.cloudwatch import Alarm, State
from tests.e2e.conftest import StackUnderTest
from tests.e2e.driving import RUNS, Api, StackExchange, kill_workers, until
from tests.e2e.runtimes import aws_alone
from tests.emf import Emitted, emitted
from tests.hourly import HOUR
from tests.template.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = aws_alone

VISIBILITY_S = 12
"""How long a message stays hidden in these tests: a little longer than its worker's claim."""

_PROPERTIES = {
    found["Properties"]["AlarmName"].removeprefix("candles-"): found["Properties"]
    for found in Stack(Stage="local", SchedulesEnabled="true").of_type("AWS::CloudWatch::Alarm").values()
}


class Owner:
    """What an owner of the stack sees, and what is done to it."""

    def __init__(self, stack: StackUnderTest) -> None:
        self.stack = stack
        self.api = Api(stack)
        self.name = stack.reported["stack_name"]
        self._functions: Any = stack.aws.client("lambda", endpoint_url=stack.aws_endpoint_url)
        self._iam: Any = stack.aws.client("iam", endpoint_url=stack.aws_endpoint_url)
        self._sqs: Any = stack.aws.client("sqs", endpoint_url=stack.aws_endpoint_url)

    @property
    def health(self) -> dict[str, str | None]:
        """How the archive stands, as the page says it first."""
        answer = self.api.get("/api/admin/system/info")
        assert answer.status_code == 200, answer.text
        said: dict[str, str | None] = answer.json()["health"]
        return said

    def state(self, alarm: str, value: float, *, periods: int = 1) -> State:
        """Return the state of an alarm of the template after so many periods with a value."""
        rules = Alarm.of(_PROPERTIES[alarm])
        begin = 1000 * rules.period
        values = [
            Emitted(rules.namespace, rules.metric, rules.dimensions, "", value, begin + number * rules.period, {})
            for number in range(periods)
        ]
        return [state for _, state in rules.history(values, begin, begin + periods * rules.period)][-1]

    def call(self, function: str, event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Call a function, and return how many errors AWS would count, and what it answered."""
        answer = self._functions.invoke(FunctionName=f"{self.name}-{function}", Payload=json.dumps(event).encode())
        return int("FunctionError" in answer), json.loads(answer["Payload"].read())

    def emitted_by(self, function: str, metric: str) -> float:
        """Return what a function emitted last, as CloudWatch reads it from its log, under the stack's dimension."""
        log = (self.stack.local_dir / "logs" / f"{self.name}-{function}.log").read_text()
        values = [value for value in emitted(log) if value.name == metric]
        assert values[-1].dimensions == {("service", self.name)}
        return values[-1].value

    def dead_letters(self) -> int:
        """Return how many messages lie in the dead-letter queue."""
        number = {
            "QueueUrl": self.stack.output("DeadLetterQueueUrl"),
            "AttributeNames": ["ApproximateNumberOfMessages"],
        }
        return int(self._sqs.get_queue_attributes(**number)["Attributes"]["ApproximateNumberOfMessages"])

    @contextmanager
    def without_right(self, function: str, table: str, *actions: str) -> Iterator[None]:
        """Take actions on a table away from a function's role for a time."""
        role = self._functions.get_function(FunctionName=f"{self.name}-{function}")["Configuration"]["Role"]
        of = {"RoleName": role.rpartition("/")[2]}
        (of["PolicyName"],) = self._iam.list_role_policies(**of)["PolicyNames"]
        granted = self._iam.get_role_policy(**of)["PolicyDocument"]
        less = json.loads(json.dumps(granted))
        for statement in less["Statement"]:
            if str(statement["Resource"]).endswith(f"/{table}"):
                statement["Action"] = [action for action in statement["Action"] if action not in actions]
        assert less != granted
        self._iam.put_role_policy(**of, PolicyDocument=json.dumps(less))
        try:
            yield
        finally:
            self._iam.put_role_policy(**of, PolicyDocument=json.dumps(granted))

    @contextmanager
    def impatient_queue(self) -> Iterator[None]:
        """Let messages come back soon, and be dead after two receives in place of five."""
        url = self.stack.output("CollectQueueUrl")
        names = ["VisibilityTimeout", "RedrivePolicy"]
        before = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        redrive = json.dumps({**json.loads(before["RedrivePolicy"]), "maxReceiveCount": 2})
        impatient = {"VisibilityTimeout": str(VISIBILITY_S), "RedrivePolicy": redrive}
        self._sqs.set_queue_attributes(QueueUrl=url, Attributes=impatient)
        dead_letters = self.stack.output("DeadLetterQueueUrl")
        self._sqs.purge_queue(QueueUrl=dead_letters)
        try:
            yield
        finally:
            self._sqs.set_queue_attributes(QueueUrl=url, Attributes={name: before[name] for name in names})
            self._sqs.purge_queue(QueueUrl=dead_letters)

    @contextmanager
    def schedules_on(self) -> Iterator[None]:
        """Let the API take the schedules for on, as they are on AWS."""
        of = {"FunctionName": f"{self.name}-status"}
        before = self._functions.get_function(**of)["Configuration"]["Environment"]["Variables"]
        self._functions.update_function_configuration(
            **of, Environment={"Variables": {**before, "SCHEDULES_ENABLED": "true"}}
        )
        try:
            yield
        finally:
            self._functions.update_function_configuration(**of, Environment={"Variables": before})

    @contextmanager
    def aged(self, hours: int) -> Iterator[None]:
        """Let the newest candle of every series, all of which are hourly, be so many hours old."""
        tables: Any = self.stack.aws.resource("dynamodb", endpoint_url=self.stack.aws_endpoint_url)
        runs = tables.Table(self.stack.output("RunsTableName"))
        series = runs.query(KeyConditionExpression=Key("pk").eq("SERIES"))["Items"]
        records = [record for record in series if "last" in record]
        old = HOUR.slot_of(datetime.now(UTC) - timedelta(hours=hours))
        assert records
        for record in records:
            runs.put_item(Item={**record, "last": min(old, record["last"])})
        try:
            yield
        finally:
            for record in records:
                runs.put_item(Item=record)


@pytest.fixture
def owner(stack: StackUnderTest) -> Owner:
    return Owner(stack)


def test_the_exchange_refuses_the_region_at_a_scheduled_start(owner: Owner, exchange: StackExchange) -> None:
    exchange.settings(faults=[{"kind": "status", "status": 451}])
    event = {"mode": "forward", "time": "2026-11-26T06:05:00Z"}
    errors, answered = owner.call("trigger", event)
    assert owner.state("trigger-errors", errors) is State.ALARM
    health = owner.health
    refused = (
        "Needs you: the forward run of 2026-11-26 06:05 UTC did not start: The exchange refuses this region (451)."
    )
    assert (health["state"], health["sentence"]) == ("needs_you", refused)
    assert "another ExchangeBaseUrl" in str(health["remedy"])
    assert "another ExchangeBaseUrl" in answered["errorMessage"], "what the queue of failed starts has"
    exchange.as_new()
    assert owner.api.run(symbols=["BTCUSDT"], start_date="2022-01-01", end_date="2022-01-01")["complete"] == 1
    assert "did not start" not in str(owner.health["sentence"]), "a run has started since"


def test_a_worker_is_killed_in_mid_run(owner: Owner, exchange: StackExchange) -> None:
    exchange.settings(latency_ms=2000)
    with owner.impatient_queue():
        run_id = owner.api.start(symbols=["BTCUSDT", "ETHUSDT"], start_date="2024-01-01", end_date="2024-01-31")
        killed = kill_workers(owner.stack, exchange)
        exchange.settings(latency_ms=0)
        assert owner.state("worker-errors", killed) is State.ALARM
        health = owner.health
        assert (health["state"], health["remedy"]) == ("running", None), "it goes on by itself"
        assert re.fullmatch(r"Running: [01] of 2 series done by the backward run of .*\.", str(health["sentence"]))
        assert owner.api.result(run_id)["complete"] == 2
    assert owner.health["state"] != "running"


def test_a_table_lacks_a_permission(owner: Owner, exchange: StackExchange) -> None:
    assert exchange.klines_asked() == 0
    table = owner.stack.output("CandlesTableName")
    writes = ("dynamodb:BatchWriteItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
    with owner.impatient_queue():
        with owner.without_right("worker", table, *writes):
            run_id = owner.api.start(symbols=["SOLUSDT"], start_date="2023-01-01", end_date="2023-01-02")
            until(
                lambda: owner.health["state"] == "needs_you", "the sentence says nothing of it", within_s=60, poll_s=1
            )
            health = owner.health
            assert "Needs you: SOLUSDT of the backward run" in str(health["sentence"])
            assert "not authorized" in str(health["sentence"]) or "AccessDenied" in str(health["sentence"])
            assert "Deploying again restores a right" in str(health["remedy"])
            until(lambda: owner.dead_letters() == 1, "the message is not dead", within_s=60, poll_s=1)
            assert owner.state("dead-letters", owner.dead_letters()) is State.ALARM
        assert owner.api.post(f"{RUNS}/{run_id}/cancel").status_code == 200
    owner.api.result(run_id)
    assert owner.api.run(symbols=["SOLUSDT"], start_date="2023-01-01", end_date="2023-01-02")["complete"] == 1
    assert owner.state("dead-letters", owner.dead_letters()) is State.OK
    assert "SOLUSDT" not in str(owner.health["sentence"])


def test_a_reconciler_lacks_a_permission(owner: Owner, exchange: StackExchange) -> None:
    assert exchange.klines_asked() == 0
    with owner.without_right("reconciler", owner.stack.output("RunsTableName"), "dynamodb:Query"):
        errors, _ = owner.call("reconciler", {})
    assert owner.state("reconciler-errors", errors) is State.ALARM
    assert owner.state("reconciler-errors", owner.call("reconciler", {})[0]) is State.OK


def test_nothing_was_collected_for_thirteen_hours(owner: Owner, exchange: StackExchange) -> None:
    assert exchange.klines_asked() == 0
    begun = datetime.now(UTC) - timedelta(days=1)
    results = owner.api.run("forward", symbols=["BTCUSDT"], start_date=f"{begun:%Y-%m-%d}")
    assert results["complete"] == 1
    with owner.schedules_on():
        with owner.aged(15):
            assert owner.call("reconciler", {})[0] == 0
            lag = owner.emitted_by("reconciler", "LagHours")
            assert lag in {14, 15}
            assert owner.state("stale", lag, periods=3) is State.ALARM
            health = owner.health
            assert health["state"] == "needs_you"
            assert "Needs you: nothing newer than the candle of" in str(health["sentence"])
            assert str(health["sentence"]).endswith(f"{lag:.0f} hours behind.")
            assert "Start a collection, and see in the trigger's log" in str(health["remedy"])
        assert "nothing newer" not in str(owner.health["sentence"])
    owner.call("reconciler", {})
    assert owner.state("stale", owner.emitted_by("reconciler", "LagHours"), periods=3) is State.OK
