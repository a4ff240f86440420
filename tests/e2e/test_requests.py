"""What the API takes and refuses, asked over HTTP: keys in their three places, and bodies that cannot be meant."""

import json
import re
from typing import Any

import pytest
import requests

from tests.e2e.conftest import StackUnderTest
from tests.e2e.driving import RUNS, STATUS, TRIGGER, Api, StackExchange
from tests.e2e.runtimes import core

INFO = "/api/admin/system/info"
KEY_PLACES = ("X-API-Key", "Authorization: Bearer", "?api_key=")
RUN_ID = re.compile("[0-9A-HJKMNP-TV-Z]{26}")
ONE_DAY = {"mode": "backward", "start_date": "2025-01-01", "end_date": "2025-01-01", "symbols": ["BTCUSDT"]}


def requested(url: str, place: str, key: str, body: Any = None) -> requests.Response:
    """Send a body, or GET where there is no body, with the key in one of the three places."""
    headers = {"X-API-Key": {"X-API-Key": key}, "Authorization: Bearer": {"Authorization": f"Bearer {key}"}}
    query = {"api_key": key} if place == "?api_key=" else {}
    method = "GET" if body is None else "POST"
    return requests.request(method, url, headers=headers.get(place), params=query, json=body, timeout=60)


@core
@pytest.mark.parametrize("place", KEY_PLACES)
def test_trigger_status_and_info_take_the_key_in_three_places(stack: StackUnderTest, place: str) -> None:
    started = requested(stack.api_url + TRIGGER, place, stack.api_key, ONE_DAY)
    assert started.status_code == 202
    reported = started.json()
    run_id = reported.pop("run_id")
    assert RUN_ID.fullmatch(run_id)
    assert 0 < reported.pop("estimated_minutes") < 1
    assert reported == {
        "success": True,
        "message": "Collection task started: backward",
        "mode": "backward",
        "start_date": "2025-01-01",
        "end_date": "2025-01-01",
        "total_cryptos": 1,
        "intervals": ["1h"],
        "status_endpoint": STATUS,
        "status_url": f"{stack.api_url}{STATUS}?run_id={run_id}",
        "note": None,
    }
    status = requested(stack.api_url + STATUS, place, stack.api_key)
    assert status.status_code == 200
    assert status.json()["run_id"] == run_id
    Api(stack).result(run_id)
    info = requested(stack.api_url + INFO, place, stack.api_key)
    assert info.status_code == 200
    assert info.json()["service"] == "candle-collector"
    assert info.json()["store"]["candles"] >= 24
    assert info.json()["collection"]["state"] == "idle"


@pytest.mark.parametrize(("method", "path"), [("POST", TRIGGER), ("GET", STATUS), ("GET", INFO), ("GET", RUNS)])
def test_without_a_key_nobody_gets_in(stack: StackUnderTest, method: str, path: str) -> None:
    answer = requests.request(method, stack.api_url + path, timeout=60)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "MISSING_API_KEY"
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("place", KEY_PLACES)
def test_a_wrong_key_is_refused_wherever_it_comes(stack: StackUnderTest, place: str) -> None:
    wrong = stack.api_key[:-1] + ("a" if stack.api_key[-1] != "a" else "b")
    answer = requested(stack.api_url + STATUS, place, wrong)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "INVALID_API_KEY"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        pytest.param({}, 400, "mode", id="no mode"),
        pytest.param({"mode": "sideways"}, 400, "mode", id="an unknown mode"),
        pytest.param({"mode": "backward", "colour": "red"}, 400, "colour", id="an unknown field"),
        pytest.param({"mode": "backward", "start_date": "01.01.2025"}, 400, "start_date", id="another form of a date"),
        pytest.param({"mode": "backward", "start_date": "2024-W01-1"}, 400, "start_date", id="a week"),
        pytest.param({"mode": "backward", "start_date": "2025-02-30"}, 400, "start_date", id="no day of the calendar"),
        pytest.param({"mode": "backward", "start_date": 20250101}, 400, "start_date", id="a number for a date"),
        pytest.param({"mode": "backward", "start_date": "2016-12-31"}, 400, "start_date", id="before 2017"),
        pytest.param({"mode": "backward", "start_date": "2999-01-01"}, 400, "start_date", id="a start in the future"),
        pytest.param(
            {"mode": "backward", "start_date": "2025-02-01", "end_date": "2025-01-01"}, 400, "end_date", id="reversed"
        ),
        pytest.param({"mode": "backward", "symbols": []}, 400, "symbols", id="no symbols"),
        pytest.param(
            {"mode": "backward", "symbols": [f"A{number}USDT" for number in range(1000)]}, 400, "symbols", id="1000"
        ),
        pytest.param({"mode": "backward", "symbols": ["btc usdt"]}, 400, "symbols", id="not a symbol"),
        pytest.param({"mode": "backward", "symbols": ["NOSUCHUSDT"]}, 400, "symbols", id="an unknown symbol"),
        pytest.param(["backward"], 400, "body", id="a list"),
        pytest.param(b"mode=backward", 400, "body", id="no JSON"),
        pytest.param(b"", 400, "body", id="nothing"),
        pytest.param(json.dumps({"mode": "x" * 70_000}).encode(), 413, "body", id="too large"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_field_and_starts_nothing(
    stack: StackUnderTest, body: Any, status: int, field: str
) -> None:
    api = Api(stack)
    before = api.get(RUNS, limit=1).json()["runs"]
    answer = api.post(TRIGGER, body)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["field"] == field
    assert error["code"]
    assert field in error["message"]
    assert api.get(RUNS, limit=1).json()["runs"] == before


def test_an_exchange_that_refuses_at_the_trigger_is_reported_with_the_remedy_and_starts_nothing(
    stack: StackUnderTest, exchange: StackExchange
) -> None:
    api = Api(stack)
    before = api.get(RUNS, limit=1).json()["runs"]
    exchange.settings(faults=[{"kind": "status", "status": 451, "match": {"path": "exchangeInfo"}}])
    answer = api.post(TRIGGER, ONE_DAY)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "EXCHANGE_UNAVAILABLE"
    assert "ExchangeBaseUrl" in answer.json()["error"]["message"]
    assert api.get(RUNS, limit=1).json()["runs"] == before


def test_a_future_end_is_cut_at_the_last_closed_hour_and_said(stack: StackUnderTest) -> None:
    answer = Api(stack).post(TRIGGER, {**ONE_DAY, "end_date": "2999-01-01", "dry_run": True})
    assert answer.status_code == 200
    assert answer.json()["end_date"] in answer.json()["note"]


def test_no_such_run_and_no_such_route_are_not_found(stack: StackUnderTest) -> None:
    api = Api(stack)
    unknown = "0" * 26
    for answer in (
        api.get(STATUS, run_id=unknown),
        api.post(f"{RUNS}/{unknown}/retry"),
        api.post(f"{RUNS}/{unknown}/cancel"),
        api.get("/api/admin/nothing"),
    ):
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "NOT_FOUND"
