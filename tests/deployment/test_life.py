"""A stack is tried, destroyed, and deployed again onto the tables it left: the archive is whole."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from candle_collector.api.create_key import create_key
from candle_collector.domain.api_key import Scope

from tests.e2e.conftest import PROJECT, StackUnderTest

NAME = "candle-collector-local"


def candles(stack: StackUnderTest, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command `candles`, as make does."""
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "cli", *words],
        env=stack.environment | variables,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


def get(stack: StackUnderTest, path: str, key: str | None = None) -> Any:
    answer = requests.get(stack.api_url + path, headers={"X-API-Key": key or stack.api_key}, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def archive(stack: StackUnderTest) -> dict[str, Any]:
    """Return all that is stored, as the API says it, and the candles of the smoke test's symbols."""
    candles = {
        symbol: get(stack, f"/api/v3/klines?symbol={symbol}&interval=1h&limit=1000")
        for symbol in ("BTCUSDT", "ETHUSDT")
    }
    store = get(stack, "/api/admin/system/info")["store"]
    del store["lag_hours"]
    runs = get(stack, "/api/admin/collect/runs?limit=100")["runs"]
    return {"store": store, "candles": candles, "runs": [run["run_id"] for run in runs]}


def test_smoke_collects_reads_back_and_says_what_it_cost(stack: StackUnderTest) -> None:
    ended = candles(stack, "smoke", NAME)
    assert ended.returncode == 0, ended.stdout
    assert "The exchange answers from this stack's region." in ended.stdout
    assert "Read back: 2 x 48 hours" in ended.stdout
    assert "US dollars" in ended.stdout
    smoke_keys = [key for key in stack.container.keys.all() if key.name == "candles smoke"]
    assert smoke_keys
    assert all(key.revoked_at is not None for key in smoke_keys)


def test_nothing_is_destroyed_without_the_stacks_name(stack: StackUnderTest) -> None:
    ended = candles(stack, "destroy", "local", CONFIRM="candle-collector-prod")
    assert ended.returncode == 1
    assert "Nothing was deleted" in ended.stdout
    get(stack, "/api/v3/ping")


def test_a_stack_that_was_destroyed_comes_back_onto_its_tables(stack: StackUnderTest) -> None:
    now, keys = datetime.now(UTC), stack.container.keys
    reader, _ = create_key(keys, name="kept", scope=Scope.READ, now=now, expires_at=now + timedelta(hours=1))
    before, tables = archive(stack), [stack.output(f"{name}TableName") for name in ("Candles", "Runs", "Keys")]
    ended = candles(stack, "destroy", "local", CONFIRM=NAME)
    assert ended.returncode == 0, ended.stdout
    assert all(f"kept    table {name}" in ended.stdout for name in tables)
    assert requests.get(f"{stack.api_url}/api/v3/ping", timeout=60).status_code >= 400
    assert "deploying" in stack.up()
    assert archive(stack) == before
    assert [stack.output(f"{name}TableName") for name in ("Candles", "Runs", "Keys")] == tables
    assert get(stack, "/api/v3/ping", reader.text) == {}
    # What is there is not asked for again.
    assert "0 candles stored" in candles(stack, "smoke", NAME).stdout
    assert "deploying" not in stack.up()
