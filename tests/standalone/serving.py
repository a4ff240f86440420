"""Serves the gateway over HTTP in this process, with the world of tests/api_contract behind it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import uvicorn

from standalone.gateway import ApiFunctions, Gateway
from standalone.http_server import application, protocol


@contextmanager
def served(functions: ApiFunctions, dashboard_origin: str = "") -> Iterator[int]:
    """Serve, and yield the port."""
    gateway = Gateway(functions, dashboard_origin)
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(16) as threads:
        server = uvicorn.Server(
            uvicorn.Config(
                application(gateway, threads),
                http=protocol(gateway),
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=True,
                proxy_headers=False,
            )
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(10)


def send(port: int, raw: bytes) -> bytes:
    """Send bytes on a new connection, and return all that comes until it is closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(raw)
        received = b""
        while piece := connection.recv(65_536):
            received += piece
    return received
