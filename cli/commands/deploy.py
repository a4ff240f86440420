"""`candles deploy`: deploys to the AWS account of the person's profile, with the settings of the environment."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from background.kept_settings import say_dropped
from background.places import PROJECT
from background.progress import StackError, say
from cli.commands.destroy import is_confirmed
from cli.failed_stack import failed_stack
from cli.homes import add_place_arguments
from cli.stacks import AwsStack
from localstack.environments import MAIN_ENVIRONMENT
from localstack.parameters import as_arguments, from_environment, from_samconfig

WHEELS = {"x86_64": "manylinux2014_x86_64", "arm64": "manylinux2014_aarch64"}
"""The platform of the layer's wheels for each processor of the functions."""
NOTHING_DEPLOYED = 1
NAME_MOST = 64
"""Characters that AWS takes in the name of a function, and of a schedule."""
LONGEST_SUFFIX = "-authorizer"
"""The longest of what such names have behind the stack's."""
STACK_NAME_MOST = NAME_MOST - len(LONGEST_SUFFIX)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `candles deploy` takes."""
    parser.add_argument("stage", nargs="?", default="dev", help="a stage of samconfig.toml: dev (default) or prod")
    parser.add_argument("--yes", action="store_true", help="do not ask before the stack is changed")
    add_place_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Build and deploy a stage; the exit code is sam's. Settings of the environment go before the stage's own."""
    stack = AwsStack.of_stage(arguments.stage, region=arguments.region, profile=arguments.profile)
    check_name(stack)
    settings = from_environment(os.environ)
    parameters = from_samconfig(PROJECT / "samconfig.toml", arguments.stage) | settings
    if left := failed_stack(stack):
        left.describe()
        say("No deployment goes onto it, so it is deleted first.")
        if not is_confirmed(stack, stack.name if arguments.yes else ""):
            return NOTHING_DEPLOYED
        left.delete()
    check_access_log(stack, parameters)
    if "Intervals" in settings and (deployed := deployed_intervals(stack)):
        say_dropped(deployed, settings["Intervals"], f"make deploy STAGE={arguments.stage}")
    for command in commands(stack, parameters, overrides=bool(settings), unasked=arguments.yes):
        ended = subprocess.run(command, env=environment_of(stack, parameters), cwd=PROJECT, check=False)
        if ended.returncode:
            if left := failed_stack(stack):
                left.describe()
                say("Mend the reason and deploy again: the next deployment offers to delete what is left of this one.")
            return ended.returncode
    return 0


def commands(
    stack: AwsStack, parameters: Mapping[str, str], *, overrides: bool, unasked: bool
) -> tuple[list[str], list[str]]:
    """Return how sam builds and deploys the stack.

    sam's cache knows a layer by its sources alone, so each runtime and processor has a cache of its own.
    """
    sam, stage = str(MAIN_ENVIRONMENT.bin / "sam"), stack.stage or ""
    given = ["--parameter-overrides", *as_arguments(parameters)] if overrides else []
    cache = f".aws-sam/cache-{_runtime(parameters)}-{_architecture(parameters)}"
    region = ["--region", stack.region] if stack.region else []
    return (
        [sam, "build", "--config-env", stage, "--cached", "--cache-dir", cache, *given],
        [sam, "deploy", "--config-env", stage, *region, *(["--no-confirm-changeset"] if unasked else []), *given],
    )


def environment_of(stack: AwsStack, parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of sam, in which the layer's Makefile finds what it builds for."""
    return stack.environment | {
        "LAYER_PYTHON": _runtime(parameters).removeprefix("python"),
        "LAYER_PLATFORM": WHEELS[_architecture(parameters)],
        "LAYER_PIP": f"{shlex.quote(str(MAIN_ENVIRONMENT.python))} -m pip",
    }


def deployed_intervals(stack: AwsStack) -> str | None:
    """Return the intervals that a stack collects; None where it is not deployed yet."""
    try:
        (described,) = stack.client("cloudformation").describe_stacks(StackName=stack.name)["Stacks"]
    except (BotoCoreError, ClientError):
        return None  # whatever is wrong, the deployment says it
    found = {item["ParameterKey"]: item["ParameterValue"] for item in described.get("Parameters", [])}
    return found.get("Intervals")


def check_name(stack: AwsStack) -> None:
    """Refuse a stack whose functions' names would be too long, which CloudFormation finds out in the middle.

    Raises
    ------
    StackError
        It is longer than 53 characters.
    """
    if len(stack.name) > STACK_NAME_MOST:
        raise StackError(
            f"The stack's name {stack.name} has {len(stack.name)} characters: with {LONGEST_SUFFIX} behind it, "
            f"a function's name would have more than the {NAME_MOST} that AWS takes.",
            f"give the stage {stack.stage} a stack_name of at most {STACK_NAME_MOST} characters in samconfig.toml.",
        )


def check_access_log(stack: AwsStack, parameters: Mapping[str, str]) -> None:
    """Refuse an access log that the account has no role for, and one that would take another's place.

    Raises
    ------
    StackError
        The account's setting does not fit ApiAccessLog, or it cannot be read.
    """
    choice = parameters.get("ApiAccessLog", "off")
    if choice == "off":
        return
    try:
        role = stack.client("apigateway").get_account().get("cloudwatchRoleArn")
    except (BotoCoreError, ClientError) as error:
        raise StackError(
            f"The role that API Gateway writes logs with cannot be read: {error}.",
            "allow apigateway:GET on /account, or API_ACCESS_LOG=off.",
        ) from error
    if choice == "account-role" and not role:
        raise StackError(
            "API Gateway has no role to write logs with in this account and region.",
            "API_ACCESS_LOG=new-role makes one and sets it.",
        )
    if choice == "new-role" and role and role.rpartition("/")[2] != _own_role(stack):
        raise StackError(
            f"API Gateway writes the logs of this account and region with {role}, and a new role would take its place.",
            "API_ACCESS_LOG=account-role uses the one that is there.",
        )


def _own_role(stack: AwsStack) -> str | None:
    try:
        found = stack.client("cloudformation").describe_stack_resource(
            StackName=stack.name, LogicalResourceId="ApiLogRole"
        )
    except ClientError:
        return None
    name: str = found["StackResourceDetail"]["PhysicalResourceId"]
    return name


def _runtime(parameters: Mapping[str, str]) -> str:
    return parameters.get("PythonRuntime", "python3.13")


def _architecture(parameters: Mapping[str, str]) -> str:
    return parameters.get("Architecture", "x86_64")
