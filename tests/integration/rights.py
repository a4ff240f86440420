"""Every call that a function makes of AWS, held against the rights that the template gives the function's role."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

from botocore.endpoint import Endpoint

from localstack.patches.condition_keys import of_dynamodb, of_events
from tests.iam import Call, Role
from tests.template.stack import Stack

TABLES = {"candles": "CandlesTable", "runs": "RunsTable", "keys": "KeysTable"}
"""The tables of these tests by the names that they have in the template."""
TRANSACTIONS = frozenset({"TransactWriteItems", "TransactGetItems"})
ACTION_OF_PART = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "ConditionCheck": "ConditionCheckItem",
}
"""A transaction is not an action of IAM: each of its parts is, as if it were a call."""

used: dict[str, set[Call]] = {}
"""The rights that each function has used in this process."""


class NotAllowedError(AssertionError):
    """A function called what its role does not allow."""


@cache
def role(function: str) -> Role:
    """Return the role of a function of the template, such as `worker`."""
    return Role.of_function(Stack(Stage="prod"), f"{function.capitalize()}Function")


@contextmanager
def running(function: str) -> Iterator[None]:
    """Refuse, as IAM would, what the function may not call meanwhile; its threads included."""
    make_request = Endpoint.make_request

    def checked(endpoint: Endpoint, operation: Any, request: dict[str, Any]) -> Any:
        service = operation.service_model.endpoint_prefix
        for call in needed(service, operation.name, _body(request)):
            if not role(function).allows(call):
                raise NotAllowedError(f"the role of the {function} does not allow {call}")
            used.setdefault(function, set()).add(call)
        return make_request(endpoint, operation, request)

    with patch.object(Endpoint, "make_request", checked):
        yield


def needed(service: str, operation: str, request: dict[str, Any]) -> Iterator[Call]:
    """Yield the rights that a request needs."""
    match service:
        case "dynamodb" if operation in TRANSACTIONS:
            for item in request["TransactItems"]:
                ((kind, part),) = item.items()
                yield Call(f"dynamodb:{ACTION_OF_PART[kind]}", TABLES[part["TableName"]], of_dynamodb(part))
        case "dynamodb" if "RequestItems" in request:
            for table in request["RequestItems"]:
                yield Call(f"dynamodb:{operation}", TABLES[table], of_dynamodb(request))
        case "dynamodb":
            yield Call(f"dynamodb:{operation}", TABLES[request["TableName"]], of_dynamodb(request))
        case "sqs":
            yield Call(f"sqs:{operation.removesuffix('Batch')}", "CollectQueue")
        case "events":
            yield Call(f"events:{operation}", "event-bus/default", of_events(request))
        case _:
            yield Call(f"{service}:{operation}", "?")


def _body(request: dict[str, Any]) -> dict[str, Any]:
    body = request["body"]
    found: dict[str, Any] = json.loads(body) if isinstance(body, bytes | str) else dict(body)
    return found
