"""The errors that cross from one layer to another: retryable and terminal ones are different types."""

from __future__ import annotations

from candle_collector.domain.run import Failure


class CollectorError(Exception):
    """The root of all errors that this project raises on purpose."""


class SettingError(CollectorError):
    """A setting is missing or malformed; the message names it."""


class RefusedError(CollectorError):
    """A caller asked for something that cannot be done, and nothing was changed; the message says why.

    Each kind is a class of its own. What it is over HTTP stands in one table, `api.errors`.
    """


class InvalidRequestError(RefusedError):
    """The `field` of a request is wrong; the message names it and says what it takes."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class RequestTooLargeError(InvalidRequestError):
    """The body of a request is larger than the API takes."""


class IntervalNotServedError(CollectorError):
    """Candles of an interval cannot be made of what is stored; the message names the nearest that can."""


class NotFoundError(RefusedError):
    """There is no such run, symbol or day."""


class MissingKeyError(RefusedError):
    """The request carries no API key."""


class InvalidKeyError(RefusedError):
    """The API key is unknown, wrong, expired or revoked; `key_id` names its record where the key belongs to one."""

    def __init__(self, message: str, key_id: str | None = None) -> None:
        super().__init__(message)
        self.key_id = key_id


class ForbiddenScopeError(InvalidKeyError):
    """The API key is valid, but its scope does not include the route."""


class RunConflictError(RefusedError):
    """The state of the run `run_id` forbids what was asked."""

    def __init__(self, run_id: str, message: str) -> None:
        super().__init__(message)
        self.run_id = run_id


class CollectionInProgressError(RunConflictError):
    """Another run is active."""

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id, f"run {run_id} is active; only one run can be active at a time")


class RunEndedError(RunConflictError):
    """The run has ended already."""

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id, f"run {run_id} has ended")


class NothingToRetryError(RunConflictError):
    """No symbol of the run ended as partial or failed, or no run up to it left anything that is still missing."""

    def __init__(self, run_id: str, *, of_all: bool = False) -> None:
        earlier = ", and nothing that an earlier run left is still missing" if of_all else ""
        super().__init__(run_id, f"no symbol of run {run_id} is partial or failed{earlier}")


class MarketUnavailableError(RefusedError):
    """The exchange does not answer, asks us to wait, or lists nothing that can be collected."""


class CreationTooSlowError(RefusedError):
    """Writing the run took longer than its lease."""


class ExchangeError(CollectorError):
    """The exchange did not give what was asked; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class ExchangeUnavailableError(ExchangeError):
    """Every attempt failed in a way that another time may not."""


class OutOfTimeError(ExchangeError):
    """The next attempt does not fit into the time left; `failure.attempts` were made, it is due in `wait` seconds.

    `cut` says that our own end cut one more request short. It was sent, and has its weight, but it is not among
    `failure.attempts`: it says nothing against the exchange, and would use up what a window has of them.
    """

    def __init__(self, failure: Failure, wait: float, *, cut: bool = False) -> None:
        super().__init__(failure)
        self.wait = wait
        self.cut = cut


class ExchangeBlockedError(ExchangeError):
    """The exchange asks not to be asked for `seconds` from the moment of its answer (429, 418)."""

    def __init__(self, failure: Failure, seconds: float) -> None:
        super().__init__(failure)
        self.seconds = seconds


class SymbolRefusedError(ExchangeError):
    """The exchange will never answer for this symbol."""


class ExchangeRefusedError(ExchangeError):
    """The exchange will not answer us at all from here (451, a lasting 403, TLS): a person must change something."""


class StaleTurnError(CollectorError):
    """The record has moved on: another turn, or an outcome, is written already."""


class StoredCandleDamagedError(CollectorError):
    """An item of the candle table is not what this project writes."""


class DatabaseError(CollectorError):
    """The database cannot do what was asked of it; the message says why and what helps."""


class DatabaseUnavailableError(DatabaseError):
    """The database does not answer, another program holds it, or it lacks room or a right: another time it may."""


class UnreadableRecordError(DatabaseError):
    """A record of the database is not what this project writes."""


def reason_of(error: Exception) -> str:
    """Return why something failed, for a person: this package's errors are sentences, others need their name."""
    return str(error) if isinstance(error, CollectorError) else f"{type(error).__name__}: {error}"
