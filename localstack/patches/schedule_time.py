"""Gap: MiniStack sends the input of a schedule as it is written, the time of the occurrence not filled in.

EventBridge Scheduler replaces `<aws.scheduler.scheduled-time>` in a target's Input by the time, ISO 8601 in UTC
(Scheduler User Guide, "Adding context attributes"). With MiniStack 1.5.33 every occurrence would look like the first.
Goes when: the attribute is replaced.
"""

# ruff: noqa: SLF001 - MiniStack offers no hook

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

_TIME = "<aws.scheduler.scheduled-time>"


def fill_in_scheduled_time(eventbridge: Any) -> None:
    """Replace the attribute when a target is invoked.

    Parameters
    ----------
    eventbridge
        MiniStack's module that invokes targets, for rules and schedules, `ministack.services.eventbridge`.
    """
    invoke_target = eventbridge._invoke_target

    def with_time(target: dict[str, Any], event: dict[str, Any], *more: Any, **options: Any) -> Any:
        if _TIME in (target.get("Input") or ""):
            moment = datetime.fromtimestamp(int(event["Time"]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            target = {**target, "Input": target["Input"].replace(_TIME, moment)}
        return invoke_target(target, event, *more, **options)

    eventbridge._invoke_target = with_time
