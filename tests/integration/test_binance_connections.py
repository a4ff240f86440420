"""The exchange's adapter against servers that the simulated exchange is not: over TLS, with bodies that break off."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from candle_collector.adapters.binance.client import Binance
from candle_collector.errors import ExchangeBlockedError, ExchangeRefusedError, ExchangeUnavailableError
from candle_collector.ports import FetchedCandles
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.hourly import hourly

NAME = "exchange.test"


def ask(binance: Binance, seconds: float = 10.0) -> FetchedCandles:
    until = time.monotonic() + seconds
    return binance.fetch_candles(hourly("BTCUSDT"), 480_000, 10, attempts_made=0, until=until, grant=lambda: None)


@contextmanager
def serving(send: Callable[[BaseHTTPRequestHandler], None], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve each GET by `send`, and yield the port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            send(self)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that leaves is what is tested
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def send_nothing_printed(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response_only(200)
    handler.send_header("Date", formatdate(usegmt=True))
    handler.send_header("Content-Length", "2")
    handler.end_headers()
    handler.wfile.write(b"[]")


@pytest.mark.parametrize("status", [429, 418])
@pytest.mark.parametrize("broken", ["cut off", "not gzip", "trickles"])
def test_a_block_is_one_by_its_status_whatever_becomes_of_its_body(status: int, broken: str) -> None:
    over = threading.Event()

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(status)
        handler.send_header("Date", formatdate(usegmt=True))
        handler.send_header("Retry-After", "77")
        handler.send_header("Content-Length", "4" if broken == "not gzip" else "1000")
        if broken == "not gzip":
            handler.send_header("Content-Encoding", "gzip")
        handler.end_headers()
        handler.wfile.write(b"nope")
        handler.close_connection = True
        if broken == "trickles":
            over.wait(30)

    with serving(send) as port:
        binance = Binance(f"http://127.0.0.1:{port}", max_retries=3)
        with pytest.raises(ExchangeBlockedError) as caught:
            ask(binance, seconds=0.8)
        over.set()
    assert (caught.value.seconds, caught.value.failure.attempts) == (77, 1)
    assert caught.value.failure.http_status == status
    assert binance.clock_offset_ms == pytest.approx(0, abs=2000)


def certificate(name: str, folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Make a certificate for a name that signs itself, and return a server's context and the file to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, secret = folder / "certificate.pem", folder / "key.pem"
    trusted.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, secret)
    return context, trusted


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every name be this machine."""
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, *args, **options: real("127.0.0.1", *args, **options))


@pytest.mark.usefixtures("resolved")
def test_a_certificate_is_checked_by_the_name_and_not_by_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, trusted = certificate(NAME, tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
    with serving(send_nothing_printed, context) as port:
        assert ask(Binance(f"https://{NAME}:{port}", max_retries=0)).slots == ()
        with pytest.raises(ExchangeRefusedError, match="certificate is not trusted"):
            ask(Binance(f"https://other.test:{port}", max_retries=0))


@pytest.mark.usefixtures("resolved")
def test_a_certificate_that_nobody_trusts_is_refused(tmp_path: Path) -> None:
    context, _ = certificate(NAME, tmp_path)
    with serving(send_nothing_printed, context) as port, pytest.raises(ExchangeRefusedError, match="not trusted"):
        ask(Binance(f"https://{NAME}:{port}", max_retries=0))


def test_no_connection_is_named_with_its_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ExchangeUnavailableError, match=r"no connection to 127.0.0.1: \[Errno \d+\] Connection refused"):
        ask(Binance(f"http://127.0.0.1:{port}", max_retries=0))


LISTING_OF_BOMBS = """
import re, sys
from pathlib import Path
from candle_collector.adapters.binance.client import Binance
from candle_collector.errors import ExchangeError
try:
    Binance(sys.argv[1], max_retries=0).fetch_market(grant=lambda: None)
except ExchangeError as error:
    print(error)
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


def fill(body: bytes, size: int) -> bytes:
    """Make an object longer by text outside of the basic plane, of which Python's own takes four bytes each."""
    text = "\U0001d7d8".encode() * ((size - len(body) - 20) // 4)
    return b'%s,"pad":"%s"}' % (body[:-1], text)


BOMBS = {
    "lists": b'{"symbols":[' + b"[]," * 20_000_000 + b"1]}",
    "refused": b'{"symbols":[' + b"[]," * 7_900_000 + b"1]}",
    "lists that pass": fill(b'{"symbols":[' + b"[]," * 199_990 + b"1]}", 24_000_000),
    "texts that pass": fill(b'{"symbols":[%s]}' % b",".join(b'"%x"' % (n + 256) for n in range(1_499_000)), 24_000_000),
    "filters that pass": fill(
        b'{"baseAsset":"A","filters":[%s]}'
        % b",".join(b'{"filterType":"%x","b":"%x"}' % (n + 256, n + 512) for n in range(199_980)),
        24_000_000,
    ),
    "rules that pass": b'{"symbols":[%s]}' % fill(b'{"baseAsset":"A"}', 23_900_000),
    "members that pass": fill(b"{%s}" % b",".join(b'"%x":"%x"' % (n, n + 5) for n in range(399_990)), 24_000_000),
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the most memory that was used is asked of Linux")
@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS)
def test_no_listing_takes_more_than_256_mb(body: bytes) -> None:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(200)
        handler.send_header("Date", formatdate(usegmt=True))
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    with serving(send) as port:
        asking = [sys.executable, "-c", LISTING_OF_BOMBS, f"http://127.0.0.1:{port}"]
        said = subprocess.run(asking, capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    message, megabytes = said.stdout.splitlines()
    assert "larger than" in message or "answer is wrong" in message
    assert int(megabytes) < 256
