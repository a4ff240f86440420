"""Which stack is meant, on AWS or on this machine: its name, region, outputs and tables."""

from __future__ import annotations

import argparse
import importlib
import os
import tomllib
from dataclasses import dataclass, replace
from typing import Any

import boto3
import botocore.session
from botocore.exceptions import BotoCoreError, ClientError
from candle_collector.adapters.dynamodb.candles_table import CandlesTable
from candle_collector.adapters.dynamodb.item_table import ItemTable
from candle_collector.adapters.dynamodb.keys_table import KeysTable
from candle_collector.bootstrap import Container
from candle_collector.settings import Settings

from background.places import PROJECT, Places
from background.progress import IS_CLONE, StackError

LOCAL = "local"


@dataclass(frozen=True)
class AwsStack:
    """A stack.

    Attributes
    ----------
    stage
        The stage of samconfig.toml that names it; None where none does.
    region
        The region that the person named, else that of the stage; None for the one of the environment.
    profile
        The profile that the person named; None for the one of the environment.
    """

    name: str
    stage: str | None
    region: str | None
    profile: str | None = None

    @classmethod
    def of_stage(cls, stage: str, *, region: str | None = None, profile: str | None = None) -> AwsStack:
        """Return the stack of a stage of samconfig.toml; its region is found as `named` finds it.

        Raises
        ------
        StackError
            There is no such stage.
        """
        name = next((stack.name for stack in _configured() if stack.stage == stage), None)
        if name is None:
            raise StackError(f"samconfig.toml has no stage {stage}.", "STAGE=dev, prod or local.")
        return cls.named(name, region=region, profile=profile)

    @classmethod
    def named(cls, name: str, *, region: str | None = None, profile: str | None = None) -> AwsStack:
        """Return a stack by its name, in the region that all commands agree on.

        It is the one that the person named (--region), else that of the environment (AWS_REGION, AWS_DEFAULT_REGION),
        else that of samconfig.toml, else that of the profile.
        """
        stack = next((stack for stack in _configured() if stack.name == name), cls(name, None, None))
        named = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or stack.region
        return replace(stack, region=named, profile=profile)

    @classmethod
    def of_arguments(cls, arguments: argparse.Namespace) -> AwsStack:
        """Return the stack that a command line means: a deployed one by name, else the local one.

        Raises
        ------
        StackError
            A region or a profile is named without a stack, or the local stack was never started.
        """
        if arguments.stack_name:
            return cls.named(arguments.stack_name, region=arguments.region, profile=arguments.profile)
        if arguments.region or arguments.profile:
            raise StackError("--region and --profile go with --stack-name.", "name the stack in your account.")
        if not Places.from_environment().stack_file.is_file():
            raise StackError(
                "There is no local AWS here.", "`make up ON=local-aws` starts it; --stack-name names a deployed one."
            )
        return cls.of_stage(LOCAL)

    @property
    def is_local(self) -> bool:
        """Whether it is the one on this machine."""
        return self.stage == LOCAL

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which AWS's tools reach it."""
        if self.is_local:
            environment: dict[str, str] = importlib.import_module("localstack.deployment").aws_environment(
                Places.from_environment()
            )
            return environment
        settings = {"AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region, "AWS_PROFILE": self.profile}
        return {**os.environ, **{name: value for name, value in settings.items() if value}}

    def connection(self) -> dict[str, str]:
        """Return how PynamoDB reaches the tables: region, endpoint, and credentials that are not the default."""
        environment = self.environment
        options = {"region": environment.get("AWS_REGION"), "host": environment.get("AWS_ENDPOINT_URL")}
        credentials = self._session().get_credentials() if self.is_local or self.profile else None
        if credentials is not None:
            frozen = credentials.get_frozen_credentials()
            options |= {"aws_access_key_id": frozen.access_key, "aws_secret_access_key": frozen.secret_key}
            options |= {"aws_session_token": frozen.token}
        return {name: value for name, value in options.items() if value}

    def tables(self) -> Container:
        """Return the adapters on the stack's tables.

        Raises
        ------
        StackError
            The stack does not answer, or is not a candle collector.
        """
        outputs = self.outputs()
        runs = ItemTable(outputs["RunsTableName"], where=self.connection())
        candles = CandlesTable(outputs["CandlesTableName"], client=runs.client)
        return Container(Settings({}), runs_items=runs, candles=candles)

    def source(self) -> Container:
        """Return the same, to be read: reading makes no table.

        Raises
        ------
        StackError
            As `tables`.
        """
        return self.tables()

    def keys(self) -> KeysTable:
        """Return the stack's keys.

        Raises
        ------
        StackError
            As `tables`.
        """
        return KeysTable(self.outputs()["KeysTableName"], self.connection())

    def client(self, service: Any) -> Any:
        """Return a client of a service of the account and region that the stack is in."""
        return self._session().client(service, endpoint_url=self.environment.get("AWS_ENDPOINT_URL"))

    def _session(self) -> boto3.Session:
        region = self.environment.get("AWS_REGION")
        if not self.is_local:
            return boto3.Session(region_name=region, profile_name=self.profile or os.environ.get("AWS_PROFILE"))
        # no variable of the environment names the profile here: nobody's real credentials are sent to the local stack
        nobody = botocore.session.Session(session_vars={"profile": (None, [], None, None)})
        return boto3.Session("test", "test", region_name=region, botocore_session=nobody)

    def outputs(self) -> dict[str, str]:
        """Return the outputs of the stack.

        Raises
        ------
        StackError
            It does not answer, or is not a candle collector.
        """
        try:
            stacks = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        except (BotoCoreError, ClientError) as error:
            remedy = (
                "`make up ON=local-aws` starts it."
                if self.is_local
                else "look at its name, its region (--region, AWS_REGION) and the profile (--profile, AWS_PROFILE)."
            )
            raise StackError(f"The stack {self.name} does not answer: {error}.", remedy) from error
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}
        if "KeysTableName" not in outputs:
            raise StackError(
                f"{self.name} has no output KeysTableName: it is not a candle collector, or not deployed to the end."
            )
        return outputs


def _configured() -> list[AwsStack]:
    if not IS_CLONE:
        return []
    stages = tomllib.loads((PROJECT / "samconfig.toml").read_text())
    return [
        AwsStack(
            stages[stage]["deploy"]["parameters"]["stack_name"], stage, stages[stage]["global"]["parameters"]["region"]
        )
        for stage in ("dev", "prod", LOCAL)
        if stage in stages
    ]
