"""What a function is given to know of its invocation."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

NAME = "standalone"
"""One for all functions, as Powertools puts what stands here onto the lines of all threads."""

KEYS_OF_LINES: dict[str, object] = {
    "cold_start": False,
    "function_memory_size": 0,
    **dict.fromkeys(("function_name", "function_arn", "function_request_id"), NAME),
}
"""What a function's first call adds to the lines of all threads: there before any thread goes through them."""


@dataclass(frozen=True)
class Context:
    """What Lambda says a function of its invocation, as far as anything here reads it.

    Attributes
    ----------
    seconds
        How much time the invocation has.
    """

    seconds: float = 60
    function_name: str = NAME
    memory_limit_in_mb: int = 0
    invoked_function_arn: str = NAME
    aws_request_id: str = NAME
    _started: float = field(default_factory=time.monotonic)

    def get_remaining_time_in_millis(self) -> int:
        """Return how much of it is left."""
        return max(0, round((self._started + self.seconds - time.monotonic()) * 1000))
