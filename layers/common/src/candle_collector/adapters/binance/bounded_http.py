"""GET requests that end in time and stay small, whatever the other side does.

`requests` bounds each wait for bytes, not the whole: a body that trickles never times out (measured: 29.6 s with
``timeout=2``). Here a timer shuts the connection down when the deadline comes, in the headers or in the body.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

CONNECT_SECONDS = 3.05
_CHUNK = 65_536


class BrokenAnswerError(Exception):
    """No whole answer came: refused, reset, cut off, too late, too large, or not what HTTP allows."""


class UntrustedServerError(Exception):
    """The server's certificate is not trusted."""


@dataclass(frozen=True)
class HttpAnswer:
    """A whole answer: `headers` by any case, `body` inflated."""

    status: int
    headers: Mapping[str, str]
    body: bytes


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
        self.expired = False
        self._holder = _watched.__dict__
        self._holder.clear()
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

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


class BoundedSession:
    """Connections that are kept between requests, for one thread at a time."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.headers.update({"Accept": "application/json", "Accept-Encoding": "gzip"})
        self._session.mount("https://", _WatchedAdapter(max_retries=0))
        self._session.mount("http://", _WatchedAdapter(max_retries=0))

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
        with _Deadline(seconds) as deadline:
            try:
                with self._session.get(
                    url,
                    params=params,
                    stream=True,
                    allow_redirects=False,
                    timeout=(min(CONNECT_SECONDS, seconds), seconds),
                ) as response:
                    body = _read(response.raw, most_bytes)
                    answer = HttpAnswer(response.status_code, response.headers, body)
            except requests.exceptions.SSLError as error:
                if "CERTIFICATE_VERIFY_FAILED" in str(error):
                    raise UntrustedServerError(str(error)) from error
                raise BrokenAnswerError(f"TLS failed: {error}") from error
            except _BROKEN as error:
                if deadline.expired:
                    raise BrokenAnswerError(f"no whole answer within {seconds:.1f} s") from error
                raise BrokenAnswerError(f"{type(error).__name__}: {error}") from error
        if deadline.expired:
            raise BrokenAnswerError(f"no whole answer within {seconds:.1f} s")
        return answer


def _read(raw: urllib3.HTTPResponse, most_bytes: int) -> bytes:
    """Read an inflated body of at most `most_bytes`; urllib3 inflates no more than a chunk at a time."""
    parts: list[bytes] = []
    size = 0
    while chunk := raw.read(_CHUNK, decode_content=True):
        size += len(chunk)
        if size > most_bytes:
            raise BrokenAnswerError(f"the body is larger than {most_bytes} bytes")
        parts.append(chunk)
    return b"".join(parts)
