"""The template as CloudFormation would see it: translated by SAM, with parameters, conditions and mappings resolved."""

from __future__ import annotations

import copy
import re
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

PROJECT = Path(__file__).resolve().parents[2]
PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::StackName": "candles",
    "AWS::URLSuffix": "amazonaws.com",
}

Resource = dict[str, Any]


@cache
def _source() -> dict[str, Any]:
    source: dict[str, Any] = yaml_parse((PROJECT / "template.yaml").read_text())
    return source


def source() -> dict[str, Any]:
    """Return the template as it is written."""
    return copy.deepcopy(_source())


def parameter_defaults() -> dict[str, str]:
    return {name: str(parameter["Default"]) for name, parameter in _source()["Parameters"].items()}


def translated(parameters: dict[str, str]) -> dict[str, Any]:
    """Return what SAM makes of the template, as if its code were built and uploaded."""
    return copy.deepcopy(_translated(tuple(sorted(parameters.items()))))


@cache
def _translated(parameters: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    template = source()
    for resource in template["Resources"].values():
        for uri in resource["Properties"].keys() & {"CodeUri", "ContentUri"}:
            resource["Properties"][uri] = "s3://bucket/key"
    session = boto3.Session(region_name=PSEUDO["AWS::Region"])
    made: dict[str, Any] = Translator({}, Parser(), boto_session=session).translate(template, dict(parameters))
    return made


def broken_rules(**parameters: str) -> list[str]:
    """Return the descriptions of the template's rules that these parameters break."""
    values = Values(_source(), parameters)
    return [
        assertion["AssertDescription"]
        for rule in _source()["Rules"].values()
        if "RuleCondition" not in rule or values.resolve(rule["RuleCondition"])
        for assertion in rule["Assertions"]
        if not values.resolve(assertion["Assert"])
    ]


class Stack:
    """The resources and outputs of a stack with the given parameters, as far as they are known before it is made."""

    def __init__(self, **parameters: str) -> None:
        template = translated(parameters)
        values = Values(template, parameters)
        self.resources: dict[str, Resource] = {
            name: values.resolve(resource)
            for name, resource in template["Resources"].items()
            if "Condition" not in resource or values.holds(resource["Condition"])
        }
        self.outputs: dict[str, Any] = {
            name: values.resolve(output)
            for name, output in template["Outputs"].items()
            if "Condition" not in output or values.holds(output["Condition"])
        }

    def of_type(self, resource_type: str) -> dict[str, Resource]:
        """Return the resources of a type by their logical id."""
        return {name: found for name, found in self.resources.items() if found["Type"] == resource_type}

    def properties(self, logical_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.resources[logical_id]["Properties"]
        return found


class Values:
    """What the intrinsic functions of a template come to with the given parameters."""

    def __init__(self, template: dict[str, Any], parameters: dict[str, str]) -> None:
        unknown = parameters.keys() - template["Parameters"].keys()
        assert not unknown, f"no such parameters: {unknown}"
        self._template = template
        self._values = PSEUDO | parameter_defaults() | parameters

    def holds(self, condition: str) -> bool:
        """Return whether one of the template's conditions holds."""
        return bool(self.resolve(self._template["Conditions"][condition]))

    def resolve(self, value: Any) -> Any:
        """Resolve what does not need the made resources; references to these stay as they are."""
        if isinstance(value, list):
            return [self.resolve(part) for part in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            resolved = self._intrinsic(name, argument)
            if resolved is not NotImplemented:
                return resolved
        return {key: self.resolve(part) for key, part in value.items()}

    def _intrinsic(self, name: str, argument: Any) -> Any:  # noqa: C901, PLR0911 - one line an intrinsic function
        match name:
            case "Ref":
                return self._values.get(argument, {"Ref": argument})
            case "Condition" if isinstance(argument, str):
                return self.holds(argument)
            case "Fn::If":
                return self.resolve(argument[1 if self.holds(argument[0]) else 2])
            case "Fn::Equals":
                first, second = self.resolve(argument)
                return str(first) == str(second)
            case "Fn::Not":
                return not self.resolve(argument[0])
            case "Fn::And":
                return all(self.resolve(argument))
            case "Fn::Or":
                return any(self.resolve(argument))
            case "Fn::Contains":
                several, item = self.resolve(argument)
                return item in several
            case "Fn::Split":
                separator, text = self.resolve(argument)
                return text.split(separator)
            case "Fn::Transform":
                assert argument["Name"] == "AWS::Include"
                return self.resolve(yaml_parse((PROJECT / argument["Parameters"]["Location"]).read_text()))
            case "Fn::FindInMap":
                mapping, first, second = self.resolve(argument)
                return self._template["Mappings"][mapping][first][second]
            case "Fn::Sub":
                text, own = (argument, {}) if isinstance(argument, str) else argument
                values = self._values | self.resolve(own)
                return re.sub(r"\$\{([\w:.]+)\}", lambda part: str(values.get(part[1], part[0])), text)
        return NotImplemented
