"""`candles deploy`: deploys to the AWS account of the person's profile, with the settings of the environment."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess

from background.places import PROJECT
from localstack.environments import MAIN_ENVIRONMENT
from localstack.parameters import as_arguments, from_environment, from_samconfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `candles deploy` takes."""
    parser.add_argument("stage", nargs="?", default="dev", help="a stage of samconfig.toml: dev (default) or prod")
    parser.add_argument("--yes", action="store_true", help="do not ask before the stack is changed")


def run(arguments: argparse.Namespace) -> int:
    """Build and deploy a stage; the exit code is sam's. Settings of the environment go before the stage's own."""
    stage = arguments.stage
    configured = from_samconfig(PROJECT / "samconfig.toml", stage)
    settings = from_environment(os.environ)
    parameters = configured | settings
    overrides = ["--parameter-overrides", *as_arguments(parameters)] if settings else []
    runtime = parameters.get("PythonRuntime", "python3.13")
    environment = os.environ | {
        "LAYER_PYTHON": runtime.removeprefix("python"),
        "LAYER_PIP": f"{shlex.quote(str(MAIN_ENVIRONMENT.python))} -m pip",
    }
    sam = str(MAIN_ENVIRONMENT.bin / "sam")
    unasked = ["--no-confirm-changeset"] if arguments.yes else []
    for command in (["build", *overrides], ["deploy", *unasked, *overrides]):
        called = [sam, command[0], "--config-env", stage, *command[1:]]
        ended = subprocess.run(called, env=environment, cwd=PROJECT, check=False)
        if ended.returncode:
            return ended.returncode
    return 0
