"""Runs the simulated exchange as its own process for a test: ``with running_exchange("--simulated") as exchange``."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import requests

ROOT = Path(__file__).parents[1]
KLINES = ROOT.parent / "shared" / "klines"
RECORDED = ROOT.parent / "shared" / "recorded"

needs_recordings = pytest.mark.skipif(
    not (KLINES.is_dir() and RECORDED.is_dir()), reason="what was recorded of Binance is not beside this project"
)
"""What was recorded does not lie in this project: a clone that stands alone is tested without it."""

_SECONDS = 30


class RunningExchange:
    """A simulated exchange that listens.

    Parameters
    ----------
    url
        Where: ``http://127.0.0.1:PORT``.
    ready
        The line with which it said so.
    process
        Its process.
    """

    def __init__(self, url: str, ready: str, process: subprocess.Popen[str]) -> None:
        self.url = url
        self.ready = ready
        self.process = process

    def get(self, path: str, **params: str | int) -> Any:
        """Return the parsed body of a market data route, an error's too."""
        return self._ask("GET", path, params=params)

    def klines(self, symbol: str, **params: str | int) -> list[list[Any]]:
        """Return candles; `params` are interval, 1h if it is not named, startTime, endTime and limit."""
        return cast("list[list[Any]]", self.get("/api/v3/klines", **{"symbol": symbol, "interval": "1h", **params}))

    def now_ms(self) -> int:
        """Return the exchange's time in ms."""
        return int(self.get("/api/v3/time")["serverTime"])

    def stats(self, last: int = 100) -> dict[str, Any]:
        """Return what it was asked since the start or the last reset, with the `last` requests in ``log``."""
        return cast("dict[str, Any]", self._ask("GET", "/_exchange/stats", params={"last": last}))

    def reset(self) -> None:
        """Forget all counts, the used weight and every ban."""
        self._ask("POST", "/_exchange/reset")

    def settings(self, **values: Any) -> dict[str, Any]:
        """Change the settings that are named and return all of them.

        Raises
        ------
        ValueError
            If the exchange refuses them.
        """
        return cast("dict[str, Any]", self._ask("PUT", "/_exchange/settings", json=values))

    def _ask(self, method: str, path: str, **how: Any) -> Any:
        answer = requests.request(method, f"{self.url}{path}", timeout=_SECONDS, **how)
        if answer.headers["Content-Type"].startswith("text/"):
            raise ValueError(answer.text)
        return answer.json()


@contextmanager
def running_exchange(*arguments: str) -> Iterator[RunningExchange]:
    """Start the exchange on a free port, wait until it answers, and stop it in the end.

    Parameters
    ----------
    arguments
        Those of ``python -m simulator`` except the port: ``--simulated``, or ``--replay`` and a folder, and so on.

    Raises
    ------
    RuntimeError
        If it does not start; the message is what it said.
    """
    command = [sys.executable, "-m", "simulator", "--port", "0", *arguments]
    process = subprocess.Popen(  # noqa: S603 - the project's own program
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            ready = process.stdout.readline() if process.stdout else ""
            if not ready:
                raise RuntimeError(process.stderr.read() if process.stderr else "the exchange said nothing")
            url = next(word.rstrip(":") for word in ready.split() if word.startswith("http"))
            yield RunningExchange(url, ready, process)
        finally:
            process.terminate()
