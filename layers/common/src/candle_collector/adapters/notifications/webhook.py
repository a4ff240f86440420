"""A webhook: a POST of JSON to an address that somebody else has given out."""

from __future__ import annotations

import requests

from candle_collector.domain.notice import Notice
from candle_collector.domain.notify_addresses import WebhookAddress
from candle_collector.errors import CollectorError

_SECONDS = (5, 10)


class Webhook:
    """One webhook."""

    def __init__(self, address: WebhookAddress) -> None:
        self.name = f"the webhook at {address.host}"
        self._url = address.url
        self._headers = {"Authorization": address.authorization} if address.authorization else {}

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
