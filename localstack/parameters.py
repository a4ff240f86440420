"""The template parameters that a deployment passes: samconfig.toml's, and the environment's settings over them."""

from __future__ import annotations

import re
import shlex
import tomllib
from typing import TYPE_CHECKING

from candle_collector.settings import VISIBILITY_PER_TIMEOUT, given

from background.kept_settings import as_expressions
from background.places import PROJECT
from background.progress import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def _settings(template: str) -> dict[str, str]:
    section = re.split(r"^(?=\S)", template.partition("\nParameters:\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    names = re.findall(r"^  (\w+):$", section, flags=re.MULTILINE)
    return {_variable(name): name for name in names if name != "Stage"}


def _variable(parameter: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", parameter).upper()


SETTINGS = _settings((PROJECT / "template.yaml").read_text())
"""The template's parameters by the environment variables that set them: TOP_N_CRYPTOS sets TopNCryptos.

Stage is not among them, because samconfig.toml has a configuration for each stage.
"""

AWS_ALONE = frozenset({"NOTIFY_WEBHOOK_URL", "NOTIFY_WEBHOOK_SECRET"})
"""What the local AWS leaves out, as it knows no API destination: the webhook's secret is not kept on the disk."""


def from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that the settings that are `given` in the environment ask for.

    Raises
    ------
    StackError
        A schedule is not valid. The other values are checked by the template's own patterns.
    """
    settings = as_expressions({name: text for name, text in given(environment).items() if name in SETTINGS})
    wanted = {SETTINGS[name]: text for name, text in settings.items()}
    timeout = wanted.get("WorkerTimeout", "")
    if timeout.isdigit() and "QueueVisibility" not in wanted:
        # The template takes no other pair, so one setting is enough.
        wanted["QueueVisibility"] = str(int(timeout) * VISIBILITY_PER_TIMEOUT)
    return wanted


def from_samconfig(samconfig: Path, stage: str) -> dict[str, str]:
    """Return the parameters that samconfig.toml sets for a stage.

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
    return [
        f"{name}={shlex.quote(value) if ' ' in value or not value else value}"
        for name, value in sorted(parameters.items())
    ]
