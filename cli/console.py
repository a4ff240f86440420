"""Where the commands print, in one style: at a terminal to its width, in a log or a pipe as wide as tables need."""

from __future__ import annotations

import sys

from rich.console import Console

LOG_WIDTH = 140


def console() -> Console:
    """Return standard output."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else LOG_WIDTH)
