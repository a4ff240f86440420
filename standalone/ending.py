"""How a process of the server ends: in time, with a code that says how, and without waiting for what does not end."""

from __future__ import annotations

import os
import signal
import sys

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""What a process is asked to end by."""

STOP_SECONDS = 10.0
"""How long the turns in hand have to end."""

REFUSED, DIED, DATABASE_REFUSED = 2, 1, 3
"""What a process exits with where it cannot start, where a part of it died, and where a check refuses the database."""


def leave(code: int) -> None:
    """End the process at once."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
