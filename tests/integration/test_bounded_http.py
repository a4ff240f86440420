"""A request that is cut by its deadline: what has come by then is never taken for a whole answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from candle_collector.adapters.binance.bounded_http import BoundedSession, BrokenAnswerError

WITHOUT_LENGTH = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"


@pytest.fixture
def trickling() -> Iterator[str]:
    """Serve a body whose end is that of the connection, which never comes."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(WITHOUT_LENGTH + b"[]")
                ended.wait(30)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        ended.set()
        thread.join()


def test_a_body_without_a_length_that_the_deadline_cuts_is_not_an_answer(trickling: str) -> None:
    with pytest.raises(BrokenAnswerError, match="no whole answer within"):
        BoundedSession().get(trickling, {}, seconds=0.5, most_bytes=1000)


def test_of_an_answer_that_is_too_large_its_status_is_known(trickling: str) -> None:
    with pytest.raises(BrokenAnswerError, match="larger than 1 bytes") as caught:
        BoundedSession().get(trickling, {}, seconds=60, most_bytes=1)
    assert caught.value.begun is not None
    assert caught.value.begun.status == 200


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[bytes]]]:
    """Serve a proxy that answers for whatever is requested, and keep what that was."""
    requested: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                connection, _ = server.accept()
                with connection:
                    if not (request := connection.recv(65_536)):
                        return
                    requested.append(request)
                    connection.sendall(WITHOUT_LENGTH + b"[]")

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", requested
        socket.create_connection(server.getsockname()).close()
        thread.join()


def test_the_proxy_that_the_environment_names_is_used_each_time(
    proxy: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, requested = proxy
    monkeypatch.setenv("http_proxy", address)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    session = BoundedSession()
    for start in "12":
        url = "http://exchange.invalid/api/v3/klines"
        assert session.get(url, {"start": start}, seconds=5, most_bytes=1000).body == b"[]"
    lines = [request.partition(b"\r\n")[0] for request in requested]
    assert lines == [b"GET http://exchange.invalid/api/v3/klines?start=%d HTTP/1.1" % start for start in (1, 2)]
    monkeypatch.setenv("no_proxy", "exchange.invalid")
    with pytest.raises(BrokenAnswerError, match=r"name exchange\.invalid was not resolved"):
        BoundedSession().get(url, {}, seconds=5, most_bytes=1000)


def test_what_a_netrc_has_for_a_host_goes_with_no_request(
    proxy: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url, requested = proxy
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    session = BoundedSession()
    for _ in range(2):
        session.get(url, {}, seconds=5, most_bytes=1000)
    assert len(requested) == 2
    assert b"authorization" not in b"".join(requested).lower()
