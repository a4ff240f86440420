"""Each function is allowed what it calls, and calls what it is allowed, by the template's rights.

Every other test here that calls a function runs under these rights too (`rights.running`), as the end-to-end tests do
on the local AWS.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from candle_collector import bootstrap
from candle_collector.api.create_key import create_key
from candle_collector.domain.api_key import Scope

from tests.exchange import RunningExchange
from tests.hourly import first_hour_of, hourly
from tests.integration import rights
from tests.integration.conftest import client
from tests.integration.functions import call, handler, klines, scheduled, status, tend, trigger, work, work_all
from tests.integration.test_functions import WEEK, ClockAhead, container, exchange, process, stack
from tests.stored_blocks import StoredBlocks
from tests.unit.test_authorize_handler import request

__all__ = ["container", "exchange", "process", "stack"]

# What AWS itself does with a function's role.
BY_LAMBDA = {
    "trigger": {("sqs:SendMessage", "FailedStartsQueue")},  # starts that failed three times
    "worker": {
        (f"sqs:{action}", "CollectQueue") for action in ("DeleteMessage", "GetQueueAttributes", "ReceiveMessage")
    },
}
FUNCTIONS = ("authorizer", "trigger", "worker", "status", "candles", "reconciler")


def test_a_week_of_an_archive_uses_every_right_and_no_other(
    stack: str, exchange: RunningExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert exchange.url
    monkeypatch.setattr(rights, "used", {})
    _ask_for_a_key()
    _collect_and_verify(stack)
    _cancel_and_retry(stack)
    _lose_a_message_and_miss_a_deadline(stack, monkeypatch)
    _read_everything()
    for function in FUNCTIONS:
        used = {(needed.action, needed.resource) for needed in rights.used[function]}
        watched = {right for right in rights.role(function).granted if right[0].startswith(("logs:", "xray:"))}
        assert used | watched | BY_LAMBDA.get(function, set()) == rights.role(function).granted, function


def test_a_call_without_its_right_is_refused() -> None:
    table: Any = client("dynamodb")
    for function, key in (("candles", "LEASE"), ("authorizer", "SERIES")):
        with rights.running(function), pytest.raises(rights.NotAllowedError):
            table.get_item(TableName="runs", Key={"pk": {"S": key}, "sk": {"S": "a"}})
    with rights.running("worker"), pytest.raises(rights.NotAllowedError):
        client("events").put_events(Entries=[{"Source": "aws.health", "DetailType": "a", "Detail": "{}"}])
    with rights.running("worker"), pytest.raises(rights.NotAllowedError):
        client("sqs").purge_queue(QueueUrl="https://sqs.eu-central-1.amazonaws.com/123456789012/collect")


def _ask_for_a_key() -> None:
    now = datetime.now(UTC)
    key, _ = create_key(bootstrap.container().keys, name="a", scope=Scope.READ, now=now)
    event = request(route="/api/v3/klines", method="GET", headers={"X-API-Key": [key.text]})
    assert handler("authorizer")(event, None)["policyDocument"]["Statement"][0]["Effect"] == "Allow"


def _collect_and_verify(queue_url: str) -> None:
    trigger({"mode": "backward", "symbols": ["BTCUSDT"], **WEEK})
    (message,) = client("sqs").receive_message(QueueUrl=queue_url)["Messages"]
    assert work(message["Body"], remaining_ms=1000) == {"batchItemFailures": []}
    work_all(queue_url)
    table = StoredBlocks(client("dynamodb"), "candles")
    right = table.candle(hourly("BTCUSDT"), first_hour_of("2025-03-05") + 7)
    table.replace(hourly("BTCUSDT"), right._replace(close=right.low))
    assert trigger({"mode": "verify", "symbols": ["BTCUSDT"], "repair": True}).status == 202
    work_all(queue_url)
    assert status().body["last_results"]["details"][0]["repaired"] == 1
    assert scheduled("forward", "2025-03-10T00:05:00Z")["run_id"]
    work_all(queue_url)


def _cancel_and_retry(queue_url: str) -> None:
    run_id = trigger({"mode": "backward", "symbols": ["ETHUSDT"], **WEEK}).body["run_id"]
    path, resource = f"/api/admin/collect/runs/{run_id}", "/api/admin/collect/runs/{run_id}"
    assert call("trigger", "POST", f"{path}/cancel", resource=f"{resource}/cancel").status == 200
    _lose_messages(queue_url)
    again = call("trigger", "POST", "/api/admin/collect/runs/newest/retry", resource=f"{resource}/retry")
    assert (again.status, again.body["note"]) == (202, f"a retry of {run_id}")
    work_all(queue_url)


def _lose_messages(queue_url: str) -> None:
    for message in client("sqs").receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages", []):
        client("sqs").delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


def _lose_a_message_and_miss_a_deadline(queue_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trigger({"mode": "backward", "symbols": ["ETHUSDT"], "start_date": "2025-02-03", "end_date": "2025-02-04"})
    _lose_messages(queue_url)
    system = bootstrap.container()
    for ahead, expected in (
        (timedelta(seconds=2 * system.settings.queue_visibility + 60), "resent"),
        (timedelta(hours=6), "closed"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(system, "clock", ClockAhead(ahead))
            assert tend()[expected] == 1


def _read_everything() -> None:
    for function, path, query in (
        ("status", "/api/admin/collect/runs", None),
        ("status", "/api/admin/universe", None),
        ("status", "/api/admin/coverage", None),
        ("status", "/api/admin/system/info", None),
        ("candles", "/api/v3/exchangeInfo", None),
    ):
        assert call(function, "GET", path, query=query).status == 200, path
    covered = call("status", "GET", "/api/admin/coverage/BTCUSDT", resource="/api/admin/coverage/{symbol}")
    assert covered.status == 200
    assert klines(symbol="BTCUSDT", interval="1h").status == 200
    assert klines(symbol="NOSUCHUSDT", interval="1h").status == 400
