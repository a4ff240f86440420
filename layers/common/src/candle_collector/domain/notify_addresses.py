"""Where a person is notified: a webhook, a mail address with the server that takes mail for it.

An address may hold a secret, so no message repeats one: only a host is ever reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""The hosts to which a secret may be sent in the clear."""

_MAIL_PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True)
class WebhookAddress:
    """Where JSON is posted.

    Attributes
    ----------
    url
        It may hold a secret of the receiver's.
    authorization
        The header `Authorization`, such as `Bearer` and a token; empty for none.
    """

    url: str = field(repr=False)
    host: str
    authorization: str = field(default="", repr=False)


@dataclass(frozen=True)
class MailAddress:
    """Who gets mail, from whom, and by which server.

    Attributes
    ----------
    is_tls
        Whether the connection is encrypted from its beginning; else by STARTTLS.
    user, password
        Those of the server; empty where it needs none.
    """

    recipient: str
    sender: str
    host: str
    port: int
    is_tls: bool
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


def webhook_address(url: str, authorization: str) -> WebhookAddress:
    """Read the address of a webhook.

    Raises
    ------
    ValueError
        It cannot be used; the message says what of it, and what it takes.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"} or parts.username is not None:
        raise ValueError("NOTIFY_WEBHOOK_URL cannot be used; it takes an address such as https://hooks.example.org/a")
    if authorization and parts.scheme == "http" and host not in LOOPBACK:
        raise ValueError(
            "NOTIFY_WEBHOOK_URL begins with http://, by which NOTIFY_WEBHOOK_SECRET could be read; use https://"
        )
    if not (authorization.isprintable() and authorization.isascii()):
        raise ValueError("NOTIFY_WEBHOOK_SECRET is not one line of ASCII; it takes a header's value: Bearer TOKEN")
    return WebhookAddress(url, host, authorization)


def mail_address(url: str, recipient: str) -> MailAddress:
    """Read the address of a mail server.

    Parameters
    ----------
    url
        ``smtps://user:password@host:port``, or ``smtp://`` for STARTTLS. ``?from=`` names the sender, else it is the
        user, else the recipient.

    Raises
    ------
    ValueError
        It cannot be used; the message says what of it, and what it takes.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in _MAIL_PORTS or parts.path not in {"", "/"}:
        raise ValueError(
            "NOTIFY_SMTP_URL cannot be used; it takes smtps://user:password@host, or smtp://user:password@host:587 "
            "for STARTTLS"
        )
    user = unquote(parts.username or "")
    sender = parse_qs(parts.query).get("from", [user if "@" in user else recipient])[0]
    if "@" not in sender or not sender.isprintable():
        raise ValueError("NOTIFY_SMTP_URL has a sender (?from=) that is not a mail address")
    return MailAddress(
        recipient=recipient,
        sender=sender,
        host=host,
        port=port or _MAIL_PORTS[parts.scheme],
        is_tls=parts.scheme == "smtps",
        user=user,
        password=unquote(parts.password or ""),
    )
