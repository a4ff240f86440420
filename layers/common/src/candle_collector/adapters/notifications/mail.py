"""A mail by somebody's mail server."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import parse_qs, unquote, urlsplit

from candle_collector.domain.notice import Notice
from candle_collector.errors import CollectorError, SettingError

_SECONDS = 10
_PORTS = {"smtp": 587, "smtps": 465}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_TAKES = "it takes smtps://user:password@host, or smtp://user:password@host:587 for STARTTLS"


class Mail:
    """Mail to one address.

    Parameters
    ----------
    url
        The mail server: ``smtps://user:password@host:port``, or ``smtp://`` for STARTTLS, without which no password is
        sent to another machine. ``?from=`` names the sender, else it is the user, else the recipient.

    Raises
    ------
    SettingError
        The address of the server cannot be used; the message does not repeat it, as it holds a password.
    """

    def __init__(self, url: str, recipient: str) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or parts.scheme not in _PORTS or parts.path not in {"", "/"}:
            raise SettingError(f"NOTIFY_SMTP_URL cannot be used; {_TAKES}")
        self.name = f"the mail server {host}"
        self._host, self._port, self._is_tls = host, port or _PORTS[parts.scheme], parts.scheme == "smtps"
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._recipient = recipient
        sender = parse_qs(parts.query).get("from", [self._user if "@" in self._user else recipient])[0]
        if not sender.isprintable() or "@" not in sender:
            raise SettingError("NOTIFY_SMTP_URL has a sender (?from=) that is not a mail address")
        self._sender = sender

    def send(self, notice: Notice) -> None:
        """Send a notice.

        Raises
        ------
        CollectorError
            The server does not answer, or did not take it.
        """
        message = EmailMessage()
        message["Subject"], message["From"], message["To"] = notice.subject, self._sender, self._recipient
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain="candle-collector.invalid")
        message.set_content(notice.text + "\n")
        try:
            with self._connected() as server:
                if self._user:
                    server.login(self._user, self._password)
                server.send_message(message)
        except smtplib.SMTPResponseException as error:
            raise CollectorError(f"it answered {error.smtp_code}") from None  # its text may repeat what it was sent
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise CollectorError(f"it did not take the mail ({type(error).__name__})") from None

    def _connected(self) -> smtplib.SMTP:
        trusted = ssl.create_default_context()
        if self._is_tls:
            return smtplib.SMTP_SSL(self._host, self._port, timeout=_SECONDS, context=trusted)
        server = smtplib.SMTP(self._host, self._port, timeout=_SECONDS)
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=trusted)
            server.ehlo()
        elif self._user and self._host not in _LOOPBACK:
            server.close()
            raise smtplib.SMTPNotSupportedError("without STARTTLS the password could be read")
        return server
