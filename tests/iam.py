"""What a role of the template may do, decided as IAM decides it, of the part of IAM that the template uses.

Allowed is what a statement allows whose action, resource and conditions all fit; the rest is refused. A statement that
refuses, a wildcard within a name and other conditions are not understood, and the template's own roles have none: they
are errors here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.template.stack import Stack


@dataclass(frozen=True)
class Call:
    """A right that a call needs: the action, its resource, and the keys that conditions see."""

    action: str
    resource: str
    keys: Mapping[str, list[str]] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Role:
    """The statements of a role."""

    statements: tuple[Mapping[str, Any], ...]

    @classmethod
    def of_function(cls, stack: Stack, function: str) -> Role:
        """Return the role that a function of the stack runs under."""
        logical_id, _ = stack.properties(function)["Role"]["Fn::GetAtt"]
        properties = stack.properties(logical_id)
        assert not properties.get("ManagedPolicyArns"), f"{logical_id} has rights that are not written here"
        return cls(
            tuple(statement for policy in properties["Policies"] for statement in policy["PolicyDocument"]["Statement"])
        )

    @property
    def granted(self) -> set[tuple[str, str]]:
        """Every action with the resource that it is granted on."""
        return {
            (action, resource)
            for statement in self.statements
            for action in _listed(statement["Action"])
            for resource in _resources(statement)
        }

    def allows(self, call: Call) -> bool:
        """Return whether a statement allows a call."""
        return any(_allows(statement, call) for statement in self.statements)


def _allows(statement: Mapping[str, Any], call: Call) -> bool:
    assert statement["Effect"] == "Allow"
    assert not statement.keys() & {"NotAction", "NotResource"}
    return (
        call.action in _listed(statement["Action"])
        and call.resource in _resources(statement)
        and all(
            _holds(operator, call.keys.get(key), _listed(expected))
            for operator, keys in statement.get("Condition", {}).items()
            for key, expected in keys.items()
        )
    )


def _holds(operator: str, found: list[str] | None, expected: list[str]) -> bool:
    match operator:
        case "ForAllValues:StringEquals":
            return found is None or set(found) <= set(expected)  # a key that is absent passes
        case "Null":
            return (found is None) == (expected == ["true"])
    raise AssertionError(f"the operator {operator} is not understood")


def _resources(statement: Mapping[str, Any]) -> Iterator[str]:
    """Yield the logical ids of resources; of one that is named by its ARN, what follows the account."""
    for resource in _listed(statement["Resource"]):
        yield resource["Fn::GetAtt"][0] if isinstance(resource, dict) else resource.rpartition(":")[2]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
