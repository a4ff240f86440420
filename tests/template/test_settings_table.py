"""The template's parameters say what the table of settings says, each of them: defaults, bounds and who gives what."""

from __future__ import annotations

from typing import Any

import pytest
from candle_collector.errors import SettingError
from candle_collector.settings import EXCHANGE_HOSTS, VISIBILITY_PER_TIMEOUT, Setting, Settings

from localstack.parameters import SETTINGS as PARAMETER_OF
from tests.template.stack import source

TABLE: tuple[Setting[Any], ...] = tuple(
    value for value in vars(Settings).values() if isinstance(value, Setting) and not value.at_home
)
GIVEN_BY_A_PARAMETER = [setting for setting in TABLE if setting.default is not None]
PARAMETERS: dict[str, dict[str, Any]] = source()["Parameters"]
PARAMETER_OF_VARIABLE = PARAMETER_OF | {"STAGE": "Stage"}
FUNCTIONS = {
    name: resource["Properties"]["Environment"]["Variables"]
    for name, resource in source()["Resources"].items()
    if resource["Type"] == "AWS::Serverless::Function"
} | {"all functions": source()["Globals"]["Function"]["Environment"]["Variables"]}


def by_name(setting: Setting[Any]) -> str:
    return setting.name


def promised(parameter: dict[str, Any]) -> dict[str, Any]:
    """Return what a parameter says of its default and its bounds, as the table would say it."""
    return {
        "default": str(parameter["Default"]),
        "least": parameter.get("MinValue"),
        "most": parameter.get("MaxValue"),
        "choices": tuple(map(str, parameter.get("AllowedValues", ()))),
        "pattern": parameter.get("AllowedPattern"),
    }


def test_the_table_has_each_variable_once() -> None:
    names = [setting.name for setting in TABLE]
    assert len(names) > 20
    assert len(names) == len(set(names))


@pytest.mark.parametrize("setting", GIVEN_BY_A_PARAMETER, ids=by_name)
def test_a_parameter_has_the_default_and_the_bounds_of_its_setting(setting: Setting[Any]) -> None:
    parameter = PARAMETERS[PARAMETER_OF_VARIABLE[setting.name]]
    # At home 0 stands for what the schedule says; an alarm needs a number.
    default, least = ("13", 2) if setting.name == "STALE_AFTER_HOURS" else (setting.default, setting.least)
    assert promised(parameter) == {
        "default": default,
        "least": least,
        "most": setting.most,
        "choices": setting.choices,
        "pattern": setting.pattern,
    }


@pytest.mark.parametrize("setting", GIVEN_BY_A_PARAMETER, ids=by_name)
def test_a_setting_accepts_its_own_default_and_is_bounded(setting: Setting[Any]) -> None:
    assert setting.read({}) == setting.read({setting.name: str(setting.default)})
    with pytest.raises(SettingError, match=f"{setting.name} is 'not, valid'; it takes .+"):
        setting.read({setting.name: "not, valid"})


@pytest.mark.parametrize("setting", GIVEN_BY_A_PARAMETER, ids=by_name)
def test_functions_get_a_setting_from_its_parameter(setting: Setting[Any]) -> None:
    given = [variables[setting.name] for variables in FUNCTIONS.values() if setting.name in variables]
    assert given
    assert all(value == {"Ref": PARAMETER_OF_VARIABLE[setting.name]} for value in given)


def test_functions_get_no_variable_that_the_table_lacks() -> None:
    given = {name for variables in FUNCTIONS.values() for name in variables if not name.startswith("POWERTOOLS_")}
    assert given == {setting.name for setting in TABLE}


def test_every_parameter_is_set_by_the_variable_that_is_called_like_it() -> None:
    assert sorted(PARAMETER_OF_VARIABLE.values()) == sorted(PARAMETERS)
    for variable, parameter in PARAMETER_OF_VARIABLE.items():
        assert variable.replace("_", "") == parameter.upper()


def test_a_visibility_goes_with_each_worker_timeout() -> None:
    timeouts, visibilities = (PARAMETERS[name]["AllowedValues"] for name in ("WorkerTimeout", "QueueVisibility"))
    assert visibilities == [VISIBILITY_PER_TIMEOUT * timeout for timeout in timeouts]


def test_a_deployed_stage_may_ask_the_hosts_of_the_allow_list_and_no_others() -> None:
    (assertion,) = source()["Rules"]["SimulatedExchangeOnlyOnALaptop"]["Assertions"]
    addresses, parameter = assertion["Assert"]["Fn::Contains"]
    assert addresses == [f"https://{host}" for host in EXCHANGE_HOSTS]
    assert parameter == {"Ref": "ExchangeBaseUrl"}
