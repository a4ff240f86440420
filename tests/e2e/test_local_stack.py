"""The local stack keeps what it stored over stops and kills, and changes only what has changed."""

import json
import os
import signal
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.e2e.conftest import StackUnderTest
from tests.e2e.runtimes import aws_alone

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient

WITHIN_S = 120

pytestmark = aws_alone  # tests/standalone/test_homes.py has the other home


def marker(day: str) -> dict[str, Any]:
    return {"series": {"S": "TEST#1h"}, "block": {"S": day}}


def dynamodb(stack: StackUnderTest) -> "DynamoDBClient":
    return stack.aws.client("dynamodb", endpoint_url=stack.aws_endpoint_url)


@pytest.fixture
def candles_table(stack: StackUnderTest) -> str:
    return stack.output("CandlesTableName")


def ping(stack: StackUnderTest) -> requests.Response:
    return requests.get(f"{stack.api_url}/api/v3/ping", headers={"X-API-Key": stack.api_key}, timeout=60)


def is_stored(stack: StackUnderTest, table: str, day: str) -> bool:
    return "Item" in dynamodb(stack).get_item(TableName=table, Key=marker(day))


def until(true: "Callable[[], bool]", otherwise: str) -> None:
    """Wait for what comes by itself; `otherwise` says what did not come within two minutes."""
    deadline = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.1)


def test_the_api_is_served_without_a_stage_prefix(stack: StackUnderTest) -> None:
    assert ping(stack).status_code == 200


def test_what_scripts_need_to_know_is_for_its_owner_alone(stack: StackUnderTest) -> None:
    assert stat.S_IMODE((stack.local_dir / "stack.json").stat().st_mode) == 0o600
    assert {"api_url", "api_key", "aws_endpoint_url", "exchange_url"} <= stack.reported.keys()
    info = requests.get(f"{stack.api_url}/api/admin/system/info", headers={"X-API-Key": stack.api_key}, timeout=60)
    health = info.json()["health"]
    status = stack.command("status", exit_code=int(health["state"] == "needs_you"))
    assert status.startswith(health["sentence"])
    assert all(name in status for name in ("API", "MiniStack", "exchange", "state", "logs", "archive", "collects"))


def test_up_again_leaves_what_is_current_as_it_is(stack: StackUnderTest) -> None:
    before = stack.reported
    said = stack.up()
    assert stack.reported == before
    assert len(said.splitlines()) == 1


def test_what_functions_log_is_in_a_file_each_as_json(stack: StackUnderTest) -> None:
    headers = {"X-API-Key": stack.api_key}
    requested = {"mode": "backward", "symbols": ["BTCUSDT"], "start_date": "2025-01-01", "end_date": "2025-01-01"}
    started = requests.post(f"{stack.api_url}/api/admin/collect/trigger", json=requested, headers=headers, timeout=60)
    status_url = started.json()["status_url"]
    assert status_url.startswith(f"{stack.api_url}/api/admin/collect/status?run_id=")
    logs = [
        stack.local_dir / "logs" / f"{stack.reported['stack_name']}-{function}.log"
        for function in ("trigger", "worker")
    ]
    until(lambda: all(log.is_file() and log.read_text() for log in logs), "a function has logged nothing")
    until(lambda: not requests.get(status_url, headers=headers, timeout=60).json()["is_running"], "the run goes on")
    for log in logs:
        assert all(isinstance(json.loads(line), dict) for line in log.read_text().splitlines())


def test_a_clean_stop_loses_nothing(stack: StackUnderTest, candles_table: str) -> None:
    dynamodb(stack).put_item(TableName=candles_table, Item=marker("2020-01-01"))
    key = stack.api_key
    stack.down()
    assert not (stack.local_dir / "stack.json").exists()
    assert "deploying" not in stack.up()
    assert is_stored(stack, candles_table, "2020-01-01")
    assert stack.api_key == key
    assert ping(stack).status_code == 200


def test_a_kill_loses_nothing_that_the_last_snapshot_holds(stack: StackUnderTest, candles_table: str) -> None:
    dynamodb(stack).put_item(TableName=candles_table, Item=marker("2020-01-02"))
    snapshot = Path(stack.reported["state_dir"]) / "aws" / "dynamodb.json"
    until(lambda: "2020-01-02" in snapshot.read_text(), "the timer has saved nothing")
    os.kill(stack.reported["pids"]["ministack"], signal.SIGKILL)
    assert "deploying" not in stack.up()
    assert is_stored(stack, candles_table, "2020-01-02")
    assert ping(stack).status_code == 200


def test_a_half_stopped_stack_is_completed(stack: StackUnderTest) -> None:
    pids = stack.reported["pids"]
    os.kill(pids["exchange"], signal.SIGTERM)
    assert "starting the exchange" in stack.up()
    assert stack.reported["pids"]["ministack"] == pids["ministack"]
    assert requests.get(f"{stack.exchange_url}/api/v3/ping", timeout=60).status_code == 200
