"""Replies of DynamoDB that are lost on their way: the SDK sends the same request again, and meets its own write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.endpoint import Endpoint
from botocore.exceptions import ReadTimeoutError

_WRITES = {"PutItem", "UpdateItem", "DeleteItem"}


class LostReplies:
    """Loses replies to writes.

    Attributes
    ----------
    left
        How many replies in a row are lost from now on.
    between
        Called after each lost one, before the SDK tries again; it loses nothing itself.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.left = 0
        self.lost = 0
        self.between: Callable[[], object] = lambda: None
        answered = Endpoint._get_response  # type: ignore[attr-defined] # botocore has no public way to it

        def get_response(endpoint: Any, request: Any, operation: Any, context: Any) -> Any:
            answer = answered(endpoint, request, operation, context)
            if operation.name not in _WRITES or not self.left:
                return answer
            left, self.left = self.left - 1, 0
            self.between()
            self.left, self.lost = left, self.lost + 1
            return None, ReadTimeoutError(endpoint_url="nowhere")

        patch.setattr(Endpoint, "_get_response", get_response)
        patch.setattr("botocore.endpoint.time.sleep", lambda _: None)
