"""What every answer of the functions behind the API carries, and what is logged of it."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext
from candle_collector.api.responses import AuditedResolver, answer, resolver
from candle_collector.errors import InvalidRequestError, RunEndedError

from tests.logs import written

RUN_ID = "01KBSM0000ABCDEFGHJKMNPQRS"


def event(method: str, route: str, path: str | None = None, **more: Any) -> dict[str, Any]:
    requested = {"requestId": "r-1", "authorizer": {"key_id": "KeyOfAdmin", "scope": "admin"}}
    base = {"httpMethod": method, "resource": route, "path": path or route, "headers": {}, "multiValueHeaders": {}}
    return base | {"requestContext": requested, "body": None} | more


def app_with_routes(dashboard_origin: str = "") -> AuditedResolver:
    app = resolver(dashboard_origin)

    @app.post("/api/admin/collect/trigger")
    def trigger() -> Response[str]:
        app.note(run_id=RUN_ID)
        return answer(202, {"run_id": RUN_ID})

    @app.post("/api/admin/collect/runs/<run_id>/cancel")
    def cancel(run_id: str) -> Response[str]:
        raise RunEndedError(run_id)

    @app.post("/api/admin/collect/runs/<run_id>/retry")
    def retry(run_id: str) -> Response[str]:
        raise InvalidRequestError("run_id", run_id)

    @app.get("/api/v3/ping")
    def ping() -> Response[str]:
        return answer(200, {})

    return app


def answered(app: AuditedResolver, item: dict[str, Any]) -> dict[str, Any]:
    return app.resolve(item, LambdaContext())


def logged(item: dict[str, Any]) -> list[dict[str, Any]]:
    with written() as log:
        answered(app_with_routes(), item)
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_started_run_is_logged_with_who_started_it() -> None:
    (line,) = logged(event("POST", "/api/admin/collect/trigger"))
    assert (
        line.items()
        >= {
            "message": "admin call",
            "key_id": "KeyOfAdmin",
            "method": "POST",
            "route": "/api/admin/collect/trigger",
            "run_id": RUN_ID,
            "status": 202,
            "request_id": "r-1",
        }.items()
    )


def test_a_refused_call_is_logged_with_its_code_and_run() -> None:
    route = "/api/admin/collect/runs/{run_id}/cancel"
    (line,) = logged(event("POST", route, route.replace("{run_id}", RUN_ID)))
    assert (line["status"], line["code"], line["run_id"]) == (409, "RUN_ENDED", RUN_ID)


def test_a_call_is_logged_without_what_was_noted_of_the_one_before() -> None:
    app = app_with_routes()
    answered(app, event("POST", "/api/admin/collect/trigger"))
    with written() as log:
        answered(app, event("POST", "/api/admin/nowhere"))
    assert "run_id" not in json.loads(log.getvalue())


def test_what_cannot_be_a_run_id_is_not_logged() -> None:
    route = "/api/admin/collect/runs/{run_id}/retry"
    forged = 'x"}\r\n{"message": "forged"}'
    parameters = {"run_id": forged}
    (line,) = logged(event("POST", route, route.replace("{run_id}", "x"), pathParameters=parameters))
    assert "run_id" not in line
    assert "forged" not in json.dumps(line)


def test_reading_candles_is_left_to_the_access_log() -> None:
    assert logged(event("GET", "/api/v3/ping")) == []


def test_an_answer_is_not_kept_not_framed_and_not_guessed_at() -> None:
    headers = answered(app_with_routes(), event("GET", "/api/v3/ping"))["multiValueHeaders"]
    assert headers["Cache-Control"] == ["no-store"]
    assert headers["X-Content-Type-Options"] == ["nosniff"]
    assert headers["Referrer-Policy"] == ["no-referrer"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"][0]
    assert "Access-Control-Allow-Origin" not in headers


def test_pages_of_the_dashboards_origin_may_read_answers_and_refusals() -> None:
    app = app_with_routes("https://candles.example.org")
    for path in ("/api/v3/ping", "/api/v3/nowhere"):
        headers = answered(app, event("GET", path))["multiValueHeaders"]
        assert headers["Access-Control-Allow-Origin"] == ["https://candles.example.org"]
        assert headers["Vary"] == ["Origin"]
