"""The life of runs over HTTP: hours that never were, many triggers at once, retry, cancel, and their reports."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from candle_collector.domain.windows import Window

from tests.e2e.conftest import StackUnderTest
from tests.e2e.driving import (
    RUNS,
    TRIGGER,
    Api,
    StackExchange,
    assert_exact,
    assert_one_starts,
    hour,
    reported,
    until,
)
from tests.e2e.runtimes import aws_alone, core
from tests.e2e.stored import stored_candles
from tests.hourly import HOUR_MS, hour_of

UNIVERSE = "/api/admin/universe"
NO_SYMBOL = {"kind": "status", "status": 400, "body": '{"code":-1121,"msg":"Invalid symbol."}'}


@pytest.fixture
def api(stack: StackUnderTest) -> Api:
    return Api(stack)


def ms(window: Window) -> list[int]:
    return [window.start * HOUR_MS, window.end * HOUR_MS]


def test_hours_that_the_exchange_leaves_out_are_asked_for_once_and_come_with_a_recheck(
    stack: StackUnderTest, api: Api, exchange: StackExchange
) -> None:
    symbol = "NEARUSDT"
    end = hour_of(datetime.now(UTC)) - 2
    start = end - 900
    old, young = Window(end - 300, end - 296), Window(end - 6, end - 4)
    exchange.settings(omitted={symbol: [ms(old), ms(young)]})
    requested: dict[str, Any] = {"symbols": [symbol], "start_date": reported(start), "end_date": reported(end - 1)}

    first = api.run(**requested)["details"][0]
    # the second request asks for the old hours once more, now with a stored candle that vouches for the answer
    assert (first["status"], first["records"], first["requests"]) == ("partial", 894, 2)
    assert first["missing"] == [{"start": reported(young.start), "end": reported(young.end), "candles": 2}]
    assert stored_candles(stack).never_printed(symbol) == [old]

    exchange.settings(omitted={symbol: [ms(old)]})
    again = api.run("gap_fill", **requested)["details"][0]
    assert (again["status"], again["records"], again["requests"]) == ("complete", 2, 1)

    exchange.settings(omitted={})
    exchange.reset()
    for mode in ("backward", "forward", "gap_fill"):
        assert api.run(mode, **requested)["skipped"] == 1
    assert exchange.klines_asked() == 0

    rechecked = api.run(**requested, recheck=True)["details"][0]
    assert (rechecked["status"], rechecked["records"], rechecked["requests"]) == ("complete", 4, 1)
    assert_exact(api, exchange, symbol, start, end)


def test_of_many_triggers_at_once_one_starts_a_run_and_the_others_name_it(api: Api, exchange: StackExchange) -> None:
    assert_one_starts(api, exchange, triggers=8)


@core
def test_a_retry_asks_for_what_was_left_and_for_nothing_else(api: Api, exchange: StackExchange) -> None:
    failing, halved, good = "CRVUSDT", "CHZUSDT", "COMPUSDT"
    start, end = hour("2025-01-01"), hour("2025-03-01")
    behind = start + 984  # the plan cuts at midnight: 984 hours, then 432
    exchange.settings(
        faults=[
            {**NO_SYMBOL, "match": {"path": "klines", "symbol": failing}},
            {**NO_SYMBOL, "match": {"path": "klines", "symbol": halved, "startTime": str((behind - 2) * HOUR_MS)}},
        ]  # two stored candles before the window are asked for again
    )
    requested: dict[str, Any] = {
        "symbols": [failing, halved, good],
        "start_date": "2025-01-01",
        "end_date": "2025-02-28",
    }
    run_id = api.start(**requested)
    left = {item["symbol"]: item for item in api.result(run_id)["details"]}
    assert {symbol: item["status"] for symbol, item in left.items()} == {
        failing: "failed",
        halved: "partial",
        good: "complete",
    }
    assert left[halved]["missing"] == [{"start": reported(behind), "end": reported(end), "candles": end - behind}]
    assert {left[symbol]["error"]["exchange_code"] for symbol in (failing, halved)} == {-1121}

    exchange.settings(faults=[])
    exchange.reset()
    answer = api.post(f"{RUNS}/{run_id}/retry")
    assert answer.status_code == 202
    retried = api.result(answer.json()["run_id"])
    assert {item["symbol"]: item["status"] for item in retried["details"]} == {failing: "complete", halved: "complete"}
    assert exchange.stats(0)["klines_by_symbol"] == {failing: 2, halved: 1}
    for symbol in (failing, halved):
        assert_exact(api, exchange, symbol, start, end)

    nothing = api.post(f"{RUNS}/{answer.json()['run_id']}/retry")
    assert (nothing.status_code, nothing.json()["error"]["code"]) == (409, "NOTHING_TO_RETRY")


@core
def test_a_cancelled_run_ends_with_the_answers_in_hand_and_counts_all_that_it_stored(
    api: Api, exchange: StackExchange
) -> None:
    exchange.settings(latency_ms=1000)
    requested: dict[str, Any] = {"top_n": 12, "start_date": "2025-06-01", "end_date": "2025-06-10"}
    run_id = api.start(**requested)
    until(lambda: api.done(run_id) > 0, "no symbol ended")
    answer = api.post(f"{RUNS}/{run_id}/cancel")
    exchange.settings(latency_ms=0)
    assert answer.status_code == 200
    cancelled = answer.json()
    assert (cancelled["success"], cancelled["run_id"]) == (True, run_id)
    assert cancelled["status_url"].endswith(f"?run_id={run_id}")
    results = api.result(run_id)
    assert results["end_reason"] == "cancelled"
    counts = {name: results[name] for name in ("complete", "partial", "failed", "skipped")}
    ended = {**counts, "records": results["total_records"]}
    # workers have 5 s for the answers in hand, which is enough unless the machine is very busy
    assert (cancelled["state"], cancelled["counts"]) in (("ended", ended), ("active", {}))
    details = {item["symbol"]: item for item in results["details"]}
    closed = [item for item in details.values() if item["status"] != "complete"]
    assert 0 < len(closed) < 12
    assert {(item["status"], item["error"]["kind"], item["missing_candles"]) for item in closed} == {
        ("failed", "cancelled", 240)
    }
    assert sum(item["requests"] for item in details.values()) == exchange.klines_asked() == results["complete"]
    again = api.post(f"{RUNS}/{run_id}/cancel")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "RUN_ENDED")

    rest = {item["symbol"]: item["status"] for item in api.run(**requested)["details"]}
    assert rest == {
        symbol: "skipped" if item["status"] == "complete" else "complete" for symbol, item in details.items()
    }


def test_runs_are_listed_from_the_newest_page_by_page(api: Api) -> None:
    requested: dict[str, Any] = {"symbols": ["BTCUSDT"], "start_date": "2025-01-01", "end_date": "2025-01-01"}
    started = [api.run(**requested)["run_id"] for _ in range(3)]
    newest = [run["run_id"] for run in api.get(RUNS, limit=100).json()["runs"]]
    assert [run_id for run_id in newest if run_id in started] == started[::-1]
    assert newest == sorted(newest, reverse=True)
    paged, page = [], api.get(RUNS, limit=2).json()
    while page["runs"]:
        assert len(page["runs"]) <= 2
        paged += [run["run_id"] for run in page["runs"]]
        page = api.get(RUNS, limit=2, before=paged[-1]).json() if page["next"] else {"runs": []}
    assert paged[: len(newest)] == newest


def test_the_universe_of_a_day_is_kept_as_it_was_ranked(api: Api) -> None:
    day = datetime.now(UTC).date().isoformat()
    results = api.run(top_n=12, start_date="2025-06-01", end_date="2025-06-01")
    in_usdc = api.run(top_n=12, quote_assets=["USDC"], start_date="2025-06-01", end_date="2025-06-01")
    assert {item["symbol"] for item in in_usdc["details"]} == {"BTCUSDC", "ETHUSDC"}
    answer = api.get(UNIVERSE, date=day)
    assert answer.status_code == 200
    by_quote = {
        quote: [item for item in answer.json()["symbols"] if item["quote_asset"] == quote] for quote in ("USDT", "USDC")
    }
    assert [item["symbol"] for item in by_quote["USDC"]] == ["BTCUSDC", "ETHUSDC"]
    ranked = [item["symbol"] for item in by_quote["USDT"]]
    assert {"BTCUSDT", "ETHUSDT", "SOLUSDT"} < set(ranked)
    assert {item["symbol"] for item in results["details"]} <= set(ranked)
    assert not {"USDCUSDT", "FDUSDUSDT", "BTCUPUSDT", "BTCDOWNUSDT", "EURUSDT"} & set(ranked)
    volumes = [float(item["quote_volume"]) for item in by_quote["USDT"]]
    assert volumes == sorted(volumes, reverse=True)
    assert api.get(UNIVERSE, date="2020-01-01").status_code == 404


def test_a_dry_run_says_the_plan_that_a_run_then_follows_and_starts_nothing(api: Api, exchange: StackExchange) -> None:
    requested: dict[str, Any] = {
        "symbols": ["UNIUSDT", "AAVEUSDT"],
        "start_date": "2025-01-01",
        "end_date": "2025-04-30",
    }
    before = api.get(RUNS, limit=1).json()
    answer = api.post(TRIGGER, {"mode": "backward", **requested, "dry_run": True})
    assert answer.status_code == 200
    plan = answer.json()
    assert exchange.klines_asked() == 0
    assert api.get(RUNS, limit=1).json() == before
    assert [(item["symbol"], item["missing_candles"], item["requests"]) for item in plan["symbols"]] == [
        ("UNIUSDT", 2880, 3),
        ("AAVEUSDT", 2880, 3),
    ]
    assert (plan["missing_candles"], plan["requests"]) == (5760, 6)
    assert plan["weight"] >= 12
    assert plan["estimated_minutes"] > 0
    assert plan["estimated_dollars"] > 0
    assert plan["prices"]
    results = api.run(**requested)
    assert sum(item["requests"] for item in results["details"]) == exchange.klines_asked() == plan["requests"]


@pytest.fixture
def subscriber(stack: StackUnderTest) -> Iterator[Any]:
    """Give a function that returns the events of all runs that ended since the test began."""
    events: Any = stack.aws.client("events", endpoint_url=stack.aws_endpoint_url)
    sqs = stack.aws.client("sqs", endpoint_url=stack.aws_endpoint_url)
    queue = sqs.create_queue(QueueName="ended-runs")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = json.dumps({"source": ["candle-collector"], "detail-type": ["CollectionEnded"]})
    events.put_rule(Name="ended-runs", EventPattern=pattern)
    events.put_targets(Rule="ended-runs", Targets=[{"Id": "queue", "Arn": arn}])

    found: list[dict[str, Any]] = []

    def received() -> list[dict[str, Any]]:
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            found.extend(json.loads(message["Body"])["detail"] for message in messages)
            for message in messages:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    yield received
    events.remove_targets(Rule="ended-runs", Ids=["queue"])
    events.delete_rule(Name="ended-runs")
    sqs.delete_queue(QueueUrl=queue)


@aws_alone
def test_the_end_of_a_run_is_reported_once_to_whoever_subscribed(api: Api, subscriber: Any) -> None:
    run_id = api.start(symbols=["ETHUSDT"], start_date="2024-03-01", end_date="2024-03-02")
    api.result(run_id)
    until(lambda: bool(subscriber()), "no event came")
    (event,) = subscriber()
    assert (event["run_id"], event["mode"], event["stage"]) == (run_id, "backward", "local")
    assert event["counts"] == {"complete": 1, "partial": 0, "failed": 0, "skipped": 0, "records": 48}
    assert event["latest_candle"] >= "2025-01-02T23:00:00Z"
