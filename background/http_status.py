"""What an address of this machine, or an exchange, answers."""

from __future__ import annotations

PROBE_S = 30
OK, UNAUTHORIZED, FORBIDDEN = 200, 401, 403


def http_status(url: str, key: str | None = None, within_s: float = PROBE_S) -> int | None:
    """Return the status of the answer; None where there was no answer."""
    from urllib.error import HTTPError, URLError  # noqa: PLC0415 - most commands ask nothing, and start sooner
    from urllib.request import Request, urlopen  # noqa: PLC0415 - the same

    request = Request(url, headers={"X-API-Key": key} if key else {})  # noqa: S310 - addresses of this stack and its exchange
    try:
        with urlopen(request, timeout=within_s) as answer:  # noqa: S310 - as above
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except (URLError, OSError):
        return None
