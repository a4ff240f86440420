"""What a person is sent who asked to be notified: one text, and the same as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from candle_collector.domain.health import Health


@dataclass(frozen=True)
class Notice:
    """One notice.

    Attributes
    ----------
    name
        What distinguishes it: the same notice is not sent twice to where it was taken.
    subject
        One line.
    body
        What a webhook gets as JSON; its `text` is what a mail says.
    """

    name: str
    subject: str
    body: Mapping[str, Any]

    @property
    def text(self) -> str:
        """What it says to people."""
        return str(self.body["text"])


def notice_of_end(detail: Mapping[str, Any], health: Health) -> Notice:
    """Return the notice of a run's end.

    Parameters
    ----------
    detail
        The event's.
    health
        How the archive stands after it.
    """
    subject = f"candle-collector {detail['stage']}: the {detail['mode']} run ended {detail['outcome']}"
    what = f"candle-collector {detail['stage']}: the {detail['mode']} run {detail['run_id']} ended"
    text = f"{what} {detail['outcome']}: {detail['summary']}.\n{_said(health)}"
    return Notice(str(detail["run_id"]), subject, {**detail, **_as_json(health), "text": text})


def notice_of_health(stage: str, health: Health, name: str) -> Notice:
    """Return the notice that the archive needs somebody, or does no longer."""
    text = f"candle-collector {stage}: {_said(health)}"
    return Notice(
        name, f"candle-collector {stage}: {health.sentence}", {"stage": stage, **_as_json(health), "text": text}
    )


def _said(health: Health) -> str:
    return f"{health.sentence}\n{health.remedy}" if health.remedy else health.sentence


def _as_json(health: Health) -> dict[str, Any]:
    return {"state": health.state, "sentence": health.sentence, "remedy": health.remedy}
