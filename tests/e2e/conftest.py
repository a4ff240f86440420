"""Brings up local stacks for the tests, with state, ports and logs of their own, beside whatever a person runs."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from localstack.parameters import SETTINGS
from tests.e2e.driving import StackExchange

PROJECT = Path(__file__).resolve().parents[2]
RECORDED_CANDLES = PROJECT.parent / "shared" / "klines"
# Kept from one session to the next: what was built from the same sources need not be built again.
KEPT = ("build", "build-cache", "build.toml")
# The shortest there are: long work is requeued often, and what a killed worker had comes back soon.
SHORT_TURNS = {"WORKER_TIMEOUT": "5", "QUEUE_VISIBILITY": "30"}


@dataclass(frozen=True)
class StackUnderTest:
    """A local stack that belongs to the tests, and the command that a person would use on it.

    Attributes
    ----------
    local_dir
        Where its state, logs and stack.json lie.
    environment
        What moves the project's commands to this stack.
    exchange
        What it collects from, as EXCHANGE.
    """

    local_dir: Path
    environment: dict[str, str]
    exchange: str

    def command(self, *arguments: str) -> str:
        """Run `candles` and give what it said; the test fails if it fails."""
        called = [sys.executable, "-m", "cli", *arguments]
        ended = subprocess.run(  # noqa: S603 - the project's own command
            called, env=self.environment, cwd=PROJECT, capture_output=True, text=True, check=False
        )
        if ended.returncode:
            pytest.fail(f"{' '.join(arguments)} failed:\n{ended.stdout}{ended.stderr}")
        return ended.stdout

    def up(self) -> str:
        """Bring it up, or to what the sources are now."""
        return self.command("up", "--exchange", self.exchange)

    def down(self) -> str:
        """Take it down."""
        return self.command("down")

    @property
    def reported(self) -> dict[str, Any]:
        """What its stack.json says."""
        content: dict[str, Any] = json.loads((self.local_dir / "stack.json").read_text())
        return content

    @property
    def api_url(self) -> str:
        """The API, without a stage prefix."""
        return str(self.reported["api_url"])

    @property
    def api_key(self) -> str:
        """Its admin key."""
        return str(self.reported["api_key"])

    @property
    def aws_endpoint_url(self) -> str:
        """The local AWS."""
        return str(self.reported["aws_endpoint_url"])

    @property
    def exchange_url(self) -> str:
        """The exchange, with its control routes."""
        return str(self.reported["exchange_url"])

    @property
    def aws(self) -> boto3.Session:
        """A session of the local AWS; its clients need `endpoint_url=stack.aws_endpoint_url`."""
        return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")

    def output(self, name: str) -> str:
        """Give an output of the deployed stack, such as CandlesTableName."""
        client = self.aws.client("cloudformation", endpoint_url=self.aws_endpoint_url)
        stack = client.describe_stacks(StackName=self.reported["stack_name"])["Stacks"][0]
        return next(output["OutputValue"] for output in stack["Outputs"] if output["OutputKey"] == name)


def _free_ports(number: int) -> list[str]:
    """Give ports that nothing listens on; all are held until the last is found, so that they differ."""
    held = [socket.socket() for _ in range(number)]
    for probe in held:
        probe.bind(("127.0.0.1", 0))
    ports = [str(probe.getsockname()[1]) for probe in held]
    for probe in held:
        probe.close()
    return ports


def _own_stack(name: str, exchange: str, **settings: str) -> Iterator[StackUnderTest]:
    local_dir = PROJECT / ".local" / f"test-{name}"
    local_dir.mkdir(parents=True, exist_ok=True)
    aws, api, mock = _free_ports(3)
    # A person's settings and addresses are theirs.
    own = {key: value for key, value in os.environ.items() if key not in SETTINGS and not key.startswith("AWS_")}
    own |= {"LOCAL_DIR": str(local_dir), "LOCAL_AWS_PORT": aws, "LOCAL_API_PORT": api, "LOCAL_EXCHANGE_PORT": mock}
    own |= {"ON": "local-aws", **settings}
    stack = StackUnderTest(local_dir, own, exchange)
    # What a session that was killed has left running and stored.
    stack.down()
    for left in local_dir.iterdir():
        if left.name not in KEPT:
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


@pytest.fixture(scope="session")
def stack() -> Iterator[StackUnderTest]:
    """Bring up a stack that collects from the simulated exchange, empty at the session's start."""
    yield from _own_stack("simulated", "simulated", **SHORT_TURNS)


@pytest.fixture(scope="session")
def replay_stack() -> Iterator[StackUnderTest]:
    """Bring up a stack that collects recorded candles, empty at the session's start."""
    if not RECORDED_CANDLES.is_dir():
        pytest.skip(f"the recorded candles are missing: {RECORDED_CANDLES}")
    yield from _own_stack("replay", f"replay:{RECORDED_CANDLES}", **SHORT_TURNS)


@pytest.fixture
def exchange(stack: StackUnderTest) -> Iterator[StackExchange]:
    """Give the simulated exchange with nothing counted, and set its switches back in the end."""
    exchange = StackExchange(stack)
    exchange.as_new()
    yield exchange
    exchange.as_new()
