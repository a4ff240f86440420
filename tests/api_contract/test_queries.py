"""A query says each thing once, and of our own routes only what they read; Binance's clients send what they send."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from candle_collector.api.openapi_operations import OPERATIONS
from candle_collector.api.routes import ADMIN, ROUTES, Route
from candle_collector.domain.aggregate import INTERVALS
from candle_collector.domain.api_key import Scope

from tests.api_contract.gateway import in_process

Ask = Callable[..., tuple[int, Any]]
OF_BTC = [("symbol", "BTCUSDT"), ("interval", "1h")]


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """Return what asks the API with an admin key, and returns the status and the body."""
    with in_process() as (gateway, keys):

        def answer_to(method: str, path: str, *query: tuple[str, str]) -> tuple[int, Any]:
            answer = gateway.ask(method, path, query=query, headers=[("X-API-Key", keys[Scope.ADMIN])])
            return answer.status, json.loads(answer.body)

        yield answer_to


def path_of(route: Route) -> str:
    return route.path.format(symbol="BTCUSDT", run_id="01KBSM0000ABCDEFGHJKMNPQRS")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.operation_id)
def test_a_route_reads_the_parameters_that_the_document_names(operation: Any) -> None:
    named = {parameter.name for parameter in operation.parameters if parameter.place == "query"}
    assert operation.route.is_candles_route or set(operation.route.query) == named


@pytest.mark.parametrize("route", [route for route in ROUTES if route.path.startswith(ADMIN)], ids=path_of)
def test_what_a_route_of_ours_does_not_read_is_refused(ask: Ask, route: Route) -> None:
    for name, field in (("verbose", "verbose"), ("x" * 30, "query"), ("a b", "query"), ("ключ", "query")):
        status, body = ask(route.method, path_of(route), (name, "1"))
        assert (status, body["error"]["code"], body["error"]["field"]) == (400, "INVALID_REQUEST", field)
        assert ("it takes none" if not route.query else f"it takes {', '.join(route.query)}") in body["error"][
            "message"
        ]


@pytest.mark.parametrize(
    ("path", "name", "meant"),
    [
        ("/api/admin/coverage", "interval", "intervals"),
        ("/api/admin/coverage/months", "interval", "intervals"),
        ("/api/admin/coverage/BTCUSDT", "intervals", "interval"),
        ("/api/admin/coverage/BTCUSDT", "start", "start_date"),
        ("/api/admin/collect/status", "runId", "run_id"),
    ],
)
def test_the_name_that_was_meant_is_given(ask: Ask, path: str, name: str, meant: str) -> None:
    status, body = ask("GET", path, (name, "5m"))
    assert status == 400
    assert body["error"]["message"].endswith(f"; perhaps {meant} is meant")


def test_a_dry_run_in_the_query_starts_no_run(ask: Ask) -> None:
    runs = ask("GET", "/api/admin/collect/runs")
    status, body = ask("POST", "/api/admin/collect/trigger", ("dry_run", "true"))
    assert (status, body["error"]["field"]) == (400, "dry_run")
    assert body["error"]["message"].endswith("it takes none: fields go into the body")
    assert ask("GET", "/api/admin/collect/runs") == runs


@pytest.mark.parametrize(
    ("path", "twice"),
    [
        ("/api/admin/coverage/BTCUSDT", [("interval", "5m"), ("interval", "1h")]),
        ("/api/admin/collect/status", [("windows", "1"), ("windows", "1")]),
        ("/openapi.json", [("x", "1"), ("x", "2")]),
    ],
)
def test_a_parameter_that_is_given_twice_is_refused_by_our_routes(
    ask: Ask, path: str, twice: list[tuple[str, str]]
) -> None:
    status, body = ask("GET", path, *twice)
    assert (status, body["error"]["message"]) == (400, f"{twice[0][0]}: is given more than once")


@pytest.mark.parametrize("path", ["/api/v3/klines", "/api/v3/uiKlines", "/api/v3/exchangeInfo", "/api/v3/time"])
def test_and_by_binances_in_its_words(ask: Ask, path: str) -> None:
    status, body = ask("GET", path, *OF_BTC, ("symbol", "ETHUSDT"))
    assert (status, body["code"], body["msg"]) == (400, -1101, "Duplicate values for parameter 'symbol' detected.")
    assert ask("GET", path, ("<b>", "1"), ("<b>", "2"))[1]["msg"] == "Duplicate values for parameter detected."


def test_what_clients_of_binance_send_is_taken(ask: Ask) -> None:
    sent = [("limit", "5"), ("startTime", "0"), ("endTime", str(2**63 - 1)), ("timeZone", "0")]
    assert ask("GET", "/api/v3/klines", *OF_BTC, *sent)[0] == 200
    for path in ("/api/v3/time", "/api/v3/ping"):
        assert ask("GET", path, ("timestamp", "1"), ("recvWindow", "5000"))[0] == 200
    assert ask("GET", "/api/v3/exchangeInfo", ("permissions", "SPOT"), ("showPermissionSets", "false"))[0] == 200


@pytest.mark.parametrize(
    ("interval", "hint"),
    [("7m", "; the nearest are 5m and 15m."), ("1H", "; perhaps 1h is meant."), ("5m,1h", "."), ("1s", ".")],
)
def test_an_interval_that_there_is_not_is_answered_with_those_that_there_are(
    ask: Ask, interval: str, hint: str
) -> None:
    status, body = ask("GET", "/api/v3/klines", ("symbol", "BTCUSDT"), ("interval", interval))
    assert (status, body["code"], body["error"]["code"]) == (400, -1120, "INVALID_INTERVAL")
    assert body["msg"] == f"Invalid interval. This archive serves {', '.join(INTERVALS)}{hint}"
    status, body = ask("GET", "/api/admin/coverage/BTCUSDT", ("interval", interval))
    assert (status, body["error"]["field"]) == (400, "interval")
    assert body["error"]["message"] == f"interval: takes one of {', '.join(INTERVALS)}{hint[:-1]}"


@pytest.mark.parametrize("path", ["/api/admin/coverage", "/api/admin/coverage/months"])
def test_a_list_is_about_the_intervals_that_it_is_asked_for(ask: Ask, path: str) -> None:
    (listed,) = [value for value in ask("GET", path)[1].values() if isinstance(value, list)]
    assert {series["interval"] for series in listed} == {"1h"}
    (hours,) = [value for value in ask("GET", path, ("intervals", "1h,5m"))[1].values() if isinstance(value, list)]
    assert hours == listed
    (none,) = [value for value in ask("GET", path, ("intervals", "5m"))[1].values() if isinstance(value, list)]
    assert none == []
    for names, hint in (("1h,7m", "; the nearest are 5m and 15m"), ("1h,", ""), ("<b>", "")):
        status, body = ask("GET", path, ("intervals", names))
        assert (status, body["error"]["field"]) == (400, "intervals")
        assert body["error"]["message"].endswith(
            f"takes some of 1m, 3m, 5m, 15m, 30m, 1h, 1d, with commas between{hint}"
        )
