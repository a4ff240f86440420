"""Every place for a key, in every state of a key, on every route of the local stack: the exact status and code."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, quote_from_bytes, urlsplit

import pytest
from candle_collector.api import routes
from candle_collector.api.create_key import create_key
from candle_collector.api.routes import ROUTES, Route
from candle_collector.domain.api_key import ApiKey, Scope
from candle_collector.ports import ApiKeyStore

from tests.e2e.conftest import StackUnderTest
from tests.e2e.runtimes import core

NOWHERE = "01AAAAAAAAAAAAAAAAAAAAAAAA"
# What a caller with a good key is answered; bodies and parameters are such that nothing is started.
GOOD = {
    routes.TRIGGER: (400, "INVALID_REQUEST"),
    routes.RETRY: (404, "NOT_FOUND"),
    routes.CANCEL: (404, "NOT_FOUND"),
    routes.STATUS: (200, None),
    routes.RUNS: (200, None),
    routes.UNIVERSE: (404, "NOT_FOUND"),
    routes.COVERAGE: (200, None),
    routes.COVERAGE_BY_MONTH: (200, None),
    routes.SYMBOL_COVERAGE: (404, "NOT_FOUND"),
    routes.SYSTEM_INFO: (200, None),
    routes.OPENAPI: (200, None),
    routes.KLINES: (400, "MISSING_PARAMETER"),
    routes.UI_KLINES: (400, "MISSING_PARAMETER"),
    routes.EXCHANGE_INFO: (200, None),
    routes.TIME: (200, None),
    routes.PING: (200, None),
}
MISSING, INVALID, SCOPE = (401, "MISSING_API_KEY"), (403, "INVALID_API_KEY"), (403, "FORBIDDEN_SCOPE")
PLACES = ("X-API-Key", "Authorization", "api_key", "X-MBX-APIKEY")
Reported = tuple[int, str | None]


@dataclass(frozen=True)
class Keys:
    """A key in each state, and the table to change them in."""

    table: ApiKeyStore
    texts: dict[str, bytes]


def made(table: ApiKeyStore, scope: Scope = Scope.ADMIN) -> ApiKey:
    return create_key(table, name="matrix", scope=scope, now=datetime.now(UTC))[0]


def expire(table: ApiKeyStore, key: ApiKey) -> None:
    stored = table.get(key.key_id)
    assert stored is not None
    table.put(replace(stored, expires_at=datetime.now(UTC) - timedelta(seconds=1)))


@pytest.fixture(scope="module")
def keys(stack: StackUnderTest) -> Keys:
    table = stack.container.keys
    valid, revoked, expired, reader = made(table), made(table), made(table), made(table, Scope.READ)
    table.revoke(revoked.key_id, datetime.now(UTC))
    expire(table, expired)
    good = valid.text.encode()
    return Keys(
        table,
        {
            "valid": good,
            "none": b"",
            "wrong": ApiKey(valid.key_id, "0" * 32).text.encode(),
            "unknown id": ApiKey("0" * 10, valid.secret).text.encode(),
            "bad checksum": good[:-1] + (b"0" if good[-1:] != b"0" else b"1"),
            "revoked": revoked.text.encode(),
            "expired": expired.text.encode(),
            "wrong scope": reader.text.encode(),
            "disagreeing": good,
            "non-ASCII": good[:20] + "ключ".encode() + b"\xff\xfe" + good[20:],
            "8 KB": good + b"x" * (8192 - len(good)),
        },
    )


STATES = (
    # the gateway itself refuses what has no key, and its authorizer the others
    *(pytest.param(state, marks=core) for state in ("valid", "none", "wrong", "wrong scope")),
    *("unknown id", "bad checksum", "revoked", "expired", "disagreeing", "non-ASCII", "8 KB"),
)


def expected(state: str, route: Route) -> Reported:
    if state == "valid" or (state == "wrong scope" and route.scope is Scope.READ):
        return GOOD[route]
    return {"none": MISSING, "wrong scope": SCOPE}.get(state, INVALID)


def ask(stack: StackUnderTest, route: Route, carried: dict[str, bytes]) -> Reported:
    """Ask a route with keys in these places, byte for byte, and return the status and the code of the error."""
    path = route.path.replace("{run_id}", NOWHERE).replace("{symbol}", "NOSUCHUSDT")
    query = ["date=2017-01-01"] if route is routes.UNIVERSE else []
    query += [f"api_key={quote_from_bytes(carried['api_key'])}"] if "api_key" in carried else []
    connection = http.client.HTTPConnection(urlsplit(stack.api_url).netloc, timeout=60)
    try:
        connection.putrequest(route.method, quote(path) + ("?" + "&".join(query) if query else ""))
        for name, value in carried.items():
            if name != "api_key":
                connection.putheader(name, b"Bearer " + value if name == "Authorization" else value)
        connection.putheader("Content-Length", "2" if route is routes.TRIGGER else "0")
        connection.endheaders(b"{}" if route is routes.TRIGGER else b"")
        answer = connection.getresponse()
        reported = json.loads(answer.read())
    finally:
        connection.close()
    return answer.status, reported["error"]["code"] if isinstance(reported, dict) and "error" in reported else None


def places_of(route: Route) -> tuple[str, ...]:
    return PLACES if route.is_candles_route else PLACES[:3]


@pytest.mark.parametrize("state", STATES)
def test_a_key_in_any_state_in_any_place_on_any_route_is_answered_exactly(
    stack: StackUnderTest, keys: Keys, state: str
) -> None:
    def carried(route: Route, place: str) -> dict[str, bytes]:
        if not place:
            return {}
        other = next(name for name in places_of(route) if name != place)
        return {place: keys.texts[state]} | ({other: keys.texts["wrong"]} if state == "disagreeing" else {})

    # without a key there are no places
    cases = [(route, place) for route in ROUTES for place in (places_of(route) if state != "none" else [""])]
    with ThreadPoolExecutor(4) as callers:
        answers = list(callers.map(lambda case: ask(stack, case[0], carried(*case)), cases))
    wrong = {
        f"{route.path} with the key in {place}": answer
        for (route, place), answer in zip(cases, answers, strict=True)
        if answer != expected(state, route)
    }
    assert wrong == {}


def test_every_route_is_in_the_matrix() -> None:
    assert GOOD.keys() == set(ROUTES)


def test_binances_header_is_not_read_on_our_own_routes(stack: StackUnderTest, keys: Keys) -> None:
    for route in ROUTES:
        if not route.is_candles_route:
            assert ask(stack, route, {"X-MBX-APIKEY": keys.texts["valid"]}) == MISSING, route.path


def test_a_revocation_by_the_command_holds_from_the_next_call(stack: StackUnderTest, keys: Keys) -> None:
    key = made(keys.table)
    carried = {"X-API-Key": key.text.encode()}
    assert ask(stack, routes.STATUS, carried) == (200, None)
    command = [sys.executable, "-m", "cli", "keys", "revoke", key.key_id]
    subprocess.run(command, env=stack.environment, check=True, capture_output=True)  # noqa: S603 - our own command
    assert ask(stack, routes.STATUS, carried) == INVALID


def test_an_expiry_holds_from_the_next_call(stack: StackUnderTest, keys: Keys) -> None:
    key = made(keys.table)
    carried = {"X-API-Key": key.text.encode()}
    assert ask(stack, routes.STATUS, carried) == (200, None)
    expire(keys.table, key)
    assert ask(stack, routes.STATUS, carried) == INVALID


def test_the_use_of_a_key_is_noted_once(stack: StackUnderTest, keys: Keys) -> None:
    key = made(keys.table)
    noted = []
    for _ in range(3):
        assert ask(stack, routes.STATUS, {"X-API-Key": key.text.encode()}) == (200, None)
        stored = keys.table.get(key.key_id)
        assert stored is not None
        noted.append(stored.last_used_at)
    assert noted[0] is not None
    assert noted == [noted[0]] * 3
