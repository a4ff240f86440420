"""The alarms of the local stack reach a subscriber of the topic, when they fire and when they clear.

MiniStack evaluates an alarm when data is put, over the values of all its periods, whatever their dimensions; the rules
of CloudWatch themselves are held by tests/template/test_alarms.py. It makes no metrics of the functions' lines.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.conftest import StackUnderTest
from tests.e2e.driving import until
from tests.e2e.runtimes import aws_alone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sqs import SQSClient

pytestmark = aws_alone

LEFT_S = 5
"""How long a bad value is still among those that MiniStack looks at."""


@pytest.fixture
def alarms(stack: StackUnderTest) -> list[dict[str, Any]]:
    client: Any = stack.aws.client("cloudwatch", endpoint_url=stack.aws_endpoint_url)
    found: list[dict[str, Any]] = client.describe_alarms()["MetricAlarms"]
    return found


@pytest.fixture
def subscriber(stack: StackUnderTest, alarms: list[dict[str, Any]]) -> Iterator[tuple[SQSClient, str]]:
    """Subscribe a queue to the topic of the alarms."""
    sns: Any = stack.aws.client("sns", endpoint_url=stack.aws_endpoint_url)
    sqs: SQSClient = stack.aws.client("sqs", endpoint_url=stack.aws_endpoint_url)
    (topic,) = {action for alarm in alarms for action in (*alarm["AlarmActions"], *alarm["OKActions"])}
    url = sqs.create_queue(QueueName="subscriber-of-alarms")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    may_send = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may_send]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)["SubscriptionArn"]
    yield sqs, url
    sns.unsubscribe(SubscriptionArn=subscription)
    sqs.delete_queue(QueueUrl=url)


def test_every_alarm_reaches_a_subscriber_when_it_fires_and_when_it_clears(
    stack: StackUnderTest, alarms: list[dict[str, Any]], subscriber: tuple[SQSClient, str]
) -> None:
    cloudwatch: Any = stack.aws.client("cloudwatch", endpoint_url=stack.aws_endpoint_url)
    sqs, url = subscriber
    heard: list[tuple[str, str]] = []

    def hear(state: str) -> bool:
        """Receive what has come, and return whether each alarm has reported that it is in this state."""
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            sent = json.loads(json.loads(message["Body"])["Message"])
            heard.append((sent["AlarmName"], sent["NewStateValue"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return {name for name, new in heard if new == state} >= {alarm["AlarmName"] for alarm in alarms}

    def put(alarm: dict[str, Any], value: float, at: datetime) -> None:
        datum = {"MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"], "Timestamp": at, "Value": value}
        cloudwatch.put_metric_data(Namespace=alarm["Namespace"], MetricData=[datum])

    # those of one metric differ by their dimensions, which MiniStack does not look at: each gets its value once
    by_metric = {(alarm["Namespace"], alarm["MetricName"]): alarm for alarm in alarms}
    for alarm in by_metric.values():
        seen_for = timedelta(seconds=alarm["Period"] * alarm["EvaluationPeriods"] - LEFT_S)
        put(alarm, alarm["Threshold"] + 1, datetime.now(UTC) - seen_for)
    until(lambda: hear("ALARM"), "not every alarm has fired", within_s=30, poll_s=0.2)
    time.sleep(LEFT_S + 2)
    for alarm in by_metric.values():
        put(alarm, 0, datetime.now(UTC))
    until(lambda: hear("OK"), "not every alarm has cleared", within_s=30, poll_s=0.2)
