"""Functions that are called in several threads at once, as the standalone runtime calls them: nothing mixes."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from candle_collector import bootstrap
from candle_collector.api.responses import AuditedResolver, answer, resolver
from candle_collector.domain.series_message import SeriesMessage
from candle_collector.settings import Settings

from functions.worker import app as worker
from standalone.context import Context
from tests.fakes.world import World
from tests.hourly import hourly
from tests.logs import written

THREADS = 16
CALLS = 400


def event(path: str, resource: str, number: int) -> dict[str, Any]:
    return {
        "httpMethod": "GET",
        "path": path,
        "resource": resource,
        "headers": {"host": f"host-{number}"},
        "queryStringParameters": {"n": str(number)},
        "multiValueQueryStringParameters": {"n": [str(number)]},
        "requestContext": {"requestId": f"r-{number}", "authorizer": {"key_id": f"key-{number}"}},
        "body": None,
    }


@pytest.fixture
def app() -> AuditedResolver:
    made = resolver("")

    @made.get("/api/admin/things/<name>")
    def thing(name: str) -> Any:
        number = made.current_event.query_string_parameters["n"]
        made.note(run_id=f"run-{number}")
        return answer(200, {"name": name, "n": number, "host": made.current_event.headers["host"]})

    @made.get("/api/admin/other/<name>")
    def other(name: str) -> Any:
        number = made.current_event.query_string_parameters["n"]
        made.note(run_id=f"run-{number}")
        return answer(201, {"other": name, "n": number, "host": made.current_event.headers["host"]})

    return made


def test_no_answer_and_no_log_line_mixes_with_those_of_other_calls(app: AuditedResolver) -> None:
    start = threading.Barrier(THREADS)

    def call(number: int) -> tuple[int, dict[str, Any]]:
        if number < THREADS:
            start.wait()
        kind = "things" if number % 2 else "other"
        made = app.resolve(event(f"/api/admin/{kind}/t{number}", f"/api/admin/{kind}/{{name}}", number), Context())
        return number, made

    with written() as log, ThreadPoolExecutor(THREADS) as threads:
        answered = list(threads.map(call, range(CALLS)))
    for number, made in answered:
        body = json.loads(made["body"])
        assert made["statusCode"] == (200 if number % 2 else 201)
        assert body.pop("name" if number % 2 else "other") == f"t{number}"
        assert body == {"n": str(number), "host": f"host-{number}"}
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert sorted(line["request_id"] for line in lines) == sorted(f"r-{number}" for number in range(CALLS))
    for line in lines:
        number = line["request_id"].removeprefix("r-")
        assert (line["key_id"], line["run_id"]) == (f"key-{number}", f"run-{number}")


def test_what_powertools_keeps_of_a_call_is_not_changed_by_another_one_meanwhile() -> None:
    app = resolver("")
    seen: list[Any] = []

    @app.get("/api/admin/things/<name>")
    def thing(name: str) -> Any:
        if name == "outer":
            inner = event("/api/admin/things/inner", "/api/admin/things/{name}", 2)
            with ThreadPoolExecutor(1) as threads:
                threads.submit(app.resolve, inner, Context()).result()
        seen.append((name, app.context["_route_args"]))
        return answer(200, {})

    app.resolve(event("/api/admin/things/outer", "/api/admin/things/{name}", 1), Context())
    assert seen == [("inner", {"name": "inner"}), ("outer", {"name": "outer"})]


def test_outside_of_a_call_there_is_not_an_event(app: AuditedResolver) -> None:
    app.resolve(event("/api/admin/other/t1", "/api/admin/other/{name}", 1), Context())
    with pytest.raises(LookupError):
        _ = app.current_event


def test_the_lines_of_a_message_carry_its_own_keys_and_fail_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    both, world = threading.Barrier(2), World({})
    ports = {name: getattr(world, name) for name in ("exchange", "candles", "series", "runs", "rate_limiter", "events")}
    made = bootstrap.Container(Settings({}), clock=world.clock, queue=world.queue, **ports)
    monkeypatch.setattr(bootstrap, "container", lambda: made)

    def turn(message: SeriesMessage, _: object) -> None:
        both.wait()
        for number in range(50):
            worker.log.info("in hand", extra={"of": message.series.symbol, "number": number})
        both.wait()
        if message.series.symbol == "BUSDT":
            raise ValueError("broken")

    monkeypatch.setattr(worker, "collect_symbol", turn)

    def call(symbol: str) -> Any:
        body = SeriesMessage("run-of-" + symbol, hourly(symbol), 1).body()
        record = {"messageId": symbol, "receiptHandle": "r", "body": body, "attributes": {}, "eventSource": "aws:sqs"}
        handler: Any = worker.handler
        return handler({"Records": [record]}, Context())

    with written() as log, ThreadPoolExecutor(2) as threads:
        first, second = threads.map(call, ["AUSDT", "BUSDT"])
        worker.log.info("after")
    assert first == {"batchItemFailures": []}
    assert second == {"batchItemFailures": [{"itemIdentifier": "BUSDT"}]}
    *lines, after = map(json.loads, log.getvalue().splitlines())
    in_hand = [line for line in lines if line["message"] == "in hand"]
    assert len(in_hand) == 100
    assert all(line["symbol"] == line["of"] and line["run_id"] == f"run-of-{line['of']}" for line in in_hand)
    assert "symbol" not in after
