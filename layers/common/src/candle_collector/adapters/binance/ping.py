"""Whether the exchange answers from here, by one request of weight 1 and with the standard library alone.

It goes the way that `bounded_http` goes: through the proxy that the environment names, where it names one.
"""

from __future__ import annotations

import http.client
import time
import urllib.request
from typing import Any

ANSWERS_WITHIN_S = 2
REMEMBERED_S = 8
"""A dashboard may ask for the system's state every second; one that is dead is known as such within ten seconds."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Leaves a redirect as it is: only the exchange's own answer says that it is there."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


class ExchangePing:
    """The `ExchangeProbe` over HTTP.

    Parameters
    ----------
    base_url
        The exchange, as the settings have checked it.
    """

    def __init__(self, base_url: str) -> None:
        self._url = f"{base_url}/api/v3/ping"
        self._known: tuple[float, bool] | None = None

    def answers(self) -> bool:
        """Return whether a ping is answered with 200 within two seconds; an answer counts for 8 seconds."""
        now = time.monotonic()
        if self._known is None or now - self._known[0] >= REMEMBERED_S:
            self._known = now, self._ask()
        return self._known[1]

    def _ask(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler(_proxies()), _NoRedirects)
        opener.addheaders = []  # the firewall of an exchange may not like Python's name
        try:
            with opener.open(self._url, timeout=ANSWERS_WITHIN_S) as answer:
                return bool(answer.status == http.client.OK)
        except (OSError, http.client.HTTPException, ValueError):
            return False


def _proxies() -> dict[str, str]:
    """Return the environment's proxies by scheme; as with `requests`, that of ALL_PROXY is for the schemes without."""
    named = urllib.request.getproxies()
    return dict.fromkeys(("http", "https"), named["all"]) | named if "all" in named else named
