"""The template parameters that a deployment passes: samconfig.toml's, and the environment's settings over them."""

from __future__ import annotations

import shlex
import tomllib
from typing import TYPE_CHECKING

from localstack.progress import StackError
from localstack.schedule import to_eventbridge

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# The settings as the functions and people call them, and the parameters that carry them.
SETTINGS = {
    "TOP_N_CRYPTOS": "TopNCryptos",
    "EXCLUDED_BASE_ASSETS": "ExcludedBaseAssets",
    "COLLECTION_START_DATE": "CollectionStartDate",
    "COLLECTION_SCHEDULE": "CollectionSchedule",
    "GAP_FILL_SCHEDULE": "GapFillSchedule",
    "SCHEDULES_ENABLED": "SchedulesEnabled",
    "RUN_DEADLINE_HOURS": "RunDeadlineHours",
    "BATCH_SIZE_HOURS": "BatchSizeHours",
    "MAX_RETRIES": "MaxRetries",
    "API_KEY_REQUIRED": "ApiKeyRequired",
    "ALLOWED_CIDRS": "AllowedCidrs",
    "DASHBOARD_ORIGIN": "DashboardOrigin",
    "EXISTING_CANDLES_TABLE": "ExistingCandlesTable",
    "EXISTING_RUNS_TABLE": "ExistingRunsTable",
    "EXISTING_KEYS_TABLE": "ExistingKeysTable",
    "WORKER_TIMEOUT": "WorkerTimeout",
    "QUEUE_VISIBILITY": "QueueVisibility",
    "LOG_LEVEL": "LogLevel",
    "LOG_RETENTION_DAYS": "LogRetentionDays",
    "ALARM_EMAIL": "AlarmEmail",
}
SCHEDULES = ("COLLECTION_SCHEDULE", "GAP_FILL_SCHEDULE")
VISIBILITY_PER_TIMEOUT = 6


def from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Give the parameters that the environment's settings ask for; an empty setting counts as unset.

    Raises
    ------
    StackError
        A schedule is none. The other values are checked by the template's own patterns.
    """
    asked = {parameter: environment[name] for name, parameter in SETTINGS.items() if environment.get(name)}
    for name in SCHEDULES:
        if SETTINGS[name] in asked:
            try:
                asked[SETTINGS[name]] = to_eventbridge(environment[name])
            except ValueError as error:
                raise StackError(f"{name}: {error}.", f"{name}='0 */6 * * *'") from error
    timeout = asked.get("WorkerTimeout", "")
    if timeout.isdigit() and "QueueVisibility" not in asked:
        # The template takes no other pair, so one setting is enough.
        asked["QueueVisibility"] = str(int(timeout) * VISIBILITY_PER_TIMEOUT)
    return asked


def from_samconfig(samconfig: Path, stage: str) -> dict[str, str]:
    """Give the parameters that samconfig.toml sets for a stage.

    sam takes overrides of the command line instead of the file's, not over them, so whoever passes one passes all.

    Raises
    ------
    StackError
        samconfig.toml has no such stage.
    """
    stages = tomllib.loads(samconfig.read_text())
    if stage not in stages:
        known = ", ".join(name for name in stages if name != "version")
        raise StackError(f"samconfig.toml has no stage {stage}.", f"one of {known}.")
    written: str | list[str] = []
    for command in ("global", "deploy"):
        written = stages[stage].get(command, {}).get("parameters", {}).get("parameter_overrides", written)
    pairs = shlex.split(written) if isinstance(written, str) else written
    return dict(pair.split("=", 1) for pair in pairs)


def as_arguments(parameters: Mapping[str, str]) -> list[str]:
    """Write parameters as sam's `--parameter-overrides` takes them."""
    return [f"{name}={shlex.quote(value) if ' ' in value else value}" for name, value in sorted(parameters.items())]
