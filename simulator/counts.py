"""Counts what the exchange was asked and what it answered: the witness of the tests."""

from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

LOG_LENGTH = 20_000


@dataclass
class Asked:
    """One request and its answer.

    Parameters
    ----------
    at_ms
        When it arrived, by the exchange's clock.
    client
        The client's address.
    status
        The answer's; None while it is being answered, or if it ended without one.
    warned_ms
        For how long the client had been warned not to ask now, if it had been.
    """

    at_ms: int
    path: str
    params: dict[str, str]
    client: str
    weight: int
    used_weight: int
    warned_ms: int | None
    status: int | None = None
    rows: int = 0
    fault: str | None = None


class Counts:
    """Everything counted since the start or the last reset; control routes are not."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin again; what is in flight is not counted any more."""
        self._log: deque[Asked] = deque(maxlen=LOG_LENGTH)
        self._weight_by_minute: Counter[int] = Counter()
        self._paths: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._symbols: Counter[str] = Counter()
        self._intervals: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._clients: Counter[str] = Counter()
        self._weight = self._rows = self._inside_retry_after = 0
        self._in_flight: list[Asked] = []
        self._most_in_flight = 0

    def arrived(self, requested: Asked, minute_start_ms: int) -> None:
        """Count a request when it comes in."""
        self._log.append(requested)
        self._in_flight.append(requested)
        self._most_in_flight = max(self._most_in_flight, len(self._in_flight))
        self._paths[requested.path] += 1
        self._clients[requested.client] += 1
        self._weight += requested.weight
        self._weight_by_minute[minute_start_ms] += requested.weight
        self._inside_retry_after += requested.warned_ms is not None
        if requested.path == "/api/v3/klines":
            self._symbols[requested.params.get("symbol", "")] += 1
            self._intervals[requested.params.get("interval", "")] += 1

    def ended(self, requested: Asked) -> None:
        """Count how a request was answered; one without a status was cut off."""
        if not any(item is requested for item in self._in_flight):
            return  # a reset came in between
        self._in_flight = [item for item in self._in_flight if item is not requested]
        self._statuses[str(requested.status or "cut off")] += 1
        self._rows += requested.rows
        if requested.fault:
            self._faults[requested.fault] += 1

    def as_json(self, last: int) -> dict[str, Any]:
        """Return the counts, and the `last` requests of the log, oldest first."""
        return {
            "requests": self._paths.total(),
            "by_path": dict(self._paths),
            "by_status": dict(self._statuses),
            "by_client": dict(self._clients),
            "klines_by_symbol": dict(self._symbols),
            "klines_by_interval": dict(self._intervals),
            "rows_served": self._rows,
            "weight": self._weight,
            "weight_by_minute": {str(start_ms): used for start_ms, used in self._weight_by_minute.items()},
            "most_weight_in_a_minute": max(self._weight_by_minute.values(), default=0),
            "most_in_flight": self._most_in_flight,
            "inside_retry_after": self._inside_retry_after,
            "faults": dict(self._faults),
            "log": [asdict(requested) for requested in list(self._log)[-last:]] if last else [],
        }
