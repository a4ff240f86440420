"""The errors of the API: one shape, a word for programs and a sentence for people, by HTTP status."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from localstack.openapi.shapes import Model, RunId

Message = Annotated[str, Field(description="A sentence for people; its wording may change.")]


class InvalidRequestError(Model):
    """400: `field` names what is wrong; nothing was started."""

    code: Literal["INVALID_REQUEST", "REQUEST_REFUSED"]
    message: Message
    field: str | None = None


class MissingKeyError(Model):
    """401."""

    code: Literal["MISSING_API_KEY"]
    message: Message


class RefusedKeyError(Model):
    """403. The code is empty where the address of the caller is not among those that may call."""

    code: Literal["INVALID_API_KEY", "FORBIDDEN_SCOPE", "REQUEST_REFUSED", ""]
    message: Message


class NotFoundError(Model):
    """404."""

    code: Literal["NOT_FOUND"]
    message: Message


class ConflictError(Model):
    """409: `run_id` names the run that is in the way."""

    code: Literal["COLLECTION_IN_PROGRESS", "RUN_ENDED", "NOTHING_TO_RETRY"]
    message: Message
    run_id: RunId


class TooLargeError(Model):
    """413."""

    code: Literal["REQUEST_TOO_LARGE"]
    message: Message
    field: Literal["body"] | None = None


class TooManyError(Model):
    """429: wait a second."""

    code: Literal["TOO_MANY_REQUESTS"]
    message: Message


class InternalError(Model):
    """500 and 502: the functions' logs say what went wrong."""

    code: Literal["INTERNAL_ERROR"]
    message: Message


class UnavailableError(Model):
    """503: nothing was started."""

    code: Literal["EXCHANGE_UNAVAILABLE", "TOO_SLOW", "INTERNAL_ERROR"]
    message: Message


class SlowError(Model):
    """504: look at the status before you try again."""

    code: Literal["TIMEOUT", "INTERNAL_ERROR"]
    message: Message


class InvalidRequest(Model):
    """The request is wrong."""

    error: InvalidRequestError


class MissingKey(Model):
    """No key was sent."""

    error: MissingKeyError


class RefusedKey(Model):
    """The key does not let in, or not there."""

    error: RefusedKeyError


class NotFound(Model):
    """There is no such route, run, symbol or day."""

    error: NotFoundError


class Conflict(Model):
    """A run is in the way."""

    error: ConflictError


class TooLarge(Model):
    """The body is larger than 64 KiB."""

    error: TooLargeError


class TooMany(Model):
    """The API is asked more often than it allows."""

    error: TooManyError


class Internal(Model):
    """Something went wrong."""

    error: InternalError


class Unavailable(Model):
    """The exchange does not answer, or asked to be left alone."""

    error: UnavailableError


class Slow(Model):
    """No answer in time."""

    error: SlowError


class BinanceErrorWord(Model):
    """Our word for an error of Binance."""

    code: Literal[
        "EMPTY_PARAMETER",
        "ILLEGAL_CHARACTERS",
        "INVALID_COMBINATION",
        "INVALID_INTERVAL",
        "INVALID_PARAMETER",
        "INVALID_SYMBOL",
        "MISSING_PARAMETER",
        "UNKNOWN_PARAMETER",
    ]
    message: Message


class BinanceError(Model):
    """What Binance answers to the same mistake, and our own shape beside it."""

    code: Literal[-1100, -1102, -1104, -1105, -1120, -1121, -1128, -1130]
    msg: str
    error: BinanceErrorWord
