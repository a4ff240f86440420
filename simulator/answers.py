"""An answer before it is sent, and how it goes out: in one piece, or broken at the level of the connection."""

import asyncio
import socket
import struct
from dataclasses import dataclass, field
from http import HTTPStatus

from aiohttp import web

JSON = "application/json;charset=UTF-8"
HTML = "text/html"


@dataclass
class Answer:
    """Status, headers and body, and what goes wrong on the way.

    Parameters
    ----------
    rows
        How many candles are in the body.
    headers
        Headers besides the usual ones; None leaves a usual one out.
    delay_s
        Seconds to wait before anything is sent.
    byte_s
        Seconds between two bytes of the body, for one that trickles.
    sent_bytes
        How much of the body is sent before the connection ends, 0 for the headers only, -1 for nothing; None is all.
    reset
        Whether the connection then ends with a reset.
    length
        The ``Content-Length`` that is claimed, if it is not the body's.
    block_s
        For a status of 429 or 418: for how long everyone is refused from now on.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    rows: int = 0
    headers: dict[str, str | None] = field(default_factory=dict)
    delay_s: float = 0
    byte_s: float = 0
    sent_bytes: int | None = None
    reset: bool = False
    length: int | None = None
    block_s: float = 0

    async def send(self, request: web.Request, usual_headers: dict[str, str]) -> web.StreamResponse:
        """Answer the request; a broken answer ends its connection."""
        await asyncio.sleep(self.delay_s)
        merged = {"Content-Type": self.content_type, **usual_headers, **self.headers}
        headers = {name: value for name, value in merged.items() if value is not None}
        whole = self.sent_bytes is None and self.length is None and not self.byte_s and not self.reset
        if whole and len(headers) == len(merged):
            return web.Response(status=self.status, body=self.body, headers=headers)
        await self._send_raw(request, headers)
        return web.Response(status=self.status)  # goes nowhere: the connection has ended

    async def _send_raw(self, request: web.Request, headers: dict[str, str]) -> None:
        """Write the bytes past aiohttp, which would put every header and length right."""
        transport = request.transport
        if not isinstance(transport, asyncio.Transport):
            return  # the client has left already
        length = len(self.body) if self.length is None else self.length
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}", f"Content-Length: {length}"]
        lines += [f"{name}: {value}" for name, value in {**headers, "Connection": "close"}.items()]
        if self.sent_bytes is None or self.sent_bytes >= 0:
            transport.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        body = self.body if self.sent_bytes is None else self.body[: max(self.sent_bytes, 0)]
        if self.byte_s:
            for index in range(len(body)):
                if transport.is_closing():
                    return
                transport.write(body[index : index + 1])
                await asyncio.sleep(self.byte_s)
        else:
            transport.write(body)
        if self.reset:
            linger = struct.pack("ii", 1, 0)  # closing then sends RST instead of FIN
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            transport.abort()
        else:
            transport.close()
