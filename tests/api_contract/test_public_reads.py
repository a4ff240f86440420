"""PublicReads opens the routes of Binance's shape to callers that send no key, those alone, and as many as it says."""

from __future__ import annotations

import json

import pytest
from candle_collector.api.limits import PUBLIC_BURST, PUBLIC_CALLS_A_SECOND
from candle_collector.api.routes import METRICS, ROUTES
from candle_collector.domain.api_key import Scope

from standalone import gateway as standalone
from standalone.request import Request
from standalone.throttle import Throttle
from tests.api_contract.gateway import FUNCTIONS, in_process

KLINES = "/api/v3/klines"
OF_BTC = [("symbol", "BTCUSDT"), ("interval", "1h"), ("limit", "1")]


def test_without_it_every_route_needs_a_key() -> None:
    with in_process() as (gateway, _):
        assert {gateway.ask(route.method, route.path).status for route in ROUTES} == {401}


def test_with_it_the_routes_of_binances_shape_answer_and_no_others() -> None:
    with in_process(PublicReads="true") as (gateway, _):
        for route in ROUTES:
            answer = gateway.ask(route.method, route.path)
            assert (answer.status == 401) is not route.path.startswith("/api/v3/"), route.path
        assert gateway.ask("GET", KLINES, query=OF_BTC).status == 200
        assert gateway.ask("GET", KLINES, query=OF_BTC, headers=[("X-MBX-APIKEY", "")]).status == 200


def test_a_key_that_is_sent_has_to_be_valid_all_the_same() -> None:
    with in_process(PublicReads="true") as (gateway, keys):
        assert gateway.ask("GET", KLINES, query=OF_BTC, headers=[("X-MBX-APIKEY", "not-a-key")]).status == 403
        assert gateway.ask("GET", KLINES, query=OF_BTC, headers=[("X-API-Key", keys[Scope.READ])]).status == 200


def test_callers_without_a_key_are_throttled_and_those_with_one_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standalone, "Throttle", lambda rate, burst: Throttle(rate, burst, monotonic=lambda: 0.0))
    with in_process(PublicReads="true") as (gateway, keys):
        statuses = [gateway.ask("GET", KLINES, query=OF_BTC).status for _ in range(PUBLIC_BURST + 2)]
        assert statuses == [200] * PUBLIC_BURST + [429] * 2
        refused = gateway.ask("GET", KLINES, query=OF_BTC)
        assert json.loads(refused.body)["error"]["code"] == "TOO_MANY_REQUESTS"
        assert gateway.ask("GET", "/api/v3/ping").status == 200
        assert gateway.ask("GET", KLINES, query=OF_BTC, headers=[("X-API-Key", keys[Scope.READ])]).status == 200


def test_the_limits_that_are_answered_are_those_in_force() -> None:
    for public, calls in (("true", PUBLIC_CALLS_A_SECOND), ("false", 100)):
        with in_process(PublicReads=public) as (gateway, keys):
            answer = gateway.ask("GET", "/api/v3/exchangeInfo", headers=[("X-API-Key", keys[Scope.READ])])
            assert json.loads(answer.body)["rateLimits"][1]["limit"] == calls


def test_a_throttle_lets_a_burst_through_and_then_its_rate() -> None:
    now = [100.0]
    throttle = Throttle(2, 3, monotonic=lambda: now[0])
    assert [throttle.admits() for _ in range(4)] == [True, True, True, False]
    now[0] += 0.5
    assert [throttle.admits() for _ in range(2)] == [True, False]
    now[0] += 60
    assert [throttle.admits() for _ in range(4)] == [True, True, True, False]


def test_who_reads_without_a_key_is_not_known_as_somebody_with_one_while_the_database_is_gone() -> None:
    with in_process(PublicReads="true"):
        gateway = standalone.Gateway(FUNCTIONS, "", metrics=lambda: "figures", outage=lambda: "it is gone")
        headers = [("Authorization", "Basic x")]  # where a key may be, and not one
        assert gateway.answer(Request("GET", KLINES, OF_BTC, headers)).status == 200
        assert gateway.answer(Request("GET", METRICS.path, [], headers)).status == 401
