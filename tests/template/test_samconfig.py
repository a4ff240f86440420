"""The stages that `sam` knows, and the version that stands in two places."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from candle_collector import __version__

from tests.template.stack import PROJECT, broken_rules, source

SAMCONFIG = tomllib.loads((PROJECT / "samconfig.toml").read_text())


def overrides(stage: str) -> dict[str, str]:
    written: str = SAMCONFIG[stage]["deploy"]["parameters"].get("parameter_overrides", "")
    return dict(pair.split("=", 1) for pair in written.split())


def test_there_is_a_guided_default_and_each_stage_of_the_template() -> None:
    assert SAMCONFIG.keys() - {"version"} == {"default", *source()["Parameters"]["Stage"]["AllowedValues"]}
    assert SAMCONFIG["default"]["deploy"]["parameters"]["guided"] is True


@pytest.mark.parametrize("stage", ["dev", "prod", "local"])
def test_a_stage_deploys_under_a_name_of_its_own_with_parameters_that_the_template_takes(stage: str) -> None:
    deploy: dict[str, Any] = SAMCONFIG[stage]["deploy"]["parameters"]
    assert deploy["stack_name"] == f"candle-collector-{stage}"
    assert deploy["tags"] == f"Project=candle-collector Stage={stage}"
    assert overrides(stage)["Stage"] == stage
    assert broken_rules(**overrides(stage)) == []


@pytest.mark.parametrize("stage", ["default", "dev", "prod", "local"])
def test_every_stage_lints_when_it_validates(stage: str) -> None:
    assert SAMCONFIG[stage]["validate"]["parameters"]["lint"] is True


def test_nothing_collects_by_itself_on_a_laptop() -> None:
    assert overrides("local")["SchedulesEnabled"] == "false"


def test_a_worker_that_dies_on_a_laptop_is_replaced_within_minutes() -> None:
    assert int(overrides("local")["QueueVisibility"]) <= 120


def test_the_version_that_the_functions_say_is_that_of_the_layer() -> None:
    layer = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    assert layer["project"]["version"] == __version__
