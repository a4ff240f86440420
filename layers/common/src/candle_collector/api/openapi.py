"""The description of the API as it is served; `make openapi` generates the text, and a test holds it to be current."""

from __future__ import annotations

from functools import cache
from pathlib import Path

OPENAPI_FILE = Path(__file__).with_name("openapi.json")


@cache
def openapi_text() -> str:
    """Return the OpenAPI 3.1 document as JSON."""
    return OPENAPI_FILE.read_text(encoding="utf-8")
