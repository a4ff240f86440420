"""Answers as a client reads them."""

from __future__ import annotations

import json
from typing import Any

from candle_collector.api.responses import answer


def as_json(dataclass: Any) -> Any:
    """Return an answer after its way over the wire."""
    return json.loads(answer(200, dataclass).body or "")
