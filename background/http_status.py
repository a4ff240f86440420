"""What an address of this machine, or an exchange, answers."""

from __future__ import annotations

import json
from typing import Any

PROBE_S = 30
OK, UNAUTHORIZED, FORBIDDEN = 200, 401, 403


def http_status(url: str, key: str | None = None, within_s: float = PROBE_S) -> int | None:
    """Return the status of the answer; None where there was no answer."""
    return _answer(url, key, within_s)[0]


def json_answer(url: str, key: str, within_s: float = PROBE_S) -> dict[str, Any]:
    """Return the object that was answered; an empty one where there was no such answer."""
    status, body = _answer(url, key, within_s)
    try:
        content = json.loads(body) if status == OK else None
    except ValueError:
        content = None
    return content if isinstance(content, dict) else {}


def _answer(url: str, key: str | None, within_s: float) -> tuple[int | None, bytes]:
    """Return the status and the body of the answer; None, and nothing, where there was no answer."""
    from http.client import HTTPException  # noqa: PLC0415 - most commands ask nothing, and start sooner
    from urllib.error import HTTPError  # noqa: PLC0415 - the same
    from urllib.request import Request, urlopen  # noqa: PLC0415 - the same

    request = Request(url, headers={"X-API-Key": key} if key else {})  # noqa: S310 - addresses of this stack and its exchange
    try:
        with urlopen(request, timeout=within_s) as answer:  # noqa: S310 - as above
            return int(answer.status), answer.read()
    except HTTPError as error:
        return error.code, b""
    except (OSError, HTTPException):
        return None, b""
