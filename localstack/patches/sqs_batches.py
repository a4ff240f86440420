"""Gap: MiniStack, when it enforces IAM (AUTH=true), wants a permission for a batch of SQS that AWS does not know.

AWS has no action `sqs:SendMessageBatch`: whoever may send may send in batches. MiniStack 1.5.33 asks for it.
Goes when: a batch needs the permission of the single action.
"""

from __future__ import annotations

from typing import Any

_BATCHES = {
    f"sqs:{action}Batch": f"sqs:{action}" for action in ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")
}


def allow_batches(iam_actions: Any) -> None:
    """Let the single action cover its batch.

    Parameters
    ----------
    iam_actions
        MiniStack's module that finds the right a request needs, `ministack.core.iam_actions`.
    """
    extract_iam_action = iam_actions.extract_iam_action

    def single(*request: Any, **more: Any) -> str | None:
        action: str | None = extract_iam_action(*request, **more)
        return _BATCHES.get(action, action) if action is not None else None

    iam_actions.extract_iam_action = single
