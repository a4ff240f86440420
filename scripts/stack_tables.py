"""Opens the tables of the local stack or a deployed one, for the programs in this folder."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from generate_admin_api_key import LOCAL_STACK_NAME, aim_at

if TYPE_CHECKING:
    from candle_collector.bootstrap import Container


def open_tables(asked: argparse.Namespace) -> Container:
    """Return the adapters on the tables of the stack that the command line means.

    Raises
    ------
    SystemExit
        The stack does not answer, or is none of ours.
    """
    stack_name = aim_at(asked)
    # Imported here: the project's environment has them, the Python that starts a program may not.
    import boto3  # noqa: PLC0415 - see above
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - see above
    from candle_collector.bootstrap import Container  # noqa: PLC0415 - see above
    from candle_collector.settings import Settings  # noqa: PLC0415 - see above

    try:
        stacks = boto3.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
    except (BotoCoreError, ClientError) as error:
        remedy = "Run `make up`." if stack_name == LOCAL_STACK_NAME else "Look at its name, --region and --profile."
        sys.exit(f"The stack {stack_name} does not answer: {error}. {remedy}")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}
    try:
        names = {"CANDLES_TABLE": outputs["CandlesTableName"], "RUNS_TABLE": outputs["RunsTableName"]}
    except KeyError as missing:
        sys.exit(f"The stack {stack_name} has no output {missing}. Is it a candle collector, and deployed to the end?")
    return Container(Settings(names))
