"""A deployed stack, on AWS or on this machine: name, region, outputs, and the environment in which tools reach it."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from localstack.deployment import aws_environment
from localstack.places import PROJECT, Places
from localstack.progress import StackError

LOCAL = "local"


@dataclass(frozen=True)
class AwsStack:
    """A stack.

    Attributes
    ----------
    stage
        The stage of samconfig.toml that names it; None where none does.
    region
        The region of the stage; None for the one of the environment.
    """

    name: str
    stage: str | None
    region: str | None

    @classmethod
    def of_stage(cls, stage: str) -> AwsStack:
        """Return the stack of a stage of samconfig.toml.

        Raises
        ------
        StackError
            There is no such stage.
        """
        found = next((stack for stack in _configured() if stack.stage == stage), None)
        if found is None:
            raise StackError(f"samconfig.toml has no stage {stage}.", "STAGE=dev, prod or local.")
        return found

    @classmethod
    def named(cls, name: str) -> AwsStack:
        """Return a stack by its name, with the region that samconfig.toml gives it, if it does."""
        return next((stack for stack in _configured() if stack.name == name), cls(name, None, None))

    @property
    def is_local(self) -> bool:
        """Whether it is the one on this machine."""
        return self.stage == LOCAL

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which AWS's tools reach it."""
        if self.is_local:
            return aws_environment(Places.from_environment())
        # A region of the environment is a person's word for this call; else it is where the stage is deployed.
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or self.region
        return {**os.environ, **({"AWS_REGION": region, "AWS_DEFAULT_REGION": region} if region else {})}

    def client(self, service: Any) -> Any:
        """Return a client of a service of the account and region that the stack is in."""
        environment = self.environment
        session = boto3.Session(
            region_name=environment.get("AWS_REGION"),
            **(
                {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
                if self.is_local
                else {"profile_name": environment.get("AWS_PROFILE")}
            ),
        )
        return session.client(service, endpoint_url=environment.get("AWS_ENDPOINT_URL"))

    def outputs(self) -> dict[str, str]:
        """Return the outputs of the stack.

        Raises
        ------
        StackError
            It does not answer, or is none of ours.
        """
        try:
            stacks = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        except (BotoCoreError, ClientError) as error:
            remedy = "make up" if self.is_local else "look at its name, AWS_REGION and AWS_PROFILE."
            raise StackError(f"The stack {self.name} does not answer: {error}.", remedy) from error
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}
        if "KeysTableName" not in outputs:
            raise StackError(f"{self.name} is no candle collector, or not deployed to the end.")
        return outputs


def _configured() -> list[AwsStack]:
    stages = tomllib.loads((PROJECT / "samconfig.toml").read_text())
    return [
        AwsStack(
            stages[stage]["deploy"]["parameters"]["stack_name"], stage, stages[stage]["global"]["parameters"]["region"]
        )
        for stage in ("dev", "prod", LOCAL)
        if stage in stages
    ]
