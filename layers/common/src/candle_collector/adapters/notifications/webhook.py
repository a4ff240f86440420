"""A webhook: a POST of JSON to an address that somebody else has given out."""

from __future__ import annotations

from urllib.parse import urlsplit

import requests

from candle_collector.domain.notice import Notice
from candle_collector.errors import CollectorError, SettingError

_SECONDS = (5, 10)
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_TAKES = "it takes an address such as https://hooks.example.org/candles"


class Webhook:
    """One webhook.

    Parameters
    ----------
    url
        It may hold a secret of the receiver's, so nothing of it but the host is ever reported.
    authorization
        The header `Authorization`, such as `Bearer` and a token; empty for none.

    Raises
    ------
    SettingError
        The address cannot be used.
    """

    def __init__(self, url: str, authorization: str = "") -> None:
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or parts.scheme not in {"http", "https"} or parts.username is not None:
            raise SettingError(f"NOTIFY_WEBHOOK_URL cannot be used; {_TAKES}")
        if authorization and parts.scheme == "http" and host not in _LOOPBACK:
            raise SettingError(
                "NOTIFY_WEBHOOK_URL begins with http://, by which NOTIFY_WEBHOOK_SECRET could be read; use https://"
            )
        if not authorization.isprintable() or not authorization.isascii():
            raise SettingError(
                "NOTIFY_WEBHOOK_SECRET is not one line of ASCII; it takes a header's value: Bearer TOKEN"
            )
        self.name = f"the webhook at {host}"
        self._url = url
        self._headers = {"Authorization": authorization} if authorization else {}

    def send(self, notice: Notice) -> None:
        """Send a notice; what is answered is not read, and no redirect is followed.

        Raises
        ------
        CollectorError
            It was not answered with a 2xx.
        """
        with requests.Session() as session:
            session.trust_env = False  # neither a .netrc nor a proxy gets the secret
            try:
                with session.post(
                    self._url,
                    json=dict(notice.body),
                    headers=self._headers,
                    timeout=_SECONDS,
                    allow_redirects=False,
                    stream=True,
                ) as answer:
                    status = answer.status_code
            except requests.RequestException as error:
                raise CollectorError(f"no answer ({type(error).__name__})") from None  # its text holds the address
        if not 200 <= status < 300:  # noqa: PLR2004 - what HTTP calls a success
            raise CollectorError(f"it answered {status}")
