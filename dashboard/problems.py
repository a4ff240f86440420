"""What a person reads when the API does not answer as expected: a sentence and a remedy, never a traceback."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from background.progress import as_typed
from cli.client import ApiError, ApiRefusedError, ApiUnreachableError
from dashboard.connection import Connection


@dataclass(frozen=True)
class Problem:
    """Why there is no new answer.

    Attributes
    ----------
    is_key
        Whether another key is what helps.
    is_down
        Whether nothing listens at the address.
    """

    sentence: str
    remedy: str
    is_key: bool = False
    is_down: bool = False


def explain(error: ApiError, connection: Connection) -> Problem:
    """Return what an error of the API's client means to whoever looks at the page."""
    if isinstance(error, ApiRefusedError):
        return _refused(error, connection)
    if isinstance(error, ApiUnreachableError):
        return Problem(f"Nothing answers at {connection.url}.", _start(connection), is_down=True)
    said = str(error).split(": ")[0]  # the client says at length which part of an answer was not as expected
    return Problem(f"{connection.url} did not answer as this page expects: {said}.", _look(connection))


def _refused(error: ApiRefusedError, connection: Connection) -> Problem:
    code, message, status = error.refusal.code, error.refusal.message, error.http_status
    if status == HTTPStatus.UNAUTHORIZED or code == "INVALID_API_KEY":
        said = "There is no key for this archive" if not connection.key else "The archive does not accept this key"
        return Problem(f"{said}.", f"Give another one below. It came from: {connection.source}.", is_key=True)
    if code == "FORBIDDEN_SCOPE":
        return Problem(
            "This key may only read candles and coverage; what is shown here needs an admin key.",
            "Give an admin key below, or look at Coverage and Candles, which a read key reaches.",
            is_key=True,
        )
    if status == HTTPStatus.FORBIDDEN:
        remedy = "Call from another address, or add this one to the parameter AllowedCidrs."
        return Problem(f"{connection.url} does not let this machine in.", remedy)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Problem("The API is asked more often than it allows.", "It is asked again by itself in some seconds.")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and code != "EXCHANGE_UNAVAILABLE":
        return Problem(f"The API failed ({status}): {message}.", _look(connection))
    remedies = {
        "COLLECTION_IN_PROGRESS": "Wait until that run has ended, or cancel it.",
        "EXCHANGE_UNAVAILABLE": "Nothing was started. Try again when the exchange answers.",
        "NOTHING_TO_RETRY": "Nothing is left to be retried.",
        "RUN_ENDED": "Nothing is left to be cancelled.",
        "INVALID_SYMBOL": "Choose one that is stored.",
        "NOT_FOUND": "The archive may be older than this page: deploy or start it again with what is checked out here.",
        "INVALID_REQUEST": "Correct it, then try again.",
    }
    return Problem(f"{message[:1].upper()}{message[1:].rstrip('.')}.", remedies.get(code, "Try again."))


def _start(connection: Connection) -> str:
    if connection.is_local:
        return as_typed("Start it with `make up`; this page goes on by itself.")
    return "Check the address and the network; this page goes on by itself."


def _look(connection: Connection) -> str:
    if connection.is_local:
        return as_typed("`make logs` says why; `make down` and `make up` start it again, and nothing stored is lost.")
    return "The functions' logs say why (docs/operations.md); check that the address is that of the archive's API."
