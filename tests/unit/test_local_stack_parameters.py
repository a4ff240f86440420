"""Settings of the environment reach the template's parameters, over those of samconfig.toml."""

from pathlib import Path

import pytest
from samcli.cli.types import CfnParameterOverridesType  # type: ignore[import-untyped] # it has no types

from background.progress import StackError
from localstack.parameters import as_arguments, from_environment, from_samconfig


def test_a_setting_becomes_the_parameter_that_carries_it() -> None:
    requested = {"TOP_N_CRYPTOS": "7", "API_KEY_REQUIRED": "false", "COLLECTION_SCHEDULE": "0 */6 * * *", "HOME": "/"}
    assert from_environment(requested) == {
        "TopNCryptos": "7",
        "ApiKeyRequired": "false",
        "CollectionSchedule": "cron(0 0/6 * * ? *)",
    }


@pytest.mark.parametrize(
    ("setting", "parameter"),
    [
        ("KEEP_STORED_SYMBOLS", "KeepStoredSymbols"),
        ("RECONCILER_SCHEDULE", "ReconcilerSchedule"),
        ("EXCHANGE_WEIGHT_SHARE", "ExchangeWeightShare"),
        ("EXISTING_CANDLES_TABLE", "ExistingCandlesTable"),
    ],
)
def test_a_setting_is_called_as_the_parameter_in_capitals(setting: str, parameter: str) -> None:
    assert from_environment({setting: "x"}) == {parameter: "x"}


def test_the_stage_is_a_matter_of_samconfig() -> None:
    assert from_environment({"STAGE": "prod"}) == {}


def test_a_variable_of_make_that_nobody_set_leaves_the_default() -> None:
    assert from_environment({"TOP_N_CRYPTOS": "", "COLLECTION_SCHEDULE": ""}) == {}


def test_an_empty_gap_fill_schedule_reaches_sam_as_nothing() -> None:
    parameters = from_environment({"GAP_FILL_SCHEDULE": ""})
    assert parameters == {"GapFillSchedule": ""}
    # sam refuses a bare `GapFillSchedule=`
    assert CfnParameterOverridesType().convert(as_arguments(parameters), None, None) == parameters


def test_a_worker_timeout_alone_brings_the_visibility_that_goes_with_it() -> None:
    assert from_environment({"WORKER_TIMEOUT": "5"}) == {"WorkerTimeout": "5", "QueueVisibility": "30"}


def test_a_wrong_schedule_is_refused_by_the_name_of_its_setting() -> None:
    with pytest.raises(StackError, match=r"COLLECTION_SCHEDULE: .*hour"):
        from_environment({"COLLECTION_SCHEDULE": "0 99 * * *"})


def test_the_parameters_of_a_stage_are_read_in_both_forms_of_samconfig(tmp_path: Path) -> None:
    samconfig = tmp_path / "samconfig.toml"
    samconfig.write_text(
        "version = 0.1\n"
        '[local.deploy.parameters]\nparameter_overrides = "Stage=local CollectionSchedule=\\"cron(0 0 * * ? *)\\""\n'
        '[dev.deploy.parameters]\nparameter_overrides = ["Stage=dev", "LogLevel=DEBUG"]\n'
    )
    assert from_samconfig(samconfig, "local") == {"Stage": "local", "CollectionSchedule": "cron(0 0 * * ? *)"}
    assert from_samconfig(samconfig, "dev") == {"Stage": "dev", "LogLevel": "DEBUG"}
    with pytest.raises(StackError, match=r"no stage tset.*\n.*local, dev"):
        from_samconfig(samconfig, "tset")


def test_a_value_with_spaces_is_one_value_for_sam() -> None:
    assert as_arguments({"B": "cron(0 0 * * ? *)", "A": "1"}) == ["A=1", "B='cron(0 0 * * ? *)'"]
