"""The errors that cross from one layer to another: retryable and terminal ones are different types."""

from __future__ import annotations

from datetime import datetime

from candle_collector.domain.run import Failure


class CollectorError(Exception):
    """The root of all errors that this project raises on purpose."""


class SettingError(CollectorError):
    """A setting is missing or malformed; the message names it."""


class RequestRefusedError(CollectorError):
    """The caller asked for something that cannot be done; it becomes an HTTP answer.

    Attributes
    ----------
    status
        The HTTP status.
    code
        A word for programs.
    details
        More members of the answer's ``error``, such as ``field`` or ``run_id``.
    """

    def __init__(self, status: int, code: str, message: str, **details: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details


def invalid(field: str, message: str) -> RequestRefusedError:
    """Return the error for a `field` of a request that is wrong."""
    return RequestRefusedError(400, "INVALID_REQUEST", f"{field}: {message}", field=field)


def not_found(message: str) -> RequestRefusedError:
    """Return the error for something that is not there."""
    return RequestRefusedError(404, "NOT_FOUND", message)


class CollectionInProgressError(RequestRefusedError):
    """Another run is active."""

    def __init__(self, run_id: str) -> None:
        super().__init__(409, "COLLECTION_IN_PROGRESS", f"run {run_id} is active; one runs at a time", run_id=run_id)
        self.run_id = run_id


class ExchangeError(CollectorError):
    """The exchange did not give what was asked; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class ExchangeUnavailableError(ExchangeError):
    """Every attempt failed in a way that another time may not."""


class OutOfTimeError(ExchangeError):
    """The next attempt does not fit into the time left; `failure.attempts` were made, it is due in `wait` seconds."""

    def __init__(self, failure: Failure, wait: float) -> None:
        super().__init__(failure)
        self.wait = wait


class ExchangeBlockedError(ExchangeError):
    """The exchange asks not to be asked before `until` (429, 418)."""

    def __init__(self, failure: Failure, until: datetime) -> None:
        super().__init__(failure)
        self.until = until


class SymbolRefusedError(ExchangeError):
    """The exchange will never answer for this symbol."""


class ExchangeRefusedError(ExchangeError):
    """The exchange will not answer us at all from here (451, 403, TLS): a person must change something."""


class StaleTurnError(CollectorError):
    """The record has moved on: another turn, or an outcome, is written already."""


class StoredCandleDamagedError(CollectorError):
    """An item of the candle table is not what this project writes."""
