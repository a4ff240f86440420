"""Brings up stacks for the tests, with state, ports and logs of their own, beside whatever a person runs.

A stack is the archive on one of the runtimes of tests/e2e/runtimes.py.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import pytest
from candle_collector.adapters.dynamodb.item_table import ItemTable
from candle_collector.adapters.dynamodb.keys_table import KeysTable
from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.schema import states
from candle_collector.bootstrap import Container, SqlContainer
from candle_collector.settings import Settings
from sqlalchemy import delete

from background.standalone_home import SETTINGS as STANDALONE_SETTINGS
from localstack.parameters import SETTINGS as AWS_SETTINGS
from tests.e2e.driving import StackExchange
from tests.e2e.runtimes import LOCAL_AWS, POSTGRESQL, RUNTIMES, STANDALONE, runtimes_of
from tests.integration.databases import new_database, postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]  # fixtures

PROJECT = Path(__file__).resolve().parents[2]
RECORDED_CANDLES = PROJECT.parent / "shared" / "klines"
# Kept from one session to the next: what was built from the same sources need not be built again.
KEPT = ("build", "build-cache", "build.toml")
# The shortest there are: long work is requeued often, and what a killed worker had comes back soon.
SHORT_TURNS = {"WORKER_TIMEOUT": "5", "QUEUE_VISIBILITY": "30"}


@dataclass(frozen=True)
class StackUnderTest:
    """A stack that belongs to the tests, and the command that a person would use on it.

    Attributes
    ----------
    runtime
        One of RUNTIMES.
    local_dir
        Where its state, logs and stack.json lie.
    environment
        What moves the project's commands to this stack.
    exchange
        What it collects from, as EXCHANGE.
    """

    runtime: str
    local_dir: Path
    environment: dict[str, str]
    exchange: str

    def command(self, *arguments: str, exit_code: int = 0) -> str:
        """Run `candles` and give what it said; the test fails if it ends with another code."""
        called = [sys.executable, "-m", "cli", *arguments]
        ended = subprocess.run(  # noqa: S603 - the project's own command
            called, env=self.environment, cwd=PROJECT, capture_output=True, text=True, check=False
        )
        if ended.returncode != exit_code:
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

    @property
    def where(self) -> dict[str, str]:
        """How PynamoDB reaches the local AWS."""
        credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return {"host": self.aws_endpoint_url, "region": "us-east-1", **credentials}

    @cached_property
    def container(self) -> Container:
        """The adapters on what it has stored."""
        if self.runtime != LOCAL_AWS:
            return SqlContainer(Settings({"DATABASE_URL": self.reported["database_url"]}))
        settings = Settings({"CANDLES_TABLE": self.output("CandlesTableName")})
        keys = KeysTable(self.output("KeysTableName"), self.where)
        return Container(settings, runs_items=ItemTable(self.output("RunsTableName"), where=self.where), keys=keys)

    @property
    def database(self) -> Database:
        """Its database, where it has one."""
        assert isinstance(self.container, SqlContainer)
        return self.container.database

    def forget_market(self) -> None:
        """Forget what the exchange answered of its market."""
        if self.runtime != LOCAL_AWS:
            with self.database.write() as connection:
                connection.execute(delete(states).where(states.c.name.in_(["market", "market_claim"])))
            return
        runs = self.aws.client("dynamodb", endpoint_url=self.aws_endpoint_url)
        key: Any = {"pk": {"S": "MARKET"}, "sk": {"S": "MARKET"}}
        runs.delete_item(TableName=self.output("RunsTableName"), Key=key)


def _free_ports(number: int) -> list[str]:
    """Give ports that nothing listens on; all are held until the last is found, so that they differ."""
    held = [socket.socket() for _ in range(number)]
    for probe in held:
        probe.bind(("127.0.0.1", 0))
    ports = [str(probe.getsockname()[1]) for probe in held]
    for probe in held:
        probe.close()
    return ports


def _own_stack(name: str, exchange: str, runtime: str = LOCAL_AWS, **settings: str) -> Iterator[StackUnderTest]:
    local_dir = PROJECT / ".local" / (f"test-{name}" if runtime == LOCAL_AWS else f"test-{name}-{runtime}")
    local_dir.mkdir(parents=True, exist_ok=True)
    aws, api, mock = _free_ports(3)
    # A person's settings and addresses are theirs.
    of_person = AWS_SETTINGS.keys() | STANDALONE_SETTINGS
    own = {key: value for key, value in os.environ.items() if key not in of_person and not key.startswith("AWS_")}
    own |= {"LOCAL_DIR": str(local_dir), "LOCAL_AWS_PORT": aws, "LOCAL_API_PORT": api, "LOCAL_EXCHANGE_PORT": mock}
    own |= {"ON": LOCAL_AWS if runtime == LOCAL_AWS else STANDALONE, **settings}
    stack = StackUnderTest(runtime, local_dir, own, exchange)
    # What a session that was killed has left running and stored.
    stack.down()
    for left in local_dir.iterdir():
        if left.name not in KEPT:
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    try:
        stack.up()
        yield stack
    finally:
        if runtime != LOCAL_AWS and "container" in vars(stack):
            stack.database.close()
        stack.down()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test that takes a stack the runtimes it can run on."""
    if "runtime" in metafunc.fixturenames:
        possible = runtimes_of(metafunc.definition.get_closest_marker("runtimes"), "all")
        metafunc.parametrize("runtime", possible, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the runtimes that were not asked for."""
    left_out = [item for item in items if not _is_wanted(item, config.getoption("--runtime"))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _is_wanted(item: pytest.Item, requested: str | None) -> bool:
    if Path(__file__).parent not in item.path.parents or not isinstance(item, pytest.Function):
        return True
    runtime = item.callspec.params.get("runtime") if hasattr(item, "callspec") else None
    return runtime is None or runtime in runtimes_of(item.get_closest_marker("runtimes"), requested)


@pytest.fixture(scope="session")
def runtime(request: pytest.FixtureRequest) -> str:
    """Return the runtime that a test runs on."""
    assert request.param in RUNTIMES
    return str(request.param)


def settings_on(runtime: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the settings with which a stack is brought up; on PostgreSQL each has a new database by them."""
    if runtime == LOCAL_AWS:
        return SHORT_TURNS
    # What goes on by itself would meet the tests' own runs.
    settings = {**SHORT_TURNS, "SCHEDULES_ENABLED": "false", "WORKER_CONCURRENCY": "4"}
    if runtime == POSTGRESQL:
        settings["DATABASE_URL"] = new_database(request.getfixturevalue("postgres_url"))
    return settings


@pytest.fixture(scope="session")
def stack(runtime: str, request: pytest.FixtureRequest) -> Iterator[StackUnderTest]:
    """Bring up a stack that collects from the simulated exchange, empty at first."""
    yield from _own_stack("simulated", "simulated", runtime, **settings_on(runtime, request))


@pytest.fixture(scope="session")
def replay_stack(runtime: str, request: pytest.FixtureRequest) -> Iterator[StackUnderTest]:
    """Bring up a stack that collects recorded candles, empty at first."""
    if not RECORDED_CANDLES.is_dir():
        pytest.skip(f"the recorded candles are missing: {RECORDED_CANDLES}")
    yield from _own_stack("replay", f"replay:{RECORDED_CANDLES}", runtime, **settings_on(runtime, request))


@pytest.fixture
def exchange(stack: StackUnderTest) -> Iterator[StackExchange]:
    """Give the simulated exchange with nothing counted, and set its switches back in the end."""
    exchange = StackExchange(stack)
    exchange.as_new()
    yield exchange
    exchange.as_new()
