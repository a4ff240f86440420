"""The ways to reach a person from an archive at home, and which of them the settings name."""

from __future__ import annotations

from collections.abc import Mapping

from candle_collector.adapters.notifications.channels import Channels
from candle_collector.adapters.notifications.mail import Mail
from candle_collector.adapters.notifications.secrets import secret
from candle_collector.adapters.notifications.webhook import Webhook
from candle_collector.errors import SettingError


def notifier(environment: Mapping[str, str]) -> Channels:
    """Return the webhook and the mail that an environment names, neither where it names none.

    Raises
    ------
    SettingError
        One of them is named in part, or in a way that cannot be used; no message repeats a secret.
    """
    channels: list[Webhook | Mail] = []
    url, authorization = environment.get("NOTIFY_WEBHOOK_URL", ""), secret("NOTIFY_WEBHOOK_SECRET", environment)
    if authorization and not url:
        raise SettingError("NOTIFY_WEBHOOK_SECRET is set, and NOTIFY_WEBHOOK_URL is not; set both, or neither")
    if url:
        channels.append(Webhook(url, authorization))
    recipient, server = environment.get("NOTIFY_EMAIL", ""), secret("NOTIFY_SMTP_URL", environment)
    if bool(recipient) != bool(server):
        raise SettingError(
            "NOTIFY_EMAIL and NOTIFY_SMTP_URL are both set, or neither: one names who, the other by what"
        )
    if recipient:
        channels.append(Mail(server, recipient))
    return Channels(channels)
