"""Whether the exchange answers from here, by one request of weight 1 and with the standard library alone."""

from __future__ import annotations

import http.client
import time
from urllib.parse import urlsplit

ANSWERS_WITHIN_S = 2
REMEMBERED_S = 8
"""A dashboard may ask for the system's state every second; one that is dead is known as such within ten seconds."""


class ExchangePing:
    """The `ExchangeProbe` over HTTP.

    Parameters
    ----------
    base_url
        The exchange, as the settings have checked it.
    """

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._address = parts.netloc
        self._known: tuple[float, bool] | None = None

    def answers(self) -> bool:
        """Return whether a ping is answered with 200 within two seconds; an answer counts for 8 seconds."""
        now = time.monotonic()
        if self._known is None or now - self._known[0] >= REMEMBERED_S:
            self._known = now, self._ask()
        return self._known[1]

    def _ask(self) -> bool:
        connection = self._connect(self._address, timeout=ANSWERS_WITHIN_S)
        try:
            connection.request("GET", "/api/v3/ping")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
