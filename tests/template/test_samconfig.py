"""The stages that `sam` knows, and the version that stands in two places."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from typing import Any

import pytest
from candle_collector import __version__
from candle_collector.domain.schedule import next_occurrence

from localstack.parameters import from_samconfig
from tests.template.stack import PROJECT, broken_rules, parameter_defaults, source

SAMCONFIG = tomllib.loads((PROJECT / "samconfig.toml").read_text())


def overrides(stage: str) -> dict[str, str]:
    return from_samconfig(PROJECT / "samconfig.toml", stage)


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


def test_a_stack_to_try_things_on_does_not_collect_by_itself_and_never_at_the_minutes_of_the_archive() -> None:
    assert overrides("dev")["SchedulesEnabled"] == "false"
    assert "SchedulesEnabled" not in overrides("prod")
    after = datetime(2026, 1, 1, tzinfo=UTC)
    for schedule in ("CollectionSchedule", "GapFillSchedule"):
        starts = []
        for stage in ("dev", "prod"):
            expression = (parameter_defaults() | overrides(stage))[schedule]
            moment, found = after, set()
            for _ in range(28 * 4):
                moment = next_occurrence(expression, moment) or moment
                found.add(moment)
            assert len(found) == 28 * 4
            starts.append(found)
        assert not starts[0] & starts[1], schedule


def test_no_layer_of_another_runtime_is_taken_from_a_cache() -> None:
    for stage in ("default", "dev", "prod"):
        assert SAMCONFIG[stage]["build"]["parameters"]["cached"] is False


def test_a_worker_that_dies_on_a_laptop_is_replaced_within_minutes() -> None:
    assert int(overrides("local")["QueueVisibility"]) <= 120


def test_the_version_that_the_functions_say_is_that_of_the_layer() -> None:
    layer = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    assert layer["project"]["version"] == __version__
