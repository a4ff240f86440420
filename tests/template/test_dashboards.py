"""The dashboards' bodies: what CloudWatch takes, of metrics that are emitted or that AWS publishes, and complete."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any, NamedTuple

import jsonschema
import pytest
from candle_collector.adapters.emf_metrics import EmfMetrics

from tests.cloudwatch import Alarm
from tests.emf import emitted
from tests.fakes.watched import WatchedWorld
from tests.template.stack import PROJECT, Stack
from tests.template.test_alarms import ALARMS, NOW

COLUMNS = 24
MOST_METRICS = 50
"""A dashboard with more is not free."""

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html:
# what AWS publishes, by the dimensions under which it does; the part of it that is used here.
PUBLISHED: dict[str, dict[tuple[str, ...], set[str]]] = {
    "AWS/ApiGateway": {("ApiName", "Stage"): {"4XXError", "5XXError", "Count", "IntegrationLatency", "Latency"}},
    "AWS/DynamoDB": {("TableName",): {"ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"}},
    "AWS/Lambda": {
        ("FunctionName",): {"ConcurrentExecutions", "Duration", "Errors", "Invocations", "Throttles"},
        (): {"ConcurrentExecutions", "Duration", "Errors", "Invocations", "Throttles"},
    },
    "AWS/SQS": {
        ("QueueName",): {
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesVisible",
        }
    },
}

STACK = Stack(Stage="prod")
NAMES = ("results", "operations")


class Metric(NamedTuple):
    """A metric, its dimensions by their names and values."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]


def body(name: str, stack: Stack = STACK) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stack.properties(f"{name.capitalize()}Dashboard")["DashboardBody"])
    return found


def metrics(name: str) -> Iterator[Metric]:
    """Yield the metrics that a dashboard shows or computes with."""
    for widget in body(name)["widgets"]:
        for series in widget["properties"].get("metrics", []):
            if isinstance(series[0], str):
                namespace, metric, *dimensions = (part for part in series if isinstance(part, str))
                yield Metric(namespace, metric, tuple(zip(dimensions[::2], dimensions[1::2], strict=True)))


@pytest.fixture
def own(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> set[Metric]:
    """Return the metrics that a whole run, a round of the reconciler and a refused caller emit."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "candles")
    system = WatchedWorld({"BTCUSDT": range(NOW - 48, NOW + 20)})
    system.pass_hours(1)
    EmfMetrics().key_refused()
    values = [*system.recorded.values, *emitted(capsys.readouterr().out)]
    return {Metric(value.namespace, value.name, tuple(sorted(value.dimensions))) for value in values}


def is_published(metric: Metric) -> bool:
    dimensions = tuple(sorted(name for name, _ in metric.dimensions))
    return metric.name in PUBLISHED.get(metric.namespace, {}).get(dimensions, ())


def of_alarm(alarm: Alarm) -> Metric:
    return Metric(alarm.namespace, alarm.metric, tuple(sorted(alarm.dimensions)))


@pytest.mark.parametrize("name", NAMES)
def test_a_body_has_the_structure_that_cloudwatch_documents(name: str) -> None:
    schema = json.loads((PROJECT / "tests" / "template" / "dashboard_body.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(body(name), schema, cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    "planted",
    [
        {"type": "metric", "x": 0, "y": 0, "width": 30, "height": 6, "properties": {}},
        {"type": "metrics", "x": 0, "y": 0, "width": 6, "height": 6, "properties": {}},
        {"type": "log", "x": 0, "y": 0, "width": 6, "height": 6, "properties": {"query": "fields x"}},
    ],
)
def test_a_planted_widget_that_is_wrong_is_found(planted: dict[str, Any]) -> None:
    schema = json.loads((PROJECT / "tests" / "template" / "dashboard_body.json").read_text())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"widgets": [planted]}, schema, cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize("name", NAMES)
def test_widgets_lie_within_24_columns_and_beside_each_other(name: str) -> None:
    widgets = body(name)["widgets"]
    covered = [
        {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        for widget in widgets
    ]
    assert all(x < COLUMNS for cells in covered for x, _ in cells)
    assert not any(first & second for first, second in combinations(covered, 2))
    rows = max(y for cells in covered for _, y in cells) + 1
    assert sum(map(len, covered)) == COLUMNS * rows, "no hole between them"


@pytest.mark.parametrize("name", NAMES)
def test_no_name_is_left_that_the_template_does_not_know(name: str) -> None:
    text = (PROJECT / "dashboards" / f"{name}.yaml").read_text()
    assert re.search(r"\$\{", text)
    assert not re.search(r"\$\{", json.dumps(body(name)))


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_is_free(name: str) -> None:
    assert len(set(metrics(name))) <= MOST_METRICS


def test_what_dashboards_and_alarms_name_is_emitted_or_published_and_all_that_is_emitted_is_shown(
    own: set[Metric],
) -> None:
    shown = {metric for name in NAMES for metric in metrics(name)}
    watched = {of_alarm(alarm) for alarm in ALARMS.values()}
    assert len(own) == 10, "as many as are free"
    assert (shown | watched) & own == own
    assert [metric for metric in (shown | watched) - own if not is_published(metric)] == []


def test_queues_tables_and_functions_are_those_of_the_stack() -> None:
    functions = {found["Properties"]["FunctionName"] for found in STACK.of_type("AWS::Lambda::Function").values()}
    values: dict[str, set[str]] = {}
    for name in NAMES:
        for metric in metrics(name):
            for dimension, value in metric.dimensions:
                values.setdefault(dimension, set()).add(value)
    assert values == {
        "service": {"candles"},
        "FunctionName": functions,
        "ApiName": {"candles"},
        "Stage": {"live"},
        "TableName": {"{'Ref': 'CandlesTable'}", "{'Ref': 'RunsTable'}"},
        "QueueName": {
            f"{{'Fn::GetAtt': ['{queue}', 'QueueName']}}"
            for queue in ("CollectQueue", "CollectDeadLetterQueue", "FailedStartsQueue")
        },
    }


def test_tables_of_an_earlier_stack_are_shown_in_place_of_new_ones() -> None:
    kept = Stack(Stage="prod", ExistingCandlesTable="kept-candles", ExistingRunsTable="kept-runs")
    text = json.dumps(body("operations", kept))
    assert "kept-candles" in text
    assert "kept-runs" in text
    assert "CandlesTable'" not in text


def test_every_alarm_is_shown() -> None:
    (widget,) = [widget for widget in body("results")["widgets"] if widget["type"] == "alarm"]
    assert widget["properties"]["alarms"] == [
        f"arn:aws:cloudwatch:eu-central-1:123456789012:alarm:candles-{name}" for name in ALARMS
    ]


def test_the_line_of_the_alarm_is_the_alarms() -> None:
    stack = Stack(Stage="prod", StaleAfterHours="49")
    lines = [
        line["value"]
        for widget in body("results", stack)["widgets"]
        for line in widget["properties"].get("annotations", {}).get("horizontal", [])
        if line["label"] == "alarm"
    ]
    assert lines == [float(stack.properties("StaleAlarm")["Threshold"])] == [49]


@pytest.mark.parametrize("name", NAMES)
def test_logs_that_are_searched_are_those_of_the_stack(name: str) -> None:
    groups = {found["Properties"]["LogGroupName"] for found in STACK.of_type("AWS::Logs::LogGroup").values()}
    queries = [widget["properties"]["query"] for widget in body(name)["widgets"] if widget["type"] == "log"]
    assert queries
    for query in queries:
        assert set(re.findall(r"SOURCE '([^']+)'", query)) <= groups


def test_lines_that_are_searched_by_their_text_are_those_that_the_trigger_logs() -> None:
    queries = [widget["properties"].get("query", "") for widget in body("operations")["widgets"]]
    (searched,) = [found[1] for query in queries if (found := re.search(r"filter message in \[(.+?)\]", query))]
    source = (PROJECT / "functions" / "trigger" / "app.py").read_text()
    for text in re.findall(r"'([^']+)'", searched):
        assert f'"{text}"' in source


def test_expressions_name_metrics_that_are_beside_them() -> None:
    for widget in body("operations")["widgets"]:
        series = widget["properties"].get("metrics", [])
        ids = {part["id"] for item in series for part in item if isinstance(part, dict) and "id" in part}
        for item in series:
            if isinstance(item[0], dict):
                assert set(re.findall(r"[a-z_]+", item[0]["expression"])) <= ids


@pytest.mark.parametrize("stage", ["local", "dev", "prod"])
def test_a_parameter_switches_them_off_with_their_addresses(stage: str) -> None:
    on, off = Stack(Stage=stage), Stack(Stage=stage, Dashboards="false")
    assert len(on.of_type("AWS::CloudWatch::Dashboard")) == 2
    assert off.of_type("AWS::CloudWatch::Dashboard") == {}
    addresses = {name for name in on.outputs if name.endswith("DashboardUrl")}
    assert {on.outputs[name]["Value"].rpartition("/")[2] for name in addresses} == {
        found["Properties"]["DashboardName"] for found in on.of_type("AWS::CloudWatch::Dashboard").values()
    }
    assert not addresses & off.outputs.keys()
