"""What stands before MiniStack's application: the API without its stage prefix on its own port, and a control route.

It is part of MiniStack's process, so the API costs no second hop: a request to the API's port gets the path of the
deployed stage, its headers, query bytes and body untouched; X-Forwarded-Proto is set as API Gateway sets it. Nothing of
a request is logged.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from pathlib import Path

    from localstack.snapshots import Snapshots

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    Application = Callable[[Scope, Receive, Send], Awaitable[None]]

SNAPSHOT_ROUTE = "/_local/snapshot"
NOT_DEPLOYED = {"error": {"code": "NOT_DEPLOYED", "message": "The stack is starting: nothing is deployed yet."}}
# API Gateway sets it and MiniStack does not; functions make absolute URLs from it.
FORWARDED_PROTO = (b"x-forwarded-proto", b"http")
# Operations that change nothing worth saving, of the services that name them in a header.
_READS = ("Get", "BatchGet", "Query", "Scan", "Describe", "List", "Filter", "Receive", "TransactGet")


class Front:
    """An ASGI application that wraps MiniStack's.

    Parameters
    ----------
    inner
        MiniStack's application.
    api_port
        The port that serves the API.
    api_path_file
        Holds the path of the deployed stage, such as `/_aws/execute-api/abc/local`; written after each deployment.
    snapshots
        Reported of every request that changes something, and stopped before MiniStack saves for the last time.
    """

    def __init__(self, inner: Application, api_port: int, api_path_file: Path, snapshots: Snapshots) -> None:
        self._inner = inner
        self._api_port = api_port
        self._api_path_file = api_path_file
        self._snapshots = snapshots

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's event stream."""
        if scope["type"] == "lifespan":
            await self._inner(scope, self._stopping_snapshots_first(receive), send)
            return
        if scope["type"] == "http":
            if scope["server"][1] == self._api_port:
                stage = self._stage()
                if stage is None:
                    await _answer(send, 503, NOT_DEPLOYED)
                    return
                scope = _under(stage, scope)
            elif scope["path"] == SNAPSHOT_ROUTE and scope["method"] == "POST":
                await asyncio.to_thread(self._snapshots.save_now)
                await _answer(send, 200, {"saved": True})
                return
            if _changes_something(scope):
                self._snapshots.note_change()
        await self._inner(scope, receive, send)

    def _stage(self) -> str | None:
        try:
            return self._api_path_file.read_text().strip()
        except FileNotFoundError:
            return None

    def _stopping_snapshots_first(self, receive: Receive) -> Receive:
        async def receive_in_turn() -> MutableMapping[str, Any]:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                # Else an older snapshot that is still being written could replace the last one.
                await asyncio.to_thread(self._snapshots.stop)
            return message

        return receive_in_turn


def _under(stage: str, scope: Scope) -> Scope:
    headers = [header for header in scope["headers"] if header[0].lower() != FORWARDED_PROTO[0]]
    return {
        **scope,
        "path": stage + scope["path"],
        "raw_path": stage.encode() + scope["raw_path"],
        "headers": [*headers, FORWARDED_PROTO],
    }


def _changes_something(scope: Scope) -> bool:
    if scope["method"] in ("GET", "HEAD", "OPTIONS"):
        return False
    for name, value in scope["headers"]:
        if name.lower() == b"x-amz-target":
            operation = value.decode("latin-1").rpartition(".")[2]
            return not operation.startswith(_READS)
    return True


async def _answer(send: Send, status: int, body: dict[str, Any]) -> None:
    payload = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(payload)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": payload})
