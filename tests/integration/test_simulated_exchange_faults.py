"""Each fault of the simulated exchange, as a client that trusts nothing sees it on the wire."""

import gzip
import json
import socket
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from simulator.broken_rows import ROW_FAULTS
from tests.exchange import RunningExchange, running_exchange

START_2025_MS = 1_735_689_600_000
HOUR_MS = 3_600_000
TARGET = f"/api/v3/klines?symbol=BTCUSDT&interval=1h&startTime={START_2025_MS}&limit=6"


@pytest.fixture(scope="module")
def running() -> Iterator[RunningExchange]:
    with running_exchange("--simulated") as exchange:
        yield exchange


@pytest.fixture
def exchange(running: RunningExchange) -> Iterator[RunningExchange]:
    yield running
    running.settings(faults=[])
    running.reset()


def _wire(exchange: RunningExchange) -> tuple[bytes, dict[str, str], bytes, bool]:
    """Return status line, headers, body as sent, and whether the connection was reset."""
    address = urlsplit(exchange.url)
    received, reset = b"", False
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(f"GET {TARGET} HTTP/1.1\r\nHost: exchange\r\nConnection: close\r\n\r\n".encode())
        try:
            while part := connection.recv(1_000_000):
                received += part
        except ConnectionResetError:
            reset = True
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    headers = dict(line.decode().split(": ", 1) for line in lines)
    return status.removeprefix(b"HTTP/1.1 "), headers, body, reset


def _faulty(exchange: RunningExchange, kind: str, **options: Any) -> tuple[bytes, dict[str, str], bytes, bool]:
    exchange.settings(faults=[{"kind": kind, **options}])
    answer = _wire(exchange)
    assert exchange.stats()["faults"] == {kind: 1}
    return answer


@pytest.fixture(scope="module")
def right(running: RunningExchange) -> bytes:
    """Return the body of the right answer."""
    return _wire(running)[2]


@pytest.mark.parametrize(
    ("status", "line", "start"),
    [
        (403, b"403 Forbidden", b"<!DOCTYPE HTML"),
        (429, b"429 Too Many Requests", b'{"code": -1001'),
        (
            451,
            b"451 Unavailable For Legal Reasons",
            b'{\n  "code": 0,\n  "msg": "Service unavailable from a restricted',
        ),
        (500, b"500 Internal Server Error", b'{"code": -1000'),
        (502, b"502 Bad Gateway", b"<html>"),
        (503, b"503 Service Unavailable", b'{"code": -1008'),
    ],
)
def test_a_status_comes_with_the_body_binance_sends(
    exchange: RunningExchange, status: int, line: bytes, start: bytes
) -> None:
    reported, headers, body, _ = _faulty(exchange, "status", status=status)
    assert reported == line
    assert body.startswith(start)
    assert headers["Content-Type"].startswith("text/html" if start.startswith(b"<") else "application/json")


def test_a_status_can_have_another_body_and_a_retry_after(exchange: RunningExchange) -> None:
    reported, headers, body, _ = _faulty(exchange, "status", status=503, body="later", retry_after=7)
    assert (reported, headers["Retry-After"], body) == (b"503 Service Unavailable", "7", b"later")


def test_a_rate_limit_refuses_everyone_until_it_ends(exchange: RunningExchange) -> None:
    reported, headers, body, _ = _faulty(exchange, "rate_limit", seconds=90, times=1)
    assert (reported, headers["Retry-After"], json.loads(body)["code"]) == (b"429 Too Many Requests", "90", -1003)
    assert _wire(exchange)[0] == b"429 Too Many Requests"
    assert exchange.stats()["inside_retry_after"] == 1


def test_a_ban_can_lack_the_header_and_say_its_end_in_the_body(exchange: RunningExchange) -> None:
    reported, headers, body, _ = _faulty(exchange, "ban", seconds=90, header=False, times=1)
    assert reported.startswith(b"418 ")
    assert "Retry-After" not in headers
    assert b"IP banned until" in body


def test_connections_are_reset_where_reported(exchange: RunningExchange, right: bytes) -> None:
    status, _, _, reset = _faulty(exchange, "reset_before_headers")
    assert (status, reset) == (b"", True)
    exchange.reset()
    assert _faulty(exchange, "reset_after_headers")[3]
    exchange.reset()
    _, _, body, reset = _faulty(exchange, "reset_in_body")
    assert reset
    assert right.startswith(body)


def test_a_connection_can_close_without_an_answer(exchange: RunningExchange) -> None:
    assert _faulty(exchange, "close_before_headers") == (b"", {}, b"", False)


@pytest.mark.parametrize("kind", ["short_body", "length_too_small", "length_too_large"])
def test_the_length_reported_is_not_the_length_sent(exchange: RunningExchange, right: bytes, kind: str) -> None:
    status, headers, body, _ = _faulty(exchange, kind)
    assert status == b"200 OK"
    assert right.startswith(body)
    assert int(headers["Content-Length"]) != len(body)


def test_an_answer_can_hang_and_trickle(exchange: RunningExchange, right: bytes) -> None:
    assert _faulty(exchange, "hang", seconds=0.01)[2] == right
    exchange.reset()
    assert _faulty(exchange, "trickle", seconds=0.0001)[2] == right


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("empty_body", b""),
        ("empty_list", b"[]"),
        ("null", b"null"),
        ("object", b"{}"),
        ("number", b"1e400"),
        ("nothing_in_rows", b"[[],[],[]]"),
    ],
)
def test_a_body_that_holds_no_candles(exchange: RunningExchange, kind: str, body: bytes) -> None:
    status, _, sent, _ = _faulty(exchange, kind)
    assert (status, sent) == (b"200 OK", body)


@pytest.mark.parametrize("kind", ["truncated_json", "trailing_bytes", "not_utf8", "html"])
def test_a_body_that_is_not_json(exchange: RunningExchange, kind: str) -> None:
    status, headers, body, _ = _faulty(exchange, kind)
    assert status == b"200 OK"
    assert int(headers["Content-Length"]) == len(body)
    with pytest.raises(ValueError, match=r"."):
        json.loads(body)


def test_bodies_too_deep_too_large_and_numbers_too_long(exchange: RunningExchange) -> None:
    assert _faulty(exchange, "deep_nesting", depth=70_000)[2] == b"[" * 70_000 + b"]" * 70_000
    exchange.reset()
    assert _faulty(exchange, "huge_integer", digits=9000)[2].startswith(b"[[" + b"9" * 9000)
    exchange.reset()
    assert len(_faulty(exchange, "huge_body", bytes=3_000_000)[2]) == 3_000_002


def test_a_bomb_of_200_kb_becomes_200_mb(exchange: RunningExchange) -> None:
    _, headers, body, _ = _faulty(exchange, "gzip_bomb")
    assert headers["Content-Encoding"] == "gzip"
    assert len(body) < 250_000
    unpacker, inflated = zlib.decompressobj(wbits=31), 0
    while not unpacker.eof:
        inflated += len(unpacker.decompress(body, 10_000_000))
        body = unpacker.unconsumed_tail
    assert inflated == 200_000_002


def test_gzip_is_true_or_only_said(exchange: RunningExchange, right: bytes) -> None:
    _, headers, body, _ = _faulty(exchange, "gzip")
    assert (headers["Content-Encoding"], gzip.decompress(body)) == ("gzip", right)
    exchange.reset()
    _, headers, body, _ = _faulty(exchange, "gzip_in_name_only")
    assert (headers["Content-Encoding"], body) == ("gzip", right)


def test_a_redirect_leads_away(exchange: RunningExchange) -> None:
    status, headers, _, _ = _faulty(exchange, "redirect", location="http://127.0.0.1:9/elsewhere")
    assert (status, headers["Location"]) == (b"302 Found", "http://127.0.0.1:9/elsewhere")


def test_headers_can_be_missing_or_wrong(exchange: RunningExchange, right: bytes) -> None:
    assert {"Date", "X-MBX-USED-WEIGHT-1M"} <= {*_wire(exchange)[1]}
    wrong: list[tuple[str, dict[str, str | None]]] = [
        ("no_date", {"Date": None}),
        ("wrong_date", {"Date": "yesterday"}),
        ("no_used_weight", {"X-MBX-USED-WEIGHT-1M": None, "X-MBX-USED-WEIGHT": None}),
        ("wrong_used_weight", {"X-MBX-USED-WEIGHT-1M": "-7e99"}),
    ]
    for kind, reported in wrong:
        exchange.reset()
        _, headers, body, _ = _faulty(exchange, kind)
        assert {name: headers.get(name) for name in reported} == reported
        assert body == right


@pytest.mark.parametrize("kind", ROW_FAULTS)
def test_rows_are_corrupted_in_an_answer_that_looks_right(exchange: RunningExchange, right: bytes, kind: str) -> None:
    status, headers, body, _ = _faulty(exchange, kind)
    assert (status, int(headers["Content-Length"])) == (b"200 OK", len(body))
    corrupted, rows = json.loads(body), json.loads(right)
    assert repr(corrupted) != repr(rows)  # NaN differs from itself
    if len(corrupted) == len(rows):
        assert sum(repr(now) == repr(before) for now, before in zip(corrupted, rows, strict=True)) in {0, len(rows) - 1}


def test_rows_outside_what_was_asked(exchange: RunningExchange) -> None:
    assert json.loads(_faulty(exchange, "row_before_start")[2])[0][0] == START_2025_MS - HOUR_MS
    exchange.reset()
    assert json.loads(_faulty(exchange, "row_from_the_future")[2])[-1][0] > exchange.now_ms()
    exchange.reset()
    assert len(json.loads(_faulty(exchange, "more_than_limit")[2])) == 7
    exchange.reset()
    assert len(json.loads(_faulty(exchange, "short_answer", rows=2)[2])) == 2


def test_a_storm_breaks_a_share_of_the_answers(exchange: RunningExchange) -> None:
    exchange.settings(faults=[{"kind": ["html", "short_body", "nan"], "probability": 0.2, "seed": 1}])
    for _ in range(100):
        _wire(exchange)
    faults = exchange.stats()["faults"]
    assert {*faults} == {"html", "short_body", "nan"}
    assert 10 <= sum(faults.values()) <= 35
