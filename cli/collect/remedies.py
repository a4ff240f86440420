"""What to do about an error, in words a newcomer can follow."""

from cli.client import Refusal

_VARIABLES = {
    "start_date": "START",
    "end_date": "END",
    "symbols": "SYMBOLS",
    "top_n": "TOP",
    "intervals": "INTERVALS",
    "quote_assets": "QUOTES",
    "mode": "MODE",
    "sample": "SAMPLE",
}
_SERVER_ERROR = 500

UNREACHABLE = "What collects is not there. Start it with `make up`, then ask again."
UNANSWERED = "Look into logs/ for what was logged. `make down`, `make up` start afresh; nothing stored is lost."
WHY_IT_ENDED = "Why it ended is at the end of its log, in logs/."
KEY = "The key in .local/stack.json is not accepted. `make up` checks it and makes another where needed."
EXCHANGE = "Nothing was started. Try again later; `make collect EXCHANGE=simulated` needs no network."
_BY_STATUS = {
    401: KEY,
    403: KEY,
    404: "What runs knows nothing of this. `make up` brings it to what the project holds now.",
    429: "The API is asked more often than it allows. Wait a few seconds, then ask again.",
}


def remedy(http_status: int, refusal: Refusal) -> str:
    """Name what a person can do about a refusal of the API."""
    if refusal.code == "EXCHANGE_UNAVAILABLE":
        return EXCHANGE
    if http_status in _BY_STATUS:
        return _BY_STATUS[http_status]
    if http_status >= _SERVER_ERROR:
        return UNANSWERED
    variable = _VARIABLES.get(refusal.field or "")
    return f"Nothing was started. Correct {variable}, then ask again." if variable else "Nothing was started."
