"""Loses the reply of the n-th write to DynamoDB: the SDK sends it again, and meets its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.endpoint import Endpoint
from botocore.exceptions import ReadTimeoutError

WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})


class LostReply:
    """Loses one reply.

    Attributes
    ----------
    left
        At which write, counted from 1.
    lost
        What that write was; None until it came.
    """

    def __init__(self) -> None:
        self.left = 0
        self.lost: str | None = None

    def begin(self, number: int) -> None:
        """Lose the reply of the write of that number from now on."""
        self.left, self.lost = number, None

    def comes_after(self, operation: str, body: bytes) -> bool:
        """Count a write, and return whether its reply is lost."""
        if operation not in WRITES:
            return False
        self.left -= 1
        if self.left == 0:
            self.lost = f"{operation} {_described(json.loads(body))}"
        return self.left == 0


def _described(request: dict[str, Any]) -> str:
    key = request.get("Key") or request.get("Item") or {}
    named = [next(iter(value.values())) for name, value in key.items() if name in {"pk", "sk", "series", "block"}]
    return " ".join([*map(str, named), request.get("UpdateExpression", "")])[:120]


@contextmanager
def losing_replies() -> Iterator[LostReply]:
    """Stand between the SDK and DynamoDB."""
    reply = LostReply()
    receive = Endpoint._get_response  # type: ignore[attr-defined] # behind the SDK's own retries

    def get_response(self: Any, request: Any, operation: Any, context: Any) -> Any:
        answer = receive(self, request, operation, context)
        body = request.body if isinstance(request.body, bytes) else b"{}"
        if reply.comes_after(operation.name, body):
            return None, ReadTimeoutError(endpoint_url="http://lost")
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Endpoint, "_get_response", get_response)
        patch.setattr("botocore.endpoint.time.sleep", lambda _: None)
        yield reply
