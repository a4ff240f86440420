"""The id of a run: a ULID, so that ids sort by time and nothing else is looked up, logged or repeated in an answer."""

from __future__ import annotations

import re
import secrets
from datetime import datetime

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RUN_ID_PATTERN = f"^[{_CROCKFORD}]{{26}}$"
"""A ULID in capitals."""

_ULID = re.compile(RUN_ID_PATTERN, re.ASCII)


def new_run_id(now: datetime) -> str:
    """Return a ULID: 48 bits of ms since 1970 and 80 random ones."""
    number = (round(now.timestamp() * 1000) << 80) | secrets.randbits(80)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


def is_run_id(text: str) -> bool:
    """Return whether `text` can be the id of a run: a ULID in capitals."""
    return _ULID.fullmatch(text) is not None
