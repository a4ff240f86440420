"""Gap: MiniStack, when it enforces IAM (AUTH=true), knows few of the keys by which the template's rights are limited.

MiniStack 1.5.33 gives conditions neither the partition keys that a request of DynamoDB names (`dynamodb:LeadingKeys`),
nor the attributes of its key and its update (`dynamodb:Attributes`), nor the sources of events (`events:source`).
Goes when: each of them is among the keys that a condition is held against.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTITION_KEYS = frozenset({"series", "pk", "key_id"})
"""The partition keys of the template's tables."""
_EQUALS = re.compile(r"([#\w]+)\s*=\s*(:\w+)")


def share_condition_keys(iam_actions: Any) -> None:
    """Let conditions see the keys.

    Parameters
    ----------
    iam_actions
        MiniStack's module that finds the right a request needs, `ministack.core.iam_actions`.
    """
    dynamodb_service_context = iam_actions.dynamodb_service_context
    request_tag_context = iam_actions.request_tag_context

    def with_leading_keys(body: bytes) -> dict[str, Any]:
        return {**dynamodb_service_context(body), **of_dynamodb(json.loads(body or b"{}"))}

    def with_sources(service: str, action: str, body: bytes, *more: Any) -> dict[str, Any]:
        context: dict[str, Any] = request_tag_context(service, action, body, *more)
        return context | of_events(json.loads(body)) if action == "events:PutEvents" else context

    iam_actions.dynamodb_service_context = with_leading_keys
    iam_actions.request_tag_context = with_sources


def of_events(request: dict[str, Any]) -> dict[str, list[str]]:
    """Return the keys of conditions that a PutEvents has."""
    sources = sorted({entry["Source"] for entry in request.get("Entries", []) if "Source" in entry})
    return {"events:source": sources} if sources else {}


def of_dynamodb(request: dict[str, Any]) -> dict[str, list[str]]:
    """Return the keys of conditions that a request of DynamoDB has; one that it lacks is left out."""
    parts = list(_parts(request))
    leading = sorted({key for part in parts for key in _leading_keys(part)})
    attributes = sorted({name for part in parts for name in _attributes(part)})
    found = {"dynamodb:LeadingKeys": leading, "dynamodb:Attributes": attributes}
    return {name: values for name, values in found.items() if values}


def _parts(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what names items: the request itself, or the parts of a transaction or a batch."""
    yield request
    for part in request.get("TransactItems", []):
        yield from part.values()
    for several in request.get("RequestItems", {}).values():
        if isinstance(several, dict):
            yield from ({**several, "Key": key} for key in several.get("Keys", []))
        else:
            yield from (write for item in several for write in item.values())


def _leading_keys(part: dict[str, Any]) -> Iterator[str]:
    for item in (part.get("Key", {}), part.get("Item", {})):
        yield from (next(iter(value.values())) for name, value in item.items() if name in PARTITION_KEYS)
    names, values = part.get("ExpressionAttributeNames", {}), part.get("ExpressionAttributeValues", {})
    for name, value in _EQUALS.findall(part.get("KeyConditionExpression", "")):
        if names.get(name, name) in PARTITION_KEYS:
            yield next(iter(values[value].values()))


def _attributes(part: dict[str, Any]) -> Iterator[str]:
    """Yield the attributes of key and item, and those that expressions name through a placeholder."""
    yield from part.get("Key", {})
    yield from part.get("Item", {})
    yield from part.get("ExpressionAttributeNames", {}).values()
