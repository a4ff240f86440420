"""The end of a run reaches whoever asked for it, and of the runs they asked for."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from candle_collector.adapters.events import EventBridgeBus
from candle_collector.domain.run import Run, RunSeries, describe_counts, run_outcome

from tests.hourly import hourly, ms_of_hour
from tests.template.stack import Stack, broken_rules, source

WEBHOOK = {"NotifyWebhookUrl": "https://example.org/hook", "NotifyWebhookSecret": "Bearer 1234"}
EMAIL = {"NotifyEmail": "someone@example.org"}
NOW = datetime(2026, 1, 2, tzinfo=UTC)
GOOD = {"complete": 98, "partial": 0, "failed": 0, "skipped": 2, "records": 588}
PARTIAL = GOOD | {"complete": 96, "partial": 2}
FAILED = PARTIAL | {"complete": 95, "failed": 1}


class Bus:
    """EventBridge, which remembers what it took."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self.entries += Entries
        return {"FailedEntryCount": 0}


def event(counts: dict[str, int], stage: str = "prod") -> dict[str, Any]:
    """Return the event that a run's end puts on the bus, as rules see it."""
    bus = Bus()
    run = Run(
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "forward",
        start_ms=0,
        end_ms=ms_of_hour(6),
        closed_ms=ms_of_hour(6),
        series=(RunSeries(hourly("BTCUSDT")),),
        batch_size=1000,
        created_at=NOW,
        deadline=NOW + timedelta(hours=5),
        weight_limit=6000,
        weight_seconds=60,
    )
    EventBridgeBus(stage, client=bus).collection_ended(run, counts, ms_of_hour(10))
    (entry,) = bus.entries
    return {"source": entry["Source"], "detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])}


def matches(pattern: dict[str, Any], value: dict[str, Any]) -> bool:
    """Return whether a rule's pattern takes an event: each of its fields has one of the listed values."""
    return all(
        matches(wanted, value[name]) if isinstance(wanted, dict) else value.get(name) in wanted
        for name, wanted in pattern.items()
    )


def rule(**parameters: str) -> dict[str, Any]:
    return Stack(Stage="prod", **parameters).properties("RunEndedRule")


def targets(**parameters: str) -> dict[str, dict[str, Any]]:
    return {target["Id"]: target for target in rule(**parameters)["Targets"] if "Id" in target}


@pytest.mark.parametrize(
    ("runs", "reported"),
    [
        ("failed", [FAILED]),
        ("partial", [PARTIAL, FAILED]),
        ("all", [GOOD, PARTIAL, FAILED]),
    ],
)
def test_the_runs_that_were_asked_for_are_reported(runs: str, reported: list[dict[str, int]]) -> None:
    pattern = rule(**EMAIL, NotifyRuns=runs)["EventPattern"]
    assert [counts for counts in (GOOD, PARTIAL, FAILED) if matches(pattern, event(counts))] == reported


def test_the_other_stage_of_the_account_is_not_reported() -> None:
    assert not matches(rule(**EMAIL, NotifyRuns="all")["EventPattern"], event(FAILED, stage="dev"))


def test_nobody_is_notified_who_did_not_ask() -> None:
    resources = Stack(Stage="prod").resources
    assert not {"RunEndedRule", "RunsTopic", "RunsSubscription", "Webhook", "WebhookConnection"} & resources.keys()
    assert targets(**EMAIL).keys() == {"mail"}
    assert targets(**WEBHOOK).keys() == {"webhook"}
    assert targets(**EMAIL, **WEBHOOK).keys() == {"mail", "webhook"}


def test_the_local_stack_knows_mail_alone() -> None:
    local = Stack(Stage="local", **EMAIL, **WEBHOOK)
    assert {target["Id"] for target in local.properties("RunEndedRule")["Targets"] if "Id" in target} == {"mail"}
    assert not {"Webhook", "WebhookConnection", "WebhookRole"} & local.resources.keys()


def filled(target: dict[str, Any], value: dict[str, Any]) -> Any:
    """Return what EventBridge sends to a target: the template with the paths' values."""
    transformer = target["InputTransformer"]
    values = {}
    for name, path in transformer["InputPathsMap"].items():
        found: Any = value
        for part in path.removeprefix("$.").split("."):
            found = found[part]
        values[name] = found if isinstance(found, str) else json.dumps(found)
    text = re.sub(r"<(\w+)>", lambda match: values[match[1]], transformer["InputTemplate"])
    return json.loads(text)


def test_a_mail_says_how_the_run_ended_and_where_to_look() -> None:
    sent = filled(targets(**EMAIL)["mail"], event(FAILED))
    assert sent == (
        "candle-collector prod: the forward run 01ARZ3NDEKTSV4RRFFQ69G5FAV ended failed: "
        "95 complete, 2 partial, 1 failed, 2 skipped; 588 candles stored. What to do: docs/operations.md, run-degraded."
    )


def test_a_webhook_gets_a_text_for_people_and_fields_for_programs() -> None:
    sent = filled(targets(**WEBHOOK)["webhook"], event(PARTIAL))
    assert sent == {
        "text": "candle-collector prod: the forward run 01ARZ3NDEKTSV4RRFFQ69G5FAV ended partial: "
        "96 complete, 2 partial, 0 failed, 2 skipped; 588 candles stored.",
        "stage": "prod",
        "mode": "forward",
        "run_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "outcome": "partial",
        "counts": PARTIAL,
    }


def test_the_secret_is_in_its_connection_and_nowhere_else() -> None:
    assert source()["Parameters"]["NotifyWebhookSecret"]["NoEcho"] is True
    stack = Stack(Stage="prod", **WEBHOOK, **EMAIL)
    holding = [name for name, found in stack.resources.items() if "Bearer 1234" in json.dumps(found)]
    assert holding == ["WebhookConnection"]
    assert "Bearer 1234" not in json.dumps(stack.outputs)


def test_a_webhook_and_its_secret_go_together() -> None:
    assert broken_rules(Stage="prod", **WEBHOOK) == broken_rules(Stage="prod") == []
    for name, value in WEBHOOK.items():
        assert len(broken_rules(Stage="prod", **{name: value})) == 1


def test_eventbridge_may_publish_to_the_topic_and_call_the_webhook_and_nothing_else() -> None:
    stack = Stack(Stage="prod", **WEBHOOK, **EMAIL)
    (publish,) = stack.properties("RunsTopicPolicy")["PolicyDocument"]["Statement"]
    assert (publish["Action"], publish["Resource"]) == ("sns:Publish", {"Ref": "RunsTopic"})
    assert publish["Principal"] == {"Service": "events.amazonaws.com"}
    assert publish["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["RunEndedRule", "Arn"]}}}
    (policy,) = stack.properties("WebhookRole")["Policies"]
    (call,) = policy["PolicyDocument"]["Statement"]
    assert (call["Action"], call["Resource"]) == ("events:InvokeApiDestination", {"Fn::GetAtt": ["Webhook", "Arn"]})


def test_the_outcome_of_a_run_is_the_worst_of_its_symbols() -> None:
    assert [run_outcome(counts) for counts in (GOOD, PARTIAL, FAILED, {})] == [
        "complete",
        "partial",
        "failed",
        "complete",
    ]
    assert describe_counts({}) == "0 complete, 0 partial, 0 failed, 0 skipped; 0 candles stored"
