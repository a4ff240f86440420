#!/usr/bin/env python3
"""Makes an API key for the local stack or a deployed one, and prints it once: only its hash is stored.

    python scripts/generate_admin_api_key.py
    python scripts/generate_admin_api_key.py --stack-name candle-collector-prod --name dashboard --scope read

scripts/api_keys.py lists, rotates and revokes them. Started with any Python 3, it goes on in the project's own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from candle_collector.domain.api_key import ApiKey, StoredKey

PROJECT = Path(__file__).resolve().parent.parent
VENV = PROJECT / ".venv"
LOCAL_STACK_NAME = "candle-collector-local"


def continue_in_venv() -> None:
    """Start again with the project's Python, unless it is the one at work.

    Raises
    ------
    SystemExit
        The environment is not installed.
    """
    if Path(sys.prefix).resolve() == VENV.resolve():
        return
    python = VENV / "bin" / "python"
    if not python.exists():
        sys.exit("The project is not set up yet. Run `make setup` (or `make up`, which also starts the local stack).")
    os.execv(python, [str(python), *sys.argv])  # noqa: S606 - the project's own interpreter, with our own arguments


def arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Make an API key. Without --stack-name it is for the local stack.")
    add_stack_arguments(parser)
    parser.add_argument("--name", default="admin", help="whose key it is, or what for (default: admin)")
    parser.add_argument("--scope", choices=["admin", "read"], default="admin", help="read reaches candles and coverage")
    parser.add_argument("--expires-in-days", type=_days, help="when it stops working (default: never)")
    return parse(parser, words)


def add_stack_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the words that say which stack is meant."""
    parser.add_argument("--stack-name", help="the stack in your AWS account; without it, the local stack is meant")
    parser.add_argument("--region", help="the region of that stack, if it is not your default")
    parser.add_argument("--profile", help="the profile of your AWS credentials")


def parse(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    """Read a command line that has the words of `add_stack_arguments`."""
    asked = parser.parse_args(words)
    if asked.stack_name is None and (asked.region or asked.profile):
        parser.error("--region and --profile go with --stack-name")
    return asked


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 3650:  # noqa: PLR2004 - ten years
        raise argparse.ArgumentTypeError("takes 1 to 3650 days")
    return int(text)


def aim_at(asked: argparse.Namespace) -> str:
    """Point this process's AWS clients at the stack that is asked for, and return the stack's name.

    Raises
    ------
    SystemExit
        The local stack is not up.
    """
    if asked.stack_name is not None:
        if asked.region:
            os.environ["AWS_DEFAULT_REGION"] = os.environ["AWS_REGION"] = asked.region
        if asked.profile:
            os.environ["AWS_PROFILE"] = asked.profile
        return str(asked.stack_name)
    stack_file = Path(os.environ.get("LOCAL_DIR") or PROJECT / ".local") / "stack.json"
    try:
        endpoint = json.loads(stack_file.read_text())["aws_endpoint_url"]
    except (FileNotFoundError, ValueError, KeyError):
        sys.exit("There is no local stack. Run `make up`, or name a deployed one with --stack-name.")
    os.environ.pop("AWS_PROFILE", None)
    os.environ.update(
        AWS_ENDPOINT_URL=endpoint,
        AWS_DEFAULT_REGION="us-east-1",
        AWS_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",  # noqa: S106 - the local stack's root, which guards nothing
    )
    return LOCAL_STACK_NAME


def outputs_of(stack_name: str, *names: str) -> list[str]:
    """Return what the stack tells as its outputs of these names.

    Raises
    ------
    SystemExit
        The stack does not answer, or is none of ours.
    """
    # Imported here, as in `main`: the project's environment has them, the Python that starts this may not.
    import boto3  # noqa: PLC0415 - see above
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - see above

    try:
        stacks = boto3.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
    except (BotoCoreError, ClientError) as error:
        remedy = "Run `make up`." if stack_name == LOCAL_STACK_NAME else "Look at its name, --region and --profile."
        sys.exit(f"The stack {stack_name} does not answer: {error}. {remedy}")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}
    try:
        return [outputs[name] for name in names]
    except KeyError as missing:
        sys.exit(f"The stack {stack_name} has no output {missing}. Is it a candle collector, and deployed to the end?")


def main(words: list[str]) -> None:
    """Make the key that the command line asks for."""
    asked = arguments(words)
    stack_name = aim_at(asked)

    from candle_collector.adapters.dynamodb.keys_table import KeysTable  # noqa: PLC0415 - see `outputs_of`
    from candle_collector.api.create_key import create_key  # noqa: PLC0415 - the same
    from candle_collector.domain.api_key import Scope  # noqa: PLC0415 - the same

    now = datetime.now(timezone.utc)  # noqa: UP017 - datetime.UTC is missing in the Pythons that only start this
    expires_at = now + timedelta(days=asked.expires_in_days) if asked.expires_in_days else None
    store = KeysTable(*outputs_of(stack_name, "KeysTableName"))
    try:
        key, stored = create_key(store, name=asked.name, scope=Scope(asked.scope), now=now, expires_at=expires_at)
    except ValueError as error:
        sys.exit(f"--name: {error}")
    show_once(key, stored, stack_name)


def show_once(key: ApiKey, stored: StoredKey, stack_name: str) -> None:
    """Print a new key; it alone goes to stdout, so that KEY=$(...) takes it."""
    ends = f"until {stored.expires_at:%Y-%m-%d %H:%M} UTC" if stored.expires_at else "until it is revoked"
    print(f"{stored.scope} key {stored.key_id} ({stored.name}) for {stack_name}, good {ends}:", file=sys.stderr)
    print(key.text)
    print("Keep it now: only its hash is stored, so it cannot be shown again.", file=sys.stderr)


if __name__ == "__main__":
    continue_in_venv()
    main(sys.argv[1:])
