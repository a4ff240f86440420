"""The version of what is written, so that a process of the release before is understood."""

from __future__ import annotations

RECORD_VERSION = 1
"""Written on every record and message; a worker accepts this one and the one before."""
