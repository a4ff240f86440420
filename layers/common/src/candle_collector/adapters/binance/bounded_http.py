"""GET requests that end in time and stay small, whatever the other side does.

`requests` bounds each wait for bytes, not the whole: a body that trickles never times out (measured: 29.6 s with
``timeout=2``). Here a timer shuts the connection down when the deadline comes, in the headers or in the body. Nor does
it bound the look-up of a name, which nothing can interrupt: a thread does it that can be left behind.
"""

from __future__ import annotations

import io
import queue
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.connection import allowed_gai_family

CONNECT_SECONDS = 3.05
_CHUNK = 262_144
"""More than the body of 1000 candles, which then is one piece."""


@dataclass(frozen=True)
class HttpAnswer:
    """A whole answer.

    Attributes
    ----------
    headers
        By any case.
    body
        Inflated.
    received_at
        When the headers had come, by our clock.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


class BrokenAnswerError(Exception):
    """No whole answer came: refused, reset, cut off, too late, too large, or not what HTTP allows.

    Parameters
    ----------
    late
        Whether the request's time was over.
    begun
        What had come of an answer: its status and headers, with an empty body.
    """

    def __init__(self, message: str, *, late: bool = False, begun: HttpAnswer | None = None) -> None:
        super().__init__(message)
        self.late = late
        self.begun = begun


class UntrustedServerError(Exception):
    """The server's certificate is not trusted."""


_BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError)
"""What a connection raises when it breaks; when it is shut down under a read, the kind depends on where it was."""

_watched = threading.local()


class _Watched:
    """A connection that says the thread's deadline timer of itself, and of its socket.

    The socket by itself, because a connection lets go of it when an answer says that it will be closed, while the
    answer's body is still to be read from it.
    """

    def connect(self) -> None:
        """Connect."""
        _watched.connection = self  # its socket is there before the TLS handshake is over
        super().connect()  # type: ignore[misc] # the connection's own
        _watched.sock = self.sock  # type: ignore[attr-defined] # the same

    def putrequest(self, *args: Any, **options: Any) -> None:
        """Begin a request, perhaps on a connection that was kept."""
        _watched.sock = self.sock  # type: ignore[attr-defined] # as above
        super().putrequest(*args, **options)  # type: ignore[misc] # as above

    def _new_conn(self) -> socket.socket:
        """Return a socket to the first address that takes it; TLS checks the certificate by the name all the same."""
        return _connect(self._dns_host, self.port, self.socket_options, _watched.deadline)  # type: ignore[attr-defined] # as above


class _WatchedConnection(_Watched, HTTPConnection):
    """Over TCP."""


class _WatchedTlsConnection(_Watched, HTTPSConnection):
    """Over TLS."""


class _WatchedPool(HTTPConnectionPool):
    ConnectionCls = _WatchedConnection


class _WatchedTlsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTlsConnection


class _WatchedAdapter(HTTPAdapter):
    """An adapter of `requests` whose connections can be ended by the timer."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools with our connections."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _WatchedPool, "https": _WatchedTlsPool}


class _Deadline:
    """A timer that shuts the thread's connection down."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.expired = False
        self._end = time.monotonic() + seconds
        self._holder = _watched.__dict__
        self._holder.clear()
        _watched.deadline = self
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    @property
    def left(self) -> float:
        """The seconds that are left, 0 at least."""
        return max(0.0, self._end - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether it has come; a wait for bytes may notice before the timer does."""
        return self.expired or not self.left

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _expire(self) -> None:
        self.expired = True
        sock = self._holder.get("sock") or getattr(self._holder.get("connection"), "sock", None)
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                sock.close()


def _connect(name: str, port: int, options: Any, deadline: _Deadline) -> socket.socket:
    """Connect to the addresses of a name in turn, as long as there is time.

    Raises
    ------
    BrokenAnswerError
        The name is not resolved, or none of its addresses takes the connection.
    """
    failed: OSError = TimeoutError("no time was left")
    for family, kind, protocol, _, address in _look_up(name.strip("[]"), port, deadline):
        if not deadline.left:
            break
        sock = socket.socket(family, kind, protocol)
        try:
            for option in options or ():
                sock.setsockopt(*option)
            sock.settimeout(min(CONNECT_SECONDS, max(0.001, deadline.left)))  # 0 would mean not to wait at all
            sock.connect(address)
        except OSError as error:
            sock.close()
            failed = error
        else:
            return sock
    raise BrokenAnswerError(f"no connection to {name}: {failed}", late=deadline.over) from failed


def _look_up(name: str, port: int, deadline: _Deadline) -> list[tuple[Any, ...]]:
    """Return the addresses of a name, as getaddrinfo does."""
    found: queue.SimpleQueue[list[tuple[Any, ...]] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found.put(list(socket.getaddrinfo(name, port, allowed_gai_family(), socket.SOCK_STREAM)))
        except (OSError, ValueError) as error:  # ValueError: a name that cannot be one
            found.put(error)

    threading.Thread(target=look_up, name=f"look up {name}", daemon=True).start()
    try:
        addresses = found.get(timeout=deadline.left)
    except queue.Empty:
        message = f"the name {name} was not resolved within {deadline.seconds:.1f} s"
        raise BrokenAnswerError(message, late=True) from None
    if isinstance(addresses, Exception):
        raise BrokenAnswerError(f"the name {name} was not resolved: {addresses}") from addresses
    return addresses


class BoundedSession:
    """Connections that are kept between requests, for one thread at a time.

    Parameters
    ----------
    now
        Our clock, in UTC.
    """

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._session = requests.Session()
        self._session.trust_env = False  # or what .netrc has for a host would go with a request
        self._session.headers.update({"Accept": "application/json", "Accept-Encoding": "gzip"})
        self._session.mount("https://", _WatchedAdapter(max_retries=0))
        self._session.mount("http://", _WatchedAdapter(max_retries=0))
        self._settings: dict[str, Mapping[str, Any]] = {}

    def get(self, url: str, params: Mapping[str, str], *, seconds: float, most_bytes: int) -> HttpAnswer:
        """Ask once; redirects are answers, not followed.

        Parameters
        ----------
        seconds
            The whole request's time, connection included.
        most_bytes
            The most bytes of the inflated body.

        Raises
        ------
        BrokenAnswerError
            No whole answer in time and size.
        UntrustedServerError
            The certificate is not trusted; another time will not help.
        """
        begun: HttpAnswer | None = None
        with _Deadline(seconds) as deadline:
            try:
                with self._session.send(
                    self._session.prepare_request(requests.Request("GET", url, params=params)),
                    allow_redirects=False,
                    timeout=(min(CONNECT_SECONDS, seconds), seconds),
                    **self._settings_for(url),
                ) as response:
                    begun = HttpAnswer(response.status_code, response.headers, b"", self._now())
                    answer = replace(begun, body=_read(response.raw, most_bytes))
            except requests.exceptions.SSLError as error:
                if "CERTIFICATE_VERIFY_FAILED" in str(error):
                    raise UntrustedServerError(str(error)) from error
                raise BrokenAnswerError(f"TLS failed: {error}", late=deadline.over, begun=begun) from error
            except BrokenAnswerError as error:
                error.begun = begun
                raise
            except _BROKEN as error:
                late = deadline.over
                message = f"no whole answer within {seconds:.1f} s" if late else f"{type(error).__name__}: {error}"
                raise BrokenAnswerError(message, late=late, begun=begun) from error
        if deadline.expired:
            raise BrokenAnswerError(f"no whole answer within {seconds:.1f} s", late=True, begun=begun)
        return answer

    def _settings_for(self, url: str) -> Mapping[str, Any]:
        """Return what the environment says of a URL: its proxy and its certificates.

        It is looked up once, because `requests.get` would do so each time, and for a .netrc too: half its CPU.
        """
        if url not in self._settings:
            self._session.trust_env = True
            self._settings[url] = self._session.merge_environment_settings(
                url, proxies={}, stream=True, verify=None, cert=None
            )
            self._session.trust_env = False
        return self._settings[url]


def _read(raw: urllib3.HTTPResponse, most_bytes: int) -> bytes:
    """Read an inflated body of at most `most_bytes`; urllib3 inflates no more than a chunk at a time."""
    body = io.BytesIO()  # unlike a list of chunks, it is not copied when it is done
    size = 0
    while chunk := raw.read(_CHUNK, decode_content=True):
        size += len(chunk)
        if size > most_bytes:
            raise BrokenAnswerError(f"the body is larger than {most_bytes} bytes")
        body.write(chunk)
    return body.getvalue()
