"""The gateway as an ASGI application: requests of HTTP in, its answers out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import Executor
from typing import Any
from urllib.parse import parse_qsl

from uvicorn.protocols.http.h11_impl import H11Protocol

from standalone.gateway import CALL_SECONDS, Gateway
from standalone.gateway_answers import Answer, Refusal
from standalone.request import Request

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_MOST = 10_000_000
"""API Gateway takes 10 MB."""

_PASSED_ON = (b"x-forwarded-proto", b"x-forwarded-for", b"x-forwarded-port")
"""What API Gateway sets itself, whatever a caller says."""


class TooLargeError(Exception):
    """The body of a request is larger than it may be."""


def application(gateway: Gateway, threads: Executor) -> Application:
    """Return the ASGI application, which calls the functions in `threads`."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("only HTTP is served")
        await _send(send, await _answer(scope, receive, gateway, threads))

    return serve


def protocol(gateway: Gateway) -> type[H11Protocol]:
    """Return the protocol of connections, which answers what is not HTTP, or has too many headers, as all refusals."""

    class Protocol(H11Protocol):
        def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own words, which no caller needs
            answer = gateway.refuse(Refusal.DEFAULT_4XX)
            lines = [
                f"HTTP/1.1 {answer.status} Bad Request",
                f"content-length: {len(answer.body)}",
                "connection: close",
            ]
            lines += [f"{name.lower()}: {value}" for name, values in answer.headers.items() for value in values]
            self.transport.write(("\r\n".join(lines) + "\r\n\r\n" + answer.body).encode("latin-1"))
            self.transport.close()

    return Protocol


async def _answer(scope: Scope, receive: Receive, gateway: Gateway, threads: Executor) -> Answer:
    try:
        body = await _body(scope["headers"], receive)
    except TooLargeError:
        return gateway.refuse(Refusal.REQUEST_TOO_LARGE)
    request = _request(scope, body)
    call = asyncio.get_running_loop().run_in_executor(threads, gateway.answer, request)
    try:
        return await asyncio.wait_for(asyncio.shield(call), CALL_SECONDS)
    except TimeoutError:
        log.warning("no answer in time", extra={"method": request.method})
        return gateway.refuse(Refusal.INTEGRATION_TIMEOUT)


async def _body(headers: Iterable[tuple[bytes, bytes]], receive: Receive) -> bytes:
    """Return the body of a request.

    Raises
    ------
    TooLargeError
    """
    declared = next((value for name, value in headers if name == b"content-length"), b"0")
    if declared.isdigit() and int(declared) > BODY_MOST:
        raise TooLargeError
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > BODY_MOST:
            raise TooLargeError
        if not message.get("more_body"):
            return bytes(body)


def _request(scope: Scope, body: bytes) -> Request:
    query = scope["query_string"].decode("utf-8", "replace")
    client, scheme = scope.get("client"), scope.get("scheme", "http")
    headers = [
        (name.decode("latin-1"), value.decode("utf-8", "replace"))
        for name, value in [
            *(header for header in scope["headers"] if header[0].lower() not in _PASSED_ON),
            (_PASSED_ON[0], scheme.encode()),
        ]
    ]
    return Request(
        method=scope["method"],
        path=scope["raw_path"].decode("utf-8", "replace"),
        query=parse_qsl(query, keep_blank_values=True, errors="replace"),
        headers=headers,
        body=body.decode("utf-8", "replace") or None,
        source_ip=client[0] if client else "",
    )


async def _send(send: Send, answer: Answer) -> None:
    body = answer.body.encode("utf-8", "replace")
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
        for name, values in answer.headers.items()
        for value in values
    ]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
