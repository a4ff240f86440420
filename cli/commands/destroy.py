"""`candles destroy`: deletes a stack and says what it keeps: the tables, and how to come back onto them."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys

from background.places import PROJECT, Places
from background.progress import StackError, say, step
from cli.failed_stack import failed_stack
from cli.homes import add_place_arguments
from cli.stacks import AwsStack
from localstack.deployment import KEPT_TABLES
from localstack.environments import MAIN_ENVIRONMENT
from localstack.parameters import SETTINGS

TABLES = {
    "EXISTING_CANDLES_TABLE": "CandlesTableName",
    "EXISTING_RUNS_TABLE": "RunsTableName",
    "EXISTING_KEYS_TABLE": "KeysTableName",
}
"""The settings that name kept tables, and the outputs that say their names."""


NOTHING_DELETED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `candles destroy` takes."""
    parser.add_argument("stage", choices=["dev", "prod", "local"], help="the stage of samconfig.toml")
    parser.add_argument(
        "--confirm",
        default=os.environ.get("CONFIRM", ""),
        metavar="STACK",
        help="the stack's name, instead of typing it",
    )
    add_place_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Delete the stack of a stage, once its name was typed or given."""
    stack = AwsStack.of_stage(arguments.stage, region=arguments.region, profile=arguments.profile)
    if left := failed_stack(stack):
        left.describe()
        if not is_confirmed(stack, arguments.confirm):
            return NOTHING_DELETED
        left.delete()
        return 0
    outputs = stack.outputs()
    kept = {setting: outputs[output] for setting, output in TABLES.items()}
    describe(stack, kept)
    if not is_confirmed(stack, arguments.confirm):
        return NOTHING_DELETED
    delete(stack)
    if stack.is_local:
        remember(kept)
    say(f"{stack.name} is gone. Its tables are there. {_way_back(stack, kept)}")
    return 0


def describe(stack: AwsStack, kept: dict[str, str]) -> None:
    """Say what goes and what stays."""
    say(f"This deletes the stack {stack.name} {f'in {stack.region}' if not stack.is_local else 'on this machine'}:")
    say("  gone    the API and its address, the functions, the queues and what waits in them, the alarms, the logs")
    for name in kept.values():
        table = stack.client("dynamodb").describe_table(TableName=name)["Table"]
        size = f"{table['ItemCount']} items, {table['TableSizeBytes']} bytes (AWS counts every 6 hours)"
        say(f"  kept    table {name}, about {size}")
    say("  kept    the role by which API Gateway writes logs, which other stacks of the account may use")
    say("Kept tables go on costing what they store and their backups. Deleting them is up to you: docs/deploy.md.")


def is_confirmed(stack: AwsStack, given: str) -> bool:
    """Return whether the stack's name was given, or is typed now."""
    if not given and not sys.stdin.isatty():
        say(f"Nothing was deleted: there is no terminal to type the name in. CONFIRM={stack.name} says it beforehand.")
        return False
    typed = given or input(f"Type {stack.name} to go on: ")
    if typed.strip() != stack.name:
        say(f"Nothing was deleted: {typed.strip()!r} is not {stack.name}.")
        return False
    return True


def delete(stack: AwsStack) -> None:
    """Delete the stack with sam, whatever was uploaded for it included.

    Raises
    ------
    StackError
        It was not deleted.
    """
    sam = str(MAIN_ENVIRONMENT.bin / "sam")
    region = stack.environment["AWS_REGION"]
    called = [sam, "delete", "--stack-name", stack.name, "--region", region, "--no-prompts"]
    with step("deleting (sam delete)"):
        ended = subprocess.run(
            called,
            env=stack.environment | {"SAM_CLI_TELEMETRY": "0"},
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
    if ended.returncode:
        raise StackError(
            f"sam delete failed:\n{ended.stdout}{ended.stderr}", "CloudFormation's console shows what holds it."
        )


def remember(kept: dict[str, str]) -> None:
    """Let the next `make up ON=local-aws` find the tables."""
    places = Places.from_environment()
    state = json.loads(places.stack_file.read_text())["state_dir"]
    parameters = {SETTINGS[setting]: name for setting, name in kept.items()}
    (PROJECT / state / KEPT_TABLES).write_text(json.dumps(parameters, indent=1) + "\n")


def _way_back(stack: AwsStack, kept: dict[str, str]) -> str:
    if stack.is_local:
        return "`make up ON=local-aws` comes back onto them."
    named = " ".join(f"{setting}={name}" for setting, name in kept.items())
    return (
        f"To come back onto them:\n\n  make deploy STAGE={stack.stage} {named}\n\n"
        "and keep the three in samconfig.toml from then on (docs/deploy.md)."
    )
