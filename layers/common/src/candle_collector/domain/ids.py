"""What the id of a run looks like, so that nothing else is looked up, logged or repeated in an answer."""

from __future__ import annotations

import re

_ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}", re.ASCII)


def is_run_id(text: str) -> bool:
    """Tell whether `text` can be the id of a run: a ULID in capitals."""
    return _ULID.fullmatch(text) is not None
