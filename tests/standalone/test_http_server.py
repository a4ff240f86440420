"""The API over HTTP: what callers send, well-formed or not, and what they get."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest
import requests
from candle_collector.api import routes
from candle_collector.domain.api_key import Scope

from standalone.gateway import ApiFunctions
from standalone.gateway_answers import REFUSAL_HEADERS
from standalone.http_server import BODY_MOST
from tests.api_contract.gateway import FUNCTIONS, in_process
from tests.standalone.serving import send, served

ORIGIN = "https://candles.example.org"


class Api(NamedTuple):
    """What is served."""

    port: int
    key: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **how: Any) -> requests.Response:
        return requests.get(self.url + path, headers={"X-API-Key": self.key}, timeout=20, **how)


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with in_process() as (_, keys), served(FUNCTIONS) as port:
        yield Api(port, keys[Scope.ADMIN])


def code(response: requests.Response) -> str:
    said: str = response.json()["error"]["code"]
    return said


def test_a_caller_with_a_key_is_answered(api: Api) -> None:
    answered = api.get("/api/v3/klines", params={"symbol": "BTCUSDT", "interval": "1h", "limit": "2"})
    assert answered.status_code == 200
    assert len(answered.json()) == 2
    assert answered.headers["Cache-Control"] == "no-store"
    assert answered.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("method", "path", "headers", "said"),
    [
        ("GET", "/api/v3/ping", {}, (401, "MISSING_API_KEY")),
        ("GET", "/api/v3/ping", {"X-API-Key": "wrong"}, (403, "INVALID_API_KEY")),
        ("GET", "/", {}, (404, "NOT_FOUND")),
        ("GET", "/api/v3/klines/more", {}, (404, "NOT_FOUND")),
        ("DELETE", "/api/v3/klines", {}, (404, "NOT_FOUND")),
        ("GET", "/api/admin/collect/trigger", {}, (404, "NOT_FOUND")),
        ("BREW", "/api/v3/ping", {}, (404, "NOT_FOUND")),
    ],
)
def test_a_refusal_is_in_the_templates_words(
    api: Api, method: str, path: str, headers: dict[str, str], said: tuple[int, str]
) -> None:
    answered = requests.request(method, api.url + path, headers=headers, timeout=20)
    assert (answered.status_code, code(answered)) == said
    assert answered.headers.items() >= REFUSAL_HEADERS.items()
    assert "Access-Control-Allow-Origin" not in answered.headers


def test_a_key_is_found_in_repeated_headers_and_parameters(api: Api) -> None:
    head = "GET /api/v3/ping?api_key={} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{}\r\n"
    key = api.key
    agreeing = send(api.port, head.format(key, f"X-API-Key: {key}\r\nx-api-key: {key}\r\n").encode())
    assert agreeing.startswith(b"HTTP/1.1 200")
    disagreeing = send(api.port, head.format(key, f"X-API-Key: {key}\r\nX-API-Key: other\r\n").encode())
    assert disagreeing.startswith(b"HTTP/1.1 403")
    twice = requests.get(f"{api.url}/api/v3/ping", params=[("api_key", key), ("api_key", "other")], timeout=20)
    assert (twice.status_code, code(twice)) == (403, "INVALID_API_KEY")


@pytest.mark.parametrize("path", ["%00", "%zz", "%", "%ff%fe", "..%2f..", "%0d%0aSet-Cookie:a", "A" * 4000, "币安人生"])
def test_a_path_that_names_nothing_is_refused_and_not_repeated(api: Api, path: str) -> None:
    raw = f"GET /api/admin/coverage/{path} HTTP/1.1\r\nHost: a\r\nX-API-Key: {api.key}\r\nConnection: close\r\n\r\n"
    answered = send(api.port, raw.encode())
    assert int(answered.split()[1]) in {400, 404}
    assert b"Set-Cookie" not in answered
    assert b"A" * 100 not in answered


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /api/v3/ping HTTP/1.1\r\nHost: a\r\nX-API-Key: a\x00b\r\n\r\n",
        b"GET /api/v3/ping HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST /api/v3/ping HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    ],
    ids=["noise", "NUL in the path", "NUL in a header", "no colon", "bad length"],
)
def test_what_is_not_http_is_refused_as_everything_else(api: Api, raw: bytes) -> None:
    head, _, body = send(api.port, raw).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"x-content-type-options: nosniff" in head
    assert json.loads(body)["error"]["code"] == "REQUEST_REFUSED"
    assert api.get("/api/v3/ping").status_code == 200


@pytest.mark.parametrize(
    "headers", [b"X-API-Key: " + b"k" * 1_000_000, b"\r\n".join(b"x-%d: y" % n for n in range(100_000))]
)
def test_huge_headers_are_refused_before_they_have_all_come(api: Api, headers: bytes) -> None:
    try:
        answered = send(api.port, b"GET /api/v3/ping HTTP/1.1\r\nHost: a\r\n" + headers)
    except ConnectionError:
        answered = b""  # closed under what was still to be sent
    assert answered == b"" or answered.startswith(b"HTTP/1.1 400 ")
    assert api.get("/api/v3/ping").status_code == 200


def test_http_1_0_is_answered_and_the_connection_closed(api: Api) -> None:
    answered = send(api.port, f"GET /api/v3/ping?api_key={api.key} HTTP/1.0\r\n\r\n".encode())
    assert answered.startswith(b"HTTP/1.1 200")
    assert answered.endswith(b"{}")


def test_a_body_that_is_too_large_is_refused_whether_or_not_it_says_so(api: Api) -> None:
    url, headers = api.url + routes.TRIGGER.path, {"X-API-Key": api.key}
    head = f"POST {routes.TRIGGER.path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    assert send(api.port, f"{head}Content-Length: {BODY_MOST + 1}\r\n\r\n".encode()).startswith(b"HTTP/1.1 413")
    piece = b" " * 1_000_000
    chunked = requests.post(url, headers=headers, data=(piece for _ in range(11)), timeout=20)
    assert (chunked.status_code, code(chunked)) == (413, "REQUEST_TOO_LARGE")
    fits = requests.post(url, headers=headers, data=b"\xff" * 1000, timeout=20)
    assert (fits.status_code, code(fits)) == (400, "INVALID_REQUEST")


def test_a_browsers_preflight_is_answered_without_a_key() -> None:
    with in_process(), served(FUNCTIONS, ORIGIN) as port:
        url = f"http://127.0.0.1:{port}"
        sent = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
        answered = requests.options(url + routes.TRIGGER.path, headers=sent, timeout=20)
        assert answered.status_code == 200
        assert answered.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert answered.headers["Access-Control-Allow-Methods"] == "OPTIONS,POST"
        refused = requests.get(url + "/api/v3/ping", timeout=20)
        assert refused.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert requests.options(url + "/nothing", timeout=20).status_code == 404


def test_many_callers_at_once_get_their_own_answers(api: Api) -> None:
    def ask(number: int) -> None:
        symbol = ("BTCUSDT", "ETHUSDT", "NONEUSDT")[number % 3]
        match number % 4:
            case 0:
                answered = api.get(f"/api/admin/coverage/{symbol}")
                expected = 404 if symbol == "NONEUSDT" else 200
                assert answered.status_code == expected
                assert expected == 404 or answered.json()["symbol"] == symbol
            case 1:
                answered = api.get("/api/v3/klines", params={"symbol": symbol, "interval": "1h", "limit": number})
                assert answered.status_code == (400 if symbol == "NONEUSDT" else 200)
                assert answered.status_code == 400 or len(answered.json()) == number
            case 2:
                assert api.get("/api/v3/ping").json() == {}
            case _:
                limit = api.get("/api/admin/collect/runs", params={"limit": "999"})
                assert limit.json()["error"]["field"] == "limit"

    with ThreadPoolExecutor(16) as threads:
        for done in [threads.submit(ask, number) for number in range(1, 240)]:
            done.result()


def test_a_function_that_fails_is_answered_and_logged_without_what_it_said() -> None:
    def fail(_event: object, _context: object) -> Any:
        raise RuntimeError("the table's secret")

    with in_process() as (_, keys):
        broken = ApiFunctions(FUNCTIONS.authorizer, fail, fail, fail)
        with served(broken) as port:
            answered = Api(port, keys[Scope.ADMIN]).get("/api/v3/ping")
            assert (answered.status_code, code(answered)) == (500, "INTERNAL_ERROR")
        with served(ApiFunctions(fail, fail, fail, fail)) as port:
            answered = Api(port, keys[Scope.ADMIN]).get("/api/v3/ping")
            assert (answered.status_code, answered.json()["error"]["message"]) == (
                500,
                "The key could not be checked. Try again.",
            )
            assert "secret" not in answered.text
