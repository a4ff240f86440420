"""`make destroy`: deletes a stack and says what it keeps: the tables, and how to come back onto them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from cli.aws_stack import AwsStack
from localstack.deployment import KEPT_TABLES
from localstack.parameters import SETTINGS
from localstack.places import MAIN_ENVIRONMENT, PROJECT, Places
from localstack.progress import StackError, say, step

TABLES = {
    "EXISTING_CANDLES_TABLE": "CandlesTableName",
    "EXISTING_RUNS_TABLE": "RunsTableName",
    "EXISTING_KEYS_TABLE": "KeysTableName",
}
"""The settings that name kept tables, and the outputs that tell their names."""


def main(stage: str, confirmed: str) -> int:
    """Destroy the stack of a stage; 0 if it is gone.

    Parameters
    ----------
    confirmed
        The stack's name, where the person has typed it already (CONFIRM); else it is asked for.
    """
    try:
        stack = AwsStack.of_stage(stage)
        outputs = stack.outputs()
        kept = {setting: outputs[output] for setting, output in TABLES.items()}
        tell(stack, kept)
        if not _agreed(stack, confirmed):
            say("Nothing was deleted.")
            return 1
        delete(stack)
        if stack.is_local:
            remember(kept)
        say(f"{stack.name} is gone. Its tables are there. {_way_back(stack, kept)}")
    except StackError as error:
        say(str(error))
        return 1
    return 0


def tell(stack: AwsStack, kept: dict[str, str]) -> None:
    """Say what goes and what stays."""
    say(f"This deletes the stack {stack.name} {f'in {stack.region}' if not stack.is_local else 'on this machine'}:")
    say("  gone    the API and its address, the functions, the queues and what waits in them, the alarms, the logs")
    for name in kept.values():
        table = stack.client("dynamodb").describe_table(TableName=name)["Table"]
        size = f"{table['ItemCount']} items, {table['TableSizeBytes']} bytes (AWS counts every 6 hours)"
        say(f"  kept    table {name}, about {size}")
    say("  kept    the role by which API Gateway writes logs, which other stacks of the account may use")
    say("Kept tables go on costing what they store and their backups. Deleting them is up to you: docs/deploy.md.")


def _agreed(stack: AwsStack, confirmed: str) -> bool:
    if not confirmed and sys.stdin.isatty():
        confirmed = input(f"Type {stack.name} to go on: ")
    return confirmed.strip() == stack.name


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
            f"sam delete failed:\n{ended.stdout}{ended.stderr}", "CloudFormation's console tells what holds it."
        )


def remember(kept: dict[str, str]) -> None:
    """Let the next `make up` find the local stack's tables."""
    places = Places.from_environment()
    state = json.loads(places.stack_file.read_text())["state_dir"]
    parameters = {SETTINGS[setting]: name for setting, name in kept.items()}
    (PROJECT / state / KEPT_TABLES).write_text(json.dumps(parameters, indent=1) + "\n")


def _way_back(stack: AwsStack, kept: dict[str, str]) -> str:
    if stack.is_local:
        return "`make up` comes back onto them."
    named = " ".join(f"{setting}={name}" for setting, name in kept.items())
    return (
        f"To come back onto them:\n\n  make deploy STAGE={stack.stage} {named}\n\n"
        "and keep the three in samconfig.toml from then on (docs/deploy.md)."
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], os.environ.get("CONFIRM", "")))
