"""The functions, called as AWS calls them: what they take, what they refuse, and what they answer."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from candle_collector import bootstrap
from candle_collector.domain.series import Series
from candle_collector.domain.series_message import SeriesMessage, read_message
from candle_collector.errors import CollectorError, RefusedError
from candle_collector.observability import logger

from tests.emf import emitted, sums
from tests.exchange import RunningExchange, running_exchange
from tests.hourly import first_hour_of, hourly
from tests.integration.conftest import client
from tests.integration.functions import call, klines, scheduled, status, tend, trigger, work, work_all
from tests.logs import written
from tests.stored_blocks import StoredBlocks

WEEK = {"start_date": "2025-03-03", "end_date": "2025-03-09"}
HOURS = 7 * 24
NO_RUN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


class ClockAhead:
    """A clock that is ahead of the machine's by so much."""

    def __init__(self, ahead: timedelta) -> None:
        self._ahead = ahead

    def now(self) -> datetime:
        """Return the time there."""
        return datetime.now(UTC) + self._ahead


@pytest.fixture(scope="module")
def process() -> Iterator[RunningExchange]:
    with running_exchange("--simulated") as running:
        yield running


@pytest.fixture
def exchange(process: RunningExchange) -> RunningExchange:
    process.settings(faults=[], omitted={}, statuses={})
    process.reset()
    return process


@pytest.fixture(scope="module")
def container(aws: None, process: RunningExchange) -> Iterator[None]:
    """Set the environment that the template gives; the adapters live as long as a function's process would."""
    assert aws is None
    environment = {
        "STAGE": "local",
        "CANDLES_TABLE": "candles",
        "RUNS_TABLE": "runs",
        "KEYS_TABLE": "keys",
        "COLLECT_QUEUE_URL": str(client("sqs").create_queue(QueueName="collect")["QueueUrl"]),
        "EXCHANGE_BASE_URL": process.url,
        "EXCHANGE_WEIGHT_SHARE": "80",
        "WORKER_CONCURRENCY": "5",
        "TOP_N_CRYPTOS": "5",
        "EXCLUDED_BASE_ASSETS": "USDC,FDUSD,TUSD,USDP,DAI,EUR,BUSD,USDE,USD1,XUSD,BFUSD,EURI,AEUR,RLUSD",
        "KEEP_STORED_SYMBOLS": "true",
        "COLLECTION_START_DATE": (datetime.now(UTC) - timedelta(days=5)).date().isoformat(),
        "COLLECTION_SCHEDULE": "cron(5 0/6 * * ? *)",
        "GAP_FILL_SCHEDULE": "cron(35 3 ? * SUN *)",
        "SCHEDULES_ENABLED": "false",
        "BATCH_SIZE": "1000",
        "MAX_RETRIES": "0",
        "WORKER_TIMEOUT": "60",
        "QUEUE_VISIBILITY": "360",
        "RUN_DEADLINE_HOURS": "5",
        "API_KEY_REQUIRED": "true",
        "POWERTOOLS_METRICS_NAMESPACE": "CandleCollector",
        "POWERTOOLS_SERVICE_NAME": "candles-local",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        bootstrap.container.cache_clear()
        yield
        bootstrap.container.cache_clear()


@pytest.fixture
def stack(container: None, tables: None, exchange: RunningExchange, queue_url: str) -> str:
    """Return the queue's URL, with everything behind the functions empty."""
    assert container is tables is None
    assert exchange.url
    client("sqs").purge_queue(QueueUrl=queue_url)
    return queue_url


def assert_nothing_started(queue_url: str) -> None:
    assert client("dynamodb").query(**_runs("RUNS"))["Count"] == 0
    assert client("dynamodb").query(**_runs("OPEN"))["Count"] == 0
    assert client("dynamodb").query(**_runs("LEASE"))["Count"] == 0
    attributes = client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == "0"


def _runs(partition: str) -> dict[str, Any]:
    return {
        "TableName": "runs",
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": partition}},
    }


def test_a_run_from_the_trigger_to_the_stored_candles(stack: str, exchange: RunningExchange) -> None:
    started = trigger({"mode": "backward", **WEEK})
    assert started.status == 202
    reported = started.body
    assert reported["success"] is True
    assert reported["message"] == "Collection task started: backward"
    assert (reported["mode"], reported["start_date"], reported["end_date"]) == ("backward", "2025-03-03", "2025-03-09")
    assert reported["total_cryptos"] == 5
    assert reported["status_endpoint"] == "/api/admin/collect/status"
    assert reported["status_url"] == (
        f"https://abc123.execute-api.eu-central-1.amazonaws.com/live/api/admin/collect/status?run_id={reported['run_id']}"
    )
    running = status().body
    assert (running["is_running"], running["status"], running["current_operation"]) == (True, "running", "backward")
    assert (running["run_id"], running["progress"]["done"]) == (reported["run_id"], 0)
    assert running["last_results"]["total_cryptos"] == 5
    assert work_all(stack) == 5
    idle = status().body
    assert (idle["is_running"], idle["status"]) == (False, "idle")
    assert idle["current_operation"] is idle["elapsed_seconds"] is None
    results = idle["last_results"]
    assert (results["complete"], results["total_records"]) == (5, 5 * HOURS)
    assert {detail["requests"] for detail in results["details"]} == {1}
    for symbol in ("BTCUSDT", "ETHUSDT"):
        start_ms = int(datetime(2025, 3, 3, tzinfo=UTC).timestamp() * 1000)
        recorded = exchange.klines(symbol, startTime=start_ms, limit=HOURS)
        stored = klines(symbol=symbol, interval="1h", startTime=str(start_ms), limit="1000")
        assert stored.status == 200
        assert stored.body == recorded
        query = {"symbol": symbol, "interval": "1h", "startTime": str(start_ms), "limit": "1000"}
        assert call("candles", "GET", "/api/v3/uiKlines", query=query).body == recorded


def test_the_same_run_again_is_skipped_and_asks_for_no_candle(stack: str, exchange: RunningExchange) -> None:
    trigger({"mode": "backward", **WEEK})
    work_all(stack)
    exchange.reset()
    trigger({"mode": "backward", **WEEK})
    work_all(stack)
    assert status().body["last_results"]["skipped"] == 5
    assert exchange.stats()["klines_by_symbol"] == {}


FUTURE = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()


@pytest.mark.parametrize(
    ("body", "status_", "field"),
    [
        (None, 400, "body"),
        ("", 400, "body"),
        ("no json", 400, "body"),
        ("[]", 400, "body"),
        ("5", 400, "body"),
        ("null", 400, "body"),
        ('{"mode": "backward",}', 400, "body"),
        ('{"mode": NaN}', 400, "mode"),
        ("[" * 60_000, 400, "body"),
        ('{"mode": "backward", "symbols": ["' + "A" * 70_000 + '"]}', 413, "body"),
        ({}, 400, "mode"),
        ({"mode": "sideways"}, 400, "mode"),
        ({"mode": None}, 400, "mode"),
        ({"mode": 5}, 400, "mode"),
        ({"mode": "backward", "colour": "red"}, 400, "colour"),
        ({"mode": "backward", "start_date": "2025-13-01"}, 400, "start_date"),
        ({"mode": "backward", "start_date": "20250101"}, 400, "start_date"),
        ({"mode": "backward", "start_date": "2024-W01-1"}, 400, "start_date"),
        ({"mode": "backward", "start_date": 20250101}, 400, "start_date"),
        ({"mode": "backward", "end_date": "yesterday"}, 400, "end_date"),
        ({"mode": "backward", "start_date": "2025-03-02", "end_date": "2025-03-01"}, 400, "end_date"),
        ({"mode": "backward", "start_date": "2016-12-31"}, 400, "start_date"),
        ({"mode": "backward", "start_date": "0001-01-01"}, 400, "start_date"),
        ({"mode": "backward", "end_date": "2016-12-31"}, 400, "end_date"),
        ({"mode": "backward", "start_date": FUTURE}, 400, "start_date"),
        ({"mode": "backward", "start_date": "9999-12-31"}, 400, "start_date"),
        ({"mode": "backward", "symbols": []}, 400, "symbols"),
        ({"mode": "backward", "symbols": [f"S{number}USDT" for number in range(1000)]}, 400, "symbols"),
        ({"mode": "backward", "symbols": ["btc usdt"]}, 400, "symbols"),
        ({"mode": "backward", "symbols": ["BTCUSDT", "NOPEUSDT"]}, 400, "symbols"),
        ({"mode": "backward", "symbols": ["BTC!USDT"]}, 400, "symbols"),
        ({"mode": "backward", "symbols": "BTCUSDT"}, 400, "symbols"),
        ({"mode": "backward", "symbols": [5]}, 400, "symbols"),
        ({"mode": "backward", "symbols": [None]}, 400, "symbols"),
        ({"mode": "backward", "symbols": ["BTCUSDT"], "top_n": 5}, 400, "top_n"),
        ({"mode": "backward", "top_n": 0}, 400, "top_n"),
        ({"mode": "backward", "top_n": 501}, 400, "top_n"),
        ({"mode": "backward", "top_n": True}, 400, "top_n"),
        ({"mode": "backward", "recheck": "yes"}, 400, "recheck"),
        ({"mode": "backward", "dry_run": 1}, 400, "dry_run"),
        ({"mode": "backward", "recheck": None}, 400, "recheck"),
    ],
    ids=lambda part: f"{part!r:.50}",
)
def test_bad_input_is_refused_by_the_name_of_its_field_and_starts_nothing(
    stack: str, body: Any, status_: int, field: str
) -> None:
    refused = trigger(body)
    assert refused.status == status_
    assert refused.error["field"] == field
    assert refused.error["message"].startswith(f"{field}: ")
    assert len(refused.error["message"]) < 500
    assert_nothing_started(stack)


def test_an_end_in_the_future_is_cut_and_reported(stack: str) -> None:
    started = trigger(
        {"mode": "backward", "start_date": "2025-03-03", "end_date": "9999-12-31", "symbols": ["BTCUSDT"]}
    )
    assert started.status == 202
    assert "cut" in started.body["note"]
    assert client("sqs").receive_message(QueueUrl=stack)["Messages"]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500},
        {"kind": "ban", "seconds": 2},
        {"kind": "html"},
        {"kind": "status", "status": 451},
    ],
    ids=lambda fault: f"{fault['kind']} {fault.get('status', '')}",
)
def test_an_exchange_that_is_down_starts_nothing_and_leaves_the_lease_free(
    stack: str, exchange: RunningExchange, fault: dict[str, Any]
) -> None:
    exchange.settings(faults=[fault])
    refused = trigger({"mode": "backward"})
    assert (refused.status, refused.error["code"]) == (503, "EXCHANGE_UNAVAILABLE")
    assert_nothing_started(stack)


def test_a_second_trigger_is_refused_with_the_id_of_the_active_run(stack: str) -> None:
    first = trigger({"mode": "backward", **WEEK}).body["run_id"]
    refused = trigger({"mode": "forward"})
    assert (refused.status, refused.error["code"]) == (409, "COLLECTION_IN_PROGRESS")
    assert refused.error["run_id"] == first
    assert work_all(stack) == 5


def test_a_dry_run_answers_the_plan_and_starts_nothing(stack: str, exchange: RunningExchange) -> None:
    plan = trigger({"mode": "backward", "dry_run": True, "symbols": ["BTCUSDT", "ETHUSDT"], **WEEK})
    assert plan.status == 200
    assert (plan.body["missing_candles"], plan.body["requests"], plan.body["total_cryptos"]) == (2 * HOURS, 2, 2)
    assert plan.body["symbols"][0] == {
        "symbol": "BTCUSDT",
        "interval": "1h",
        "missing_candles": HOURS,
        "windows": [{"start": "2025-03-03T00:00:00Z", "end": "2025-03-10T00:00:00Z", "candles": HOURS}],
        "requests": 1,
    }
    assert plan.body["estimated_dollars"] > 0
    assert_nothing_started(stack)
    assert exchange.stats()["klines_by_symbol"] == {}


def test_an_occurrence_of_a_schedule_starts_one_run_however_often_it_is_delivered(
    stack: str, caplog: pytest.LogCaptureFixture
) -> None:
    time = "2026-01-05T00:05:00Z"
    first = scheduled("forward", time)
    assert first["started"] is True
    assert scheduled("forward", time) in ({"started": False}, {"skipped": True, "active_run_id": first["run_id"]})
    skipped = scheduled("forward", "2026-01-05T06:05:00Z")
    assert skipped == {"skipped": True, "active_run_id": first["run_id"]}
    said = [vars(record) for record in caplog.records if "occurrence skipped: a run is active" in record.message]
    assert first["run_id"] in said[-1].values()
    work_all(stack)
    assert scheduled("forward", time) == {"started": False}
    assert status().body["last_results"]["mode"] == "forward"
    assert scheduled("gap_fill", time)["started"] is True
    work_all(stack)
    assert status().body["last_results"]["mode"] == "gap_fill"


def test_a_verification_replaces_what_differs_in_one_transaction_and_keeps_both_values(stack: str) -> None:
    trigger({"mode": "backward", "symbols": ["BTCUSDT"], **WEEK})
    work_all(stack)
    hour = first_hour_of("2025-03-05") + 7
    table = StoredBlocks(client("dynamodb"), "candles")
    right = table.candle(hourly("BTCUSDT"), hour)
    wrong = right._replace(close="1")
    table.replace(hourly("BTCUSDT"), wrong)
    plan = trigger({"mode": "verify", "dry_run": True}).body
    assert (plan["mode"], plan["requests"], plan["missing_candles"]) == ("verify", 1, 0)
    details = []
    for repair in (False, True):
        started = trigger({"mode": "verify", "symbols": ["BTCUSDT"], "repair": repair})
        assert started.status == 202
        work_all(stack)
        details += status().body["last_results"]["details"]
    assert [(item["status"], item["compared"], item["different"], item["repaired"]) for item in details] == [
        ("partial", HOURS, 1, 0),
        ("complete", HOURS, 1, 1),
    ]
    difference = {"open_time": "2025-03-05T07:00:00Z", "stored": wrong.line(), "offered": right.line()}
    assert [item["differences"] for item in details] == [[difference], [difference]]
    ((revision, run_id, _),) = bootstrap.container().candles.revised(hourly("BTCUSDT"))
    assert (revision.stored, revision.offered, run_id) == (wrong, right, started.body["run_id"])
    assert table.candle(hourly("BTCUSDT"), hour) == right
    assert len(klines(symbol="BTCUSDT", interval="1h", limit="1000").body) == HOURS


def test_a_poisoned_message_fails_alone(stack: str) -> None:
    trigger({"mode": "backward", "symbols": ["BTCUSDT"], **WEEK})
    (message,) = client("sqs").receive_message(QueueUrl=stack)["Messages"]
    answer = work("no json", message["Body"], "{}", '{"v": 1}')
    assert answer == {"batchItemFailures": [{"itemIdentifier": f"message-{number}"} for number in (0, 2, 3)]}
    assert status().body["last_results"]["complete"] == 1


def test_a_batch_of_which_all_fails_is_answered_and_not_raised(stack: str) -> None:
    assert stack
    assert work("no json") == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}


def test_a_message_of_a_run_that_nobody_knows_is_taken_and_dropped(stack: str) -> None:
    assert stack
    assert work(SeriesMessage(NO_RUN, hourly("BTCUSDT"), 1).body()) == {"batchItemFailures": []}


def test_a_worker_without_time_requeues_its_symbol(stack: str) -> None:
    trigger({"mode": "backward", "symbols": ["BTCUSDT"], **WEEK})
    (message,) = client("sqs").receive_message(QueueUrl=stack)["Messages"]
    assert work(message["Body"], remaining_ms=1000) == {"batchItemFailures": []}
    assert status().body["progress"]["done"] == 0
    assert work_all(stack) == 1
    assert status().body["last_results"]["complete"] == 1


def test_the_reconciler_says_what_it_did(stack: str) -> None:
    assert tend() == {"resent": 0, "closed": 0}
    trigger({"mode": "backward", "symbols": ["BTCUSDT"], **WEEK})
    assert tend() == {"resent": 0, "closed": 0}
    assert work_all(stack) == 1


def test_a_lost_message_is_sent_again(stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trigger({"mode": "backward", "symbols": ["BTCUSDT"], **WEEK})
    (message,) = client("sqs").receive_message(QueueUrl=stack)["Messages"]
    client("sqs").delete_message(QueueUrl=stack, ReceiptHandle=message["ReceiptHandle"])
    container = bootstrap.container()
    silent = timedelta(seconds=2 * container.settings.queue_visibility + 60)
    monkeypatch.setattr(container, "clock", ClockAhead(silent))
    assert tend()["resent"] == 1
    monkeypatch.undo()
    assert work_all(stack) == 1
    assert status().body["last_results"]["complete"] == 1


def test_the_reconciler_emits_how_the_archive_stands_also_where_its_round_fails(
    stack: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger({"mode": "backward", "symbols": ["BTCUSDT"], **WEEK})
    work_all(stack)
    capsys.readouterr()
    tend()
    found = sums(emitted(capsys.readouterr().out))
    assert found.keys() == {"LagHours", "OpenRunOverdue", "BlockedSeconds"}
    assert 0 < found["LagHours"] < 0.1  # a week of the past is all that is stored; the schedules have time since

    def fail(*_: object) -> None:
        raise CollectorError("no right to read it")

    runs = bootstrap.container().runs
    trigger({"mode": "backward", "symbols": ["ETHUSDT"], **WEEK})
    capsys.readouterr()
    monkeypatch.setattr(runs, "symbols", fail)
    with pytest.raises(CollectorError, match="no right"):
        tend()
    assert sums(emitted(capsys.readouterr().out)).keys() == found.keys()


@pytest.mark.parametrize("times", [1, 2])
def test_a_whole_run_emits_what_its_record_says_however_often_its_messages_come(
    stack: str, times: int, capsys: pytest.CaptureFixture[str]
) -> None:
    started = trigger({"mode": "backward", **WEEK})
    capsys.readouterr()
    while messages := client("sqs").receive_message(QueueUrl=stack, MaxNumberOfMessages=1).get("Messages"):
        for _ in range(times):
            assert work(messages[0]["Body"]) == {"batchItemFailures": []}
    tend()
    results = status(run_id=started.body["run_id"]).body["last_results"]
    assert sums(emitted(capsys.readouterr().out), started.body["run_id"]) == {
        "CandlesStored": results["total_records"],
        "Requests": sum(detail["requests"] for detail in results["details"]),
        "SymbolsPartial": 0,
        "SymbolsFailed": 0,
        "RunDegraded": 0,
        "MissingCandles": 0,
    }
    assert results["total_records"] == 5 * HOURS


@pytest.mark.parametrize("status_code", [451, 500])
def test_a_scheduled_start_that_the_exchange_refuses_is_raised_for_lambda_and_says_why_in_the_log(
    stack: str, exchange: RunningExchange, status_code: int
) -> None:
    exchange.settings(faults=[{"kind": "status", "status": status_code}])
    with written() as log, pytest.raises(RefusedError):
        scheduled("forward", f"2026-01-06T00:0{status_code % 7}:00Z")
    (line,) = [json.loads(line) for line in log.getvalue().splitlines() if "a scheduled start failed" in line]
    assert (line["level"], line["mode"]) == ("ERROR", "forward")
    assert str(status_code) in line["reason"]
    assert_nothing_started(stack)


def lines_of(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_message_that_cannot_be_read_says_why_and_which(stack: str) -> None:
    assert stack
    bodies = ("no json", "{}", '{"v": 1}', "[" * 100_000)
    with written() as log:
        work(*bodies)
    failed = [line for line in lines_of(log) if line["level"] == "ERROR"]
    assert [line["message_id"] for line in failed] == [f"message-{number}" for number in range(len(bodies))]
    assert all("cannot be read" in line["message"] and line["reason"] for line in failed)
    assert "no json" not in log.getvalue()


def test_every_line_of_a_message_names_it_and_none_names_the_one_before(
    stack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = trigger({"mode": "backward", "symbols": ["BTCUSDT", "ETHUSDT"], **WEEK}).body["run_id"]
    messages = [client("sqs").receive_message(QueueUrl=stack)["Messages"][0]["Body"] for _ in range(2)]
    container = bootstrap.container()
    get = container.series.get

    def fail(series: Series) -> Any:
        if series.symbol == "ETHUSDT":
            raise CollectorError("the table refuses it")
        return get(series)

    monkeypatch.setattr(container.series, "get", fail)
    with written() as log:
        work(messages[0], "no json", messages[1])
        logger().info("between")
    by_message = {"message-0": [], "message-1": [], "message-2": [], None: []}  # type: dict[str | None, list[dict[str, Any]]]
    for line in lines_of(log):
        by_message[line.get("message_id")].append(line)
    symbols = [read_message(body).series.symbol for body in messages]
    for number, symbol in ((0, symbols[0]), (2, symbols[1])):
        lines = by_message[f"message-{number}"]
        assert lines
        assert {(line["run_id"], line["symbol"], line["interval"]) for line in lines} == {(run_id, symbol, "1h")}
    assert by_message["message-1"]
    left_over = {"run_id", "symbol", "interval", "turn"}
    assert not any(left_over & line.keys() for line in by_message["message-1"])
    (between,) = [line for line in by_message[None] if line["message"] == "between"]
    assert not (left_over | {"message_id"}) & between.keys()
    (failed,) = [line for line in lines_of(log) if line["message"] == "the turn failed; its message comes back"]
    assert (failed["symbol"], failed["reason"]) == ("ETHUSDT", "the table refuses it")
    monkeypatch.undo()


def health_said() -> dict[str, str | None]:
    said: dict[str, str | None] = call("status", "GET", "/api/admin/system/info").body["health"]
    return said


def test_a_turn_that_fails_again_is_what_the_system_says_first(stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert trigger({"mode": "backward", "symbols": ["BTCUSDT"], **WEEK}).status == 202
    body = client("sqs").receive_message(QueueUrl=stack)["Messages"][0]["Body"]

    def fail(_: str) -> Any:
        raise CollectorError("the table refuses it. Make it again.")

    monkeypatch.setattr(bootstrap.container().series, "get", fail)
    work(body)
    assert health_said()["state"] == "running", "the first time may pass by itself"
    later = datetime.now(UTC) + timedelta(seconds=360)  # its claim is over
    monkeypatch.setattr(bootstrap.container().clock, "now", lambda: later)
    work(body, receives=2)
    health = health_said()
    assert health["state"] == "needs_you"
    assert str(health["sentence"]).startswith("Needs you: BTCUSDT of the backward run")
    assert str(health["sentence"]).endswith(": the table refuses it.")
    assert str(health["remedy"]).startswith("Make it again. ")
    monkeypatch.undo()


def test_a_run_is_cancelled_and_retried(stack: str) -> None:
    run_id = trigger({"mode": "backward", "symbols": ["BTCUSDT", "ETHUSDT"], **WEEK}).body["run_id"]
    path, resource = f"/api/admin/collect/runs/{run_id}", "/api/admin/collect/runs/{run_id}"
    assert call("trigger", "POST", f"{path}/retry", resource=f"{resource}/retry").status == 409
    cancelled = call("trigger", "POST", f"{path}/cancel", resource=f"{resource}/cancel")
    assert cancelled.status == 200
    assert (cancelled.body["state"], cancelled.body["counts"]["failed"]) == ("ended", 2)
    assert status(run_id=run_id).body["last_results"]["end_reason"] == "cancelled"
    assert call("trigger", "POST", f"{path}/cancel", resource=f"{resource}/cancel").error["code"] == "RUN_ENDED"
    again = call("trigger", "POST", f"{path}/retry", resource=f"{resource}/retry")
    assert again.status == 202
    work_all(stack)
    assert status(run_id=again.body["run_id"]).body["last_results"]["complete"] == 2
    listed = call("status", "GET", "/api/admin/collect/runs", query={"limit": "1"}).body
    assert [item["run_id"] for item in listed["runs"]] == [again.body["run_id"]]
    following = call("status", "GET", "/api/admin/collect/runs", query={"before": listed["next"]}).body
    assert [item["run_id"] for item in following["runs"]] == [run_id]
    (named, numbers) = (
        status(run_id=run_id, **query).body["last_results"]["details"] for query in ({}, {"windows": "0"})
    )
    assert all(item["missing"] for item in named)
    assert numbers == [{**item, "missing": []} for item in named]
    by_month = call("status", "GET", "/api/admin/coverage/months").body
    assert [series["symbol"] for series in by_month["series"]] == ["BTCUSDT", "ETHUSDT"]
    assert all(series["months"][0]["stored"] > 0 for series in by_month["series"])


@pytest.mark.parametrize("windows", ["-1", "101", "many", "\uff11"])
def test_a_number_of_windows_that_cannot_be_is_refused(stack: str, windows: str) -> None:
    assert stack
    answer = call("status", "GET", "/api/admin/collect/status", query={"windows": windows})
    assert (answer.status, answer.error["field"]) == (400, "windows")


def test_a_page_of_months_after_what_is_not_a_symbol_is_refused(stack: str) -> None:
    assert stack
    answer = call("status", "GET", "/api/admin/coverage/months", query={"after": "btc/usdt"})
    assert (answer.status, answer.error["field"]) == (400, "after")


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_a_run_that_is_not_there_is_not_found(stack: str, action: str) -> None:
    assert stack
    path = f"/api/admin/collect/runs/{NO_RUN}/{action}"
    answer = call("trigger", "POST", path, resource=f"/api/admin/collect/runs/{{run_id}}/{action}")
    assert (answer.status, answer.error["code"]) == (404, "NOT_FOUND")


def test_before_the_first_run_the_status_has_nothing_to_report(stack: str) -> None:
    assert stack
    reported = status().body
    assert (reported["is_running"], reported["status"], reported["run_id"], reported["last_results"]) == (
        False,
        "idle",
        None,
        None,
    )
    assert status(run_id=NO_RUN).status == 404
    assert status(run_id="' OR 1=1").error["field"] == "run_id"
    info = call("status", "GET", "/api/admin/system/info").body
    assert info["service"] == "candle-collector"
    assert info["store"]["symbols"] == 0


def test_no_answer_may_be_kept_or_framed(stack: str) -> None:
    assert stack
    for answer in (trigger({}), status(), klines(symbol="BTCUSDT", interval="1h")):
        assert answer.headers["cache-control"] == ["no-store"]
        assert answer.headers["x-content-type-options"] == ["nosniff"]


def test_nothing_of_what_was_sent_is_logged(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert stack
    trigger({"mode": "backward", "secret": "cck_should_not_be_seen"})
    trigger('{"mode": "cck_should_not_be_seen"')
    status(run_id="cck_should_not_be_seen", api_key="cck_should_not_be_seen")
    klines(symbol="BTCUSDT", interval="1h", api_key="cck_should_not_be_seen")
    reported = capsys.readouterr()
    assert "cck_should_not_be_seen" not in reported.out + reported.err


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, -1102),
        ({"symbol": "BTCUSDT"}, -1102),
        ({"symbol": "btcusdt", "interval": "1h"}, -1100),
        ({"symbol": "BTCUSDT", "interval": "7h"}, -1120),
        ({"symbol": "BTCUSDT", "interval": "1h", "colour": "red"}, -1104),
        ({"symbol": "BTCUSDT", "interval": "1h", "startTime": "yesterday"}, -1100),
        ({"symbol": "BTCUSDT", "interval": "1h", "limit": "-5"}, -1100),
        ({"symbol": "NOPEUSDT", "interval": "1h"}, -1121),
    ],
)
def test_wrong_questions_for_candles_are_refused_in_binances_words(
    stack: str, query: dict[str, str], code: int
) -> None:
    assert stack
    answer = klines(**query)
    assert answer.status == 400
    assert answer.body["code"] == code
    assert answer.body["error"]["message"] == answer.body["msg"]


@pytest.mark.parametrize("number", ["0", "1", str(2**63 - 1)])
def test_times_at_the_ends_of_the_world_are_answered(stack: str, number: str) -> None:
    trigger({"mode": "backward", "symbols": ["BTCUSDT"], **WEEK})
    work_all(stack)
    assert klines(symbol="BTCUSDT", interval="1h", startTime=number).status == 200
    assert klines(symbol="BTCUSDT", interval="1h", endTime=number).status == 200


def test_what_breaks_inside_is_reported_without_its_inside(stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stack

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("arn:aws:secret")

    monkeypatch.setattr(bootstrap.container().leases, "holder", broken)
    answer = status()
    assert (answer.status, answer.error["code"]) == (500, "INTERNAL_ERROR")
    assert "arn" not in json.dumps(answer.body)
