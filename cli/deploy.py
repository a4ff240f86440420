"""`make deploy`: deploys to the AWS account of the person's profile, with the settings of the environment."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

from localstack.parameters import as_arguments, from_environment, from_samconfig
from localstack.places import MAIN_ENVIRONMENT, PROJECT
from localstack.progress import StackError, say


def main(stage: str) -> int:
    """Deploy a stage of samconfig.toml; the exit code is sam's.

    The settings of the environment go over the stage's own parameters.
    """
    try:
        configured = from_samconfig(PROJECT / "samconfig.toml", stage)
        settings = from_environment(os.environ)
    except StackError as error:
        say(str(error))
        return 1
    parameters = configured | settings
    overrides = ["--parameter-overrides", *as_arguments(parameters)] if settings else []
    runtime = parameters.get("PythonRuntime", "python3.13")
    environment = os.environ | {
        "LAYER_PYTHON": runtime.removeprefix("python"),
        "LAYER_PIP": f"{shlex.quote(str(MAIN_ENVIRONMENT.python))} -m pip",
    }
    sam = str(MAIN_ENVIRONMENT.bin / "sam")
    for command in (["build", *overrides], ["deploy", *overrides]):
        called = [sam, command[0], "--config-env", stage, *command[1:]]
        ended = subprocess.run(called, env=environment, cwd=PROJECT, check=False)
        if ended.returncode:
            return ended.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
