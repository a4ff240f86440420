"""The API's port serves the deployed stage, and changes are noted for the next snapshot."""

import asyncio
import json
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

from localstack.front import SNAPSHOT_ROUTE, Front
from localstack.snapshots import Snapshots

API_PORT, AWS_PORT = 5000, 4566
Message = MutableMapping[str, Any]


class RecordedSnapshots(Snapshots):
    """Records what it is asked, in order, instead of saving."""

    def __init__(self, happened: list[str]) -> None:
        self._happened = happened

    def note_change(self) -> None:
        self._happened.append("change")

    def save_now(self) -> None:
        self._happened.append("saved")

    def stop(self) -> None:
        self._happened.append("snapshots stopped")


class Stack:
    """A front before an application that records the scope it is given."""

    def __init__(self, folder: Path) -> None:
        self.happened: list[str] = []
        self.sent: list[Message] = []
        self.given: list[Message] = []
        self.api_path_file = folder / "api-path"
        self._front = Front(self._inner, API_PORT, self.api_path_file, RecordedSnapshots(self.happened))

    async def _inner(self, scope: Message, receive: Any, send: Any) -> None:
        self.given.append(scope)
        if scope["type"] == "lifespan":
            self.happened.append((await receive())["type"])
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})

    def ask(self, port: int, method: str, path: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Message:
        scope = {"type": "http", "method": method, "server": ("127.0.0.1", port), "path": path, "headers": headers}
        return self.run(scope | {"raw_path": path.encode(), "query_string": b"api_key=a%20b&x=%2F"}, {})

    def run(self, scope: Message, received: Message) -> Message:
        async def receive() -> Message:
            return received

        async def send(message: Message) -> None:
            self.sent.append(message)

        asyncio.run(self._front(scope, receive, send))
        return self.sent[0] if self.sent else {}


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    stack = Stack(tmp_path)
    stack.api_path_file.write_text("/_aws/execute-api/abc/live")
    return stack


def test_the_apis_port_serves_the_stage_with_headers_and_query_untouched(stack: Stack) -> None:
    headers = ((b"X-API-Key", b"k\xff"), (b"Accept", b"*/*"))
    assert stack.ask(API_PORT, "GET", "/api/v3/klines", headers)["status"] == 200
    scope = stack.given[0]
    assert scope["path"] == "/_aws/execute-api/abc/live/api/v3/klines"
    assert scope["raw_path"] == b"/_aws/execute-api/abc/live/api/v3/klines"
    assert scope["headers"] == [*headers, (b"x-forwarded-proto", b"http")]
    assert scope["query_string"] == b"api_key=a%20b&x=%2F"


def test_a_caller_cannot_say_how_the_api_was_reached(stack: Stack) -> None:
    stack.ask(API_PORT, "GET", "/", ((b"X-Forwarded-Proto", b"gopher"),))
    assert stack.given[0]["headers"] == [(b"x-forwarded-proto", b"http")]


def test_the_local_aws_is_served_as_it_is(stack: Stack) -> None:
    stack.ask(AWS_PORT, "GET", "/_ministack/health")
    assert stack.given[0]["path"] == "/_ministack/health"


def test_before_the_deployment_the_api_says_that_it_is_starting(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    assert stack.ask(API_PORT, "GET", "/api/v3/ping")["status"] == 503
    assert json.loads(stack.sent[1]["body"])["error"]["code"] == "NOT_DEPLOYED"
    assert stack.given == []


@pytest.mark.parametrize(
    ("method", "target", "noted"),
    [
        ("POST", b"DynamoDB_20120810.PutItem", ["change"]),
        ("POST", b"DynamoDB_20120810.BatchWriteItem", ["change"]),
        ("POST", b"AmazonSQS.SendMessage", ["change"]),
        ("POST", b"DynamoDB_20120810.Query", []),
        ("POST", b"DynamoDB_20120810.BatchGetItem", []),
        ("POST", None, ["change"]),
        ("GET", None, []),
    ],
)
def test_what_changes_something_is_noted_for_the_next_snapshot(
    method: str, target: bytes | None, noted: list[str], stack: Stack
) -> None:
    stack.ask(AWS_PORT, method, "/", ((b"x-amz-target", target),) if target else ())
    assert stack.happened == noted


def test_a_snapshot_can_be_asked_for_on_the_local_aws_but_not_through_the_api(stack: Stack) -> None:
    assert stack.ask(AWS_PORT, "POST", SNAPSHOT_ROUTE)["status"] == 200
    assert stack.happened == ["saved"]
    stack.ask(API_PORT, "POST", SNAPSHOT_ROUTE)
    assert stack.given[-1]["path"].endswith(f"live{SNAPSHOT_ROUTE}")


def test_snapshots_end_before_the_last_save(stack: Stack) -> None:
    stack.run({"type": "lifespan"}, {"type": "lifespan.shutdown"})
    assert stack.happened == ["snapshots stopped", "lifespan.shutdown"]
