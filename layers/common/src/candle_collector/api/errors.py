"""What each refusal is over HTTP: the one place that knows statuses and the API's words for programs."""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

from candle_collector.errors import (
    CollectionInProgressError,
    CreationTooSlowError,
    ForbiddenScopeError,
    InvalidKeyError,
    InvalidRequestError,
    MarketUnavailableError,
    MissingKeyError,
    NotFoundError,
    NothingToRetryError,
    RefusedError,
    RequestTooLargeError,
    RunEndedError,
)


class HttpError(NamedTuple):
    """The status and the code of an error answer."""

    status: HTTPStatus
    code: str


HTTP_ERRORS: dict[type[RefusedError], HttpError] = {
    InvalidRequestError: HttpError(HTTPStatus.BAD_REQUEST, "INVALID_REQUEST"),
    MissingKeyError: HttpError(HTTPStatus.UNAUTHORIZED, "MISSING_API_KEY"),
    InvalidKeyError: HttpError(HTTPStatus.FORBIDDEN, "INVALID_API_KEY"),
    ForbiddenScopeError: HttpError(HTTPStatus.FORBIDDEN, "FORBIDDEN_SCOPE"),
    NotFoundError: HttpError(HTTPStatus.NOT_FOUND, "NOT_FOUND"),
    CollectionInProgressError: HttpError(HTTPStatus.CONFLICT, "COLLECTION_IN_PROGRESS"),
    RunEndedError: HttpError(HTTPStatus.CONFLICT, "RUN_ENDED"),
    NothingToRetryError: HttpError(HTTPStatus.CONFLICT, "NOTHING_TO_RETRY"),
    RequestTooLargeError: HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "REQUEST_TOO_LARGE"),
    MarketUnavailableError: HttpError(HTTPStatus.SERVICE_UNAVAILABLE, "EXCHANGE_UNAVAILABLE"),
    CreationTooSlowError: HttpError(HTTPStatus.SERVICE_UNAVAILABLE, "TOO_SLOW"),
}
"""Every kind of refusal that can reach a caller."""

INTERNAL = HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL_ERROR")
"""What any other error is; its message stays in the log."""

_DETAILS = ("field", "run_id")


def error_body(error: RefusedError) -> dict[str, str]:
    """Return the ``error`` member of the answer: code, message, and ``field`` or ``run_id`` where the error has one."""
    details = {name: str(getattr(error, name)) for name in _DETAILS if hasattr(error, name)}
    return {"code": HTTP_ERRORS[type(error)].code, "message": str(error), **details}
