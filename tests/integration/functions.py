"""The functions as AWS calls them: events of API Gateway, EventBridge and SQS, on moto and the simulated exchange."""

from __future__ import annotations

import importlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.integration import rights
from tests.integration.conftest import client

DOMAIN = "abc123.execute-api.eu-central-1.amazonaws.com"


@dataclass
class Context:
    """What Lambda says a function of its invocation."""

    function_name: str = "candles-local-function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:candles-local-function"
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    remaining_ms: int = 60_000

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the invocation may still take."""
        return self.remaining_ms


@dataclass(frozen=True)
class Answered:
    """An answer of the API."""

    status: int
    body: Any
    headers: dict[str, list[str]]

    @property
    def error(self) -> dict[str, Any]:
        """The error of a refusal."""
        error: dict[str, Any] = self.body["error"]
        return error


def handler(function: str) -> Callable[..., Any]:
    """Return a function's handler, which can call what the role of the function allows and nothing else."""
    found: Callable[..., Any] = importlib.import_module(f"functions.{function}.app").handler

    def allowed(*invocation: Any) -> Any:
        with rights.running(function):
            return found(*invocation)

    return allowed


def api_event(
    method: str, path: str, *, query: dict[str, str] | None = None, body: str | None = None, resource: str | None = None
) -> dict[str, Any]:
    """Return an event as a REST API with proxy integration sends it."""
    headers = {"Host": DOMAIN, "X-Forwarded-Proto": "https", "Content-Type": "application/json"}
    return {
        "resource": resource or path,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} if query else None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "authorizer": {"key_id": "KeyOfAdmin", "scope": "admin"},
            "domainName": DOMAIN,
            "httpMethod": method,
            "identity": {"sourceIp": "127.0.0.1"},
            "path": f"/live{path}",
            "requestId": "5d1c2b3a",
            "resourcePath": resource or path,
            "stage": "live",
        },
        "body": body,
        "isBase64Encoded": False,
    }


def call(function: str, method: str, path: str, **event: Any) -> Answered:
    """Call a route of a function."""
    answer = handler(function)(api_event(method, path, **event), Context())
    headers = {name.lower(): values for name, values in answer["multiValueHeaders"].items()}
    return Answered(answer["statusCode"], json.loads(answer["body"]), headers)


def trigger(body: Any) -> Answered:
    """Call the trigger, with a body that may be text already."""
    text = body if body is None or isinstance(body, str) else json.dumps(body)
    return call("trigger", "POST", "/api/admin/collect/trigger", body=text)


def status(**query: str) -> Answered:
    """Ask for the status."""
    return call("status", "GET", "/api/admin/collect/status", query=query or None)


def klines(**query: str) -> Answered:
    """Ask for stored candles."""
    return call("candles", "GET", "/api/v3/klines", query=query or None)


def scheduled(mode: str, time: str) -> Any:
    """Let a schedule's occurrence call the trigger."""
    return handler("trigger")({"mode": mode, "time": time}, Context())


def record(body: str, number: int = 0) -> dict[str, Any]:
    """Return a message as SQS hands it to a function."""
    return {
        "messageId": f"message-{number}",
        "receiptHandle": "handle",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1", "SenderId": "x"},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:collect",
        "awsRegion": "eu-central-1",
    }


def work(*bodies: str, remaining_ms: int = 60_000, receives: int = 1) -> Any:
    """Hand messages to the worker as often received as said, and return its answer."""
    records = [record(body, number) for number, body in enumerate(bodies)]
    for received in records:
        received["attributes"]["ApproximateReceiveCount"] = str(receives)
    return handler("worker")({"Records": records}, Context(remaining_ms=remaining_ms))


def work_all(queue_url: str) -> int:
    """Let the worker work until the queue is empty, as the mapping would; return how many messages there were."""
    worked = 0
    sqs = client("sqs")
    while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=1).get("Messages"):
        (message,) = messages
        answer = work(message["Body"])
        worked += 1
        if not answer["batchItemFailures"]:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    return worked


def tend() -> Any:
    """Let the reconciler look after the runs."""
    return handler("reconciler")({"detail-type": "Scheduled Event"}, Context())
