"""A mail by somebody's mail server."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from candle_collector.domain.notice import Notice
from candle_collector.domain.notify_addresses import LOOPBACK, MailAddress
from candle_collector.errors import CollectorError

_SECONDS = 10


class Mail:
    """Mail to one address."""

    def __init__(self, address: MailAddress) -> None:
        self.name = f"the mail server {address.host}"
        self._address = address

    def send(self, notice: Notice) -> None:
        """Send a notice.

        Raises
        ------
        CollectorError
            The server does not answer, or did not take it.
        """
        message = EmailMessage()
        message["Subject"], message["From"], message["To"] = (
            notice.subject,
            self._address.sender,
            self._address.recipient,
        )
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain="candle-collector.invalid")
        message.set_content(notice.text + "\n")
        try:
            with self._connected() as server:
                if self._address.user:
                    server.login(self._address.user, self._address.password)
                server.send_message(message)
        except smtplib.SMTPResponseException as error:
            raise CollectorError(f"it answered {error.smtp_code}") from None  # its text may repeat what it was sent
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise CollectorError(f"it did not take the mail ({type(error).__name__})") from None

    def _connected(self) -> smtplib.SMTP:
        """Connect to the server; without STARTTLS no password goes to another machine."""
        host, port = self._address.host, self._address.port
        trusted = ssl.create_default_context()
        if self._address.is_tls:
            return smtplib.SMTP_SSL(host, port, timeout=_SECONDS, context=trusted)
        server = smtplib.SMTP(host, port, timeout=_SECONDS)
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=trusted)
            server.ehlo()
        elif self._address.user and host not in LOOPBACK:
            server.close()
            raise smtplib.SMTPNotSupportedError("without STARTTLS the password could be read")
        return server
