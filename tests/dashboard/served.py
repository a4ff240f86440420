"""The page as `make dashboard` serves it, before a real archive of the simulated exchange; what a browser hears."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from playwright.sync_api import Page, Response, WebSocket

from background.http_status import http_status
from background.places import PROJECT
from dashboard.__main__ import PORT_VARIABLE

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""The machine's browser; None where it has not got one."""

STARTS_WITHIN_S = 60


@dataclass(frozen=True)
class Home:
    """An archive on this machine, with state and ports of its own.

    Attributes
    ----------
    environment
        What moves the project's command, and the page, to it.
    """

    environment: dict[str, str]

    @property
    def reported(self) -> dict[str, Any]:
        """What its stack.json says."""
        content: dict[str, Any] = json.loads(Path(self.environment["LOCAL_DIR"], "stack.json").read_text())
        return content

    def candles(self, *words: str) -> None:
        """Run the project's command, in the project's environment."""
        command = [str(PROJECT / ".venv" / "bin" / "python"), "-m", "cli", *words]
        ended = subprocess.run(  # noqa: S603 - the project's own program
            command, cwd=PROJECT, env=self.environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr

    def start(self, body: dict[str, object]) -> None:
        """Start a run as another program would."""
        headers = {"X-API-Key": str(self.reported["api_key"])}
        url = f"{self.reported['api_url']}/api/admin/collect/trigger"
        with urlopen(Request(url, json.dumps(body).encode(), headers), timeout=60) as answer:  # noqa: S310 - ours
            assert answer.status == HTTPStatus.ACCEPTED

    def set_exchange(self, **settings: object) -> None:
        """Switch the simulated exchange."""
        url = f"{self.reported['exchange_url']}/_exchange/settings"
        with urlopen(Request(url, json.dumps(settings).encode(), method="PUT"), timeout=10) as answer:  # noqa: S310 - ours
            assert answer.status == 200


@contextmanager
def home(folder: Path, runtime: str) -> Iterator[Home]:
    """Bring up an empty archive, and take it down in the end."""
    api, aws, exchange, page = _free_ports(4)
    own = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    own |= {"LOCAL_DIR": str(folder), "LOCAL_API_PORT": api, "LOCAL_AWS_PORT": aws, "LOCAL_EXCHANGE_PORT": exchange}
    serving = Home(own | {PORT_VARIABLE: page, "ON": runtime})
    try:
        serving.candles("up", "--exchange", "simulated")
        yield serving
    finally:
        serving.candles("down")


@contextmanager
def served(home: Home) -> Iterator[str]:
    """Serve the page of an archive, and yield its address."""
    url = f"http://127.0.0.1:{home.environment[PORT_VARIABLE]}"
    with subprocess.Popen(
        [sys.executable, "-m", "dashboard"], cwd=PROJECT, env=home.environment, stdout=subprocess.DEVNULL
    ) as process:
        try:
            until = time.monotonic() + STARTS_WITHIN_S
            while http_status(f"{url}/_stcore/health", within_s=1) is None:
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.2)
            yield url
        finally:
            process.terminate()


@dataclass
class Heard:
    """All that a browser asked for, was answered, and exchanged with the page's server."""

    urls: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    frames: list[bytes] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        """Note what a page does from now on."""
        page.on("request", lambda request: self.urls.append(request.url))
        page.on("response", self._answered)
        page.on("websocket", self._opened)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def hosts(self) -> set[str]:
        """Return the hosts that anything was asked of; what is a part of the page itself has none."""
        return {host for url in self.urls if (host := urlsplit(url).hostname)}

    def holds(self, secret: str) -> bool:
        """Whether a text was in an address, an answer or a frame."""
        return any(secret in url for url in self.urls) or any(
            secret.encode() in content for content in (*self.bodies, *self.frames)
        )

    def _answered(self, response: Response) -> None:
        kind = response.headers.get("content-type", "")
        if kind.startswith(("text/html", "application/json")):
            self.bodies.append(response.body())

    def _opened(self, socket: WebSocket) -> None:
        self.urls.append(socket.url.replace("ws", "http", 1))
        for event in ("framesent", "framereceived"):
            socket.on(
                event, lambda payload: self.frames.append(payload if isinstance(payload, bytes) else payload.encode())
            )


def handshake(url: str, host: str, origin: str) -> int:
    """Open the page's WebSocket as a browser at another address would, and return the status of the answer."""
    port = urlsplit(url).port or 0
    lines = [
        "GET /_stcore/stream HTTP/1.1",
        f"Host: {host}",
        f"Origin: {origin}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return int(connection.recv(64).split()[1])


def _free_ports(number: int) -> list[str]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [str(probe.getsockname()[1]) for probe in held]
    for probe in held:
        probe.close()
    return ports
