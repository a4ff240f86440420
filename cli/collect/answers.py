"""What the collector's API answers, as far as this program reads it; times are UTC."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

OutcomeName = Literal["pending", "running", "complete", "partial", "failed", "skipped"]


class Started(BaseModel):
    """The 202 of the trigger; `note` says what was taken otherwise than asked, such as an end in the future."""

    run_id: str
    mode: str
    start_date: str | None = None
    end_date: str | None = None
    total_cryptos: int
    note: str | None = None


class Progress(BaseModel):
    """How many symbols have ended, of how many."""

    done: int
    total: int
    percent: float
    eta_seconds: float | None = None


class MissingWindow(BaseModel):
    """A half-open window of hours `[start, end)` that is still missing."""

    start: datetime
    end: datetime
    hours: int


class SymbolError(BaseModel):
    """Why a symbol is not complete."""

    kind: str
    message: str
    http_status: int | None = None
    exchange_code: int | None = None
    attempts: int | None = None


class SymbolOutcome(BaseModel):
    """One symbol of a run: `records` candles were stored by it; `first` and `last` are the open times it now holds.

    `missing` names the first windows, `missing_hours` counts the hours of all.
    """

    symbol: str
    status: OutcomeName
    records: int = 0
    requests: int = 0
    retries: int = 0
    missing: list[MissingWindow] = []
    missing_hours: int = 0
    error: SymbolError | None = None
    first: datetime | None = None
    last: datetime | None = None


class Results(BaseModel):
    """The symbols of a run, counted and one by one."""

    total_cryptos: int
    complete: int
    partial: int
    failed: int
    skipped: int
    total_records: int
    ended_at: datetime | None = None
    end_reason: str | None = None
    details: list[SymbolOutcome] = []

    def having(self, *names: OutcomeName) -> list[SymbolOutcome]:
        """Give the symbols whose outcome is one of `names`, in the order of the answer."""
        return [symbol for symbol in self.details if symbol.status in names]

    @property
    def requests(self) -> int:
        """Candle requests the workers asked of the exchange."""
        return sum(symbol.requests for symbol in self.details)


class Status(BaseModel):
    """The status of one run."""

    is_running: bool
    run_id: str | None = None
    current_operation: str | None = None
    start_time: datetime | None = None
    elapsed_seconds: float | None = None
    progress: Progress | None = None
    waiting_for_exchange_until: datetime | None = None
    last_results: Results | None = None

    @property
    def seconds(self) -> float | None:
        """Seconds from the run's start until now, or until its end if it has ended; the API tells only the former."""
        ended_at = self.last_results.ended_at if self.last_results is not None else None
        if ended_at is not None and self.start_time is not None:
            return (ended_at - self.start_time).total_seconds()
        return self.elapsed_seconds


class Refusal(BaseModel):
    """The `error` of an answer that is no success: the `field` that is wrong, the `run_id` of the run in the way."""

    code: str
    message: str
    field: str | None = None
    run_id: str | None = None

    @classmethod
    def of(cls, http_status: int, body: Any) -> "Refusal":
        """Read the error out of any body, our own shape or another's (a gateway's `{"message": ...}`, or none)."""
        error = body.get("error") if isinstance(body, dict) else None
        if isinstance(error, dict) and isinstance(error.get("message"), str):
            named = {name: error[name] for name in ("field", "run_id") if isinstance(error.get(name), str)}
            return cls(code=str(error.get("code", http_status)), message=error["message"], **named)
        message = body.get("message") if isinstance(body, dict) else None
        return cls(code=str(http_status), message=str(message or f"the API answered {http_status} without saying why"))
