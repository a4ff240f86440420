"""Makes moto's reading of update expressions several times quicker, and clients; what is answered stays the same.

Its syntax trees are abstract classes, and it looks at the class of every node several times by the slow way in which
Python checks abstract ones: more than half of a search's time (measured with cProfile). A node's class never changes,
so what is known of a class is kept. botocore's descriptions of services are read once, and not for each session.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import botocore.session
import pytest
from botocore.loaders import create_loader

_nodes: Any = import_module("moto.dynamodb.parsing.ast_nodes")  # it has no types
_serialize: Any = import_module("moto.core.serialize")
_get_value = _serialize.ResponseSerializer.get_value
_INNER = (_nodes.Expression, _nodes.UpdateExpressionFunction)


@cache
def _is_a(kind: Any, kinds: tuple[Any, ...]) -> bool:
    return issubclass(kind, kinds)


def _find_clauses(node: Any, clause_types: Any) -> list[Any]:
    found: list[Any] = []
    for child in node.children or []:
        kind: Any = type(child)
        if kind in clause_types:
            found.append(child)
        elif _is_a(kind, _INNER):
            found += _find_clauses(child, clause_types)
    return found


def _traverse(traverser: Any, node: Any) -> Any:
    processors = traverser._processing_map()
    kinds = tuple(traverser.nodes_to_be_processed())

    def processed(node: Any, child_id: int) -> Any:
        kind: Any = type(node)
        if not _is_a(kind, (_nodes.Node,)):
            return node
        parent = node.parent
        for number, child in enumerate(node.children or ()):
            traverser.pre_processing_of_child(node, number)
            processed(child, number)
        if _is_a(kind, kinds):
            processor = next((does for of, does in processors.items() if _is_a(kind, (of,))), None)
            node = processor(node) if processor else None
            node.parent = parent
            if parent:
                parent.children[child_id] = node
        return node

    return processed(node, -1)


def _picked(serializer: Any, value: Any, key: str, shape: Any) -> Any:
    """Return a member of an answer: what moto makes for DynamoDB are dicts with the wire's own names."""
    if type(value) is dict:
        return value.get(key)
    return _get_value(serializer, value, key, shape)


_loader = cache(create_loader)


def install(patch: pytest.MonkeyPatch) -> None:
    """Let moto read expressions quickly while the patch lasts."""
    patch.setattr(_nodes.Node, "find_clauses", _find_clauses)
    patch.setattr(_nodes.DepthFirstTraverser, "traverse", _traverse)
    patch.setattr(_serialize.ResponseSerializer, "get_value", _picked)
    patch.setattr(botocore.session, "create_loader", _loader)
