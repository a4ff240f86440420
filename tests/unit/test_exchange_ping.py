"""Whether the exchange answers from here."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from candle_collector.adapters.binance.bounded_http import BoundedSession, BrokenAnswerError
from candle_collector.adapters.binance.ping import ExchangePing


class Exchange(HTTPServer):
    """Answers every request with `status`, and keeps what was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.status = 200
        self.requested: list[str] = []


class _Answer(BaseHTTPRequestHandler):
    server: Exchange

    def do_CONNECT(self) -> None:
        self.server.requested.append(self.path)
        self.send_error(502)

    def do_GET(self) -> None:
        self.server.requested.append(self.path)
        self.send_response(200 if self.path == "/elsewhere" else self.server.status)
        if self.server.status == 301:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    with Exchange() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_an_exchange_is_asked_every_eight_seconds_at_most(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("candle_collector.adapters.binance.ping.time.monotonic", lambda: now)
    ping = ExchangePing(f"http://127.0.0.1:{exchange.server_port}")
    assert [ping.answers() for _ in range(3)] == [True] * 3
    now += 7.9
    assert ping.answers()
    assert exchange.requested == ["/api/v3/ping"]
    now += 0.2
    exchange.status = 451
    assert not ping.answers()
    assert len(exchange.requested) == 2


@pytest.mark.parametrize("status", [301, 403, 418, 429, 451, 500])
def test_an_exchange_that_refuses_is_not_reachable(exchange: Exchange, status: int) -> None:
    exchange.status = status
    assert not ExchangePing(f"http://127.0.0.1:{exchange.server_port}").answers()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("variable", ["{}_PROXY", "{}_proxy", "ALL_PROXY"])
def test_it_goes_through_the_proxy_that_the_environment_names_as_the_client_does(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, scheme: str, variable: str
) -> None:
    """The proxy here takes a request whole, and refuses to connect to a server for TLS."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    name = variable.format(scheme.upper() if "PROXY" in variable else scheme)
    monkeypatch.setenv(name, f"http://127.0.0.1:{exchange.server_port}")
    url = f"{scheme}://data-api.binance.vision"
    target = "http://data-api.binance.vision/api/v3/ping" if scheme == "http" else "data-api.binance.vision:443"
    assert ExchangePing(url).answers() is (scheme == "http")
    with suppress(BrokenAnswerError):
        BoundedSession().get(f"{url}/api/v3/ping", {}, seconds=2, most_bytes=99)
    assert exchange.requested == [target, target]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,data-api.binance.vision")
    monkeypatch.setenv("no_proxy", "127.0.0.1,data-api.binance.vision")
    assert ExchangePing(f"http://127.0.0.1:{exchange.server_port}").answers()
    assert exchange.requested[2:] == ["/api/v3/ping"]


def test_an_exchange_that_is_not_there_is_not_reachable(exchange: Exchange) -> None:
    port = exchange.server_port
    exchange.server_close()
    assert not ExchangePing(f"http://127.0.0.1:{port}").answers()
