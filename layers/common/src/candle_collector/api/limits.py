"""What the API takes at most, in one place: the edge holds to it, and system/info tells it."""

from __future__ import annotations

BODY_MOST_BYTES = 65_536
SYMBOLS_MOST = 500
RUNS_A_PAGE_DEFAULT = 20
RUNS_A_PAGE_MOST = 100

CALLS_A_SECOND = 100
TRIGGERS_A_SECOND = 5
"""As the template throttles the API."""
