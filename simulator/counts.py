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
        For how long the client had been told not to ask now, if it had been.
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
        """Begin anew; what is in flight is not counted any more."""
        self._log: deque[Asked] = deque(maxlen=LOG_LENGTH)
        self._weight_by_minute: Counter[int] = Counter()
        self._paths: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._symbols: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._clients: Counter[str] = Counter()
        self._weight = self._rows = self._inside_retry_after = 0
        self._in_flight: list[Asked] = []
        self._most_in_flight = 0

    def arrived(self, asked: Asked, minute_start_ms: int) -> None:
        """Count a request when it comes in."""
        self._log.append(asked)
        self._in_flight.append(asked)
        self._most_in_flight = max(self._most_in_flight, len(self._in_flight))
        self._paths[asked.path] += 1
        self._clients[asked.client] += 1
        self._weight += asked.weight
        self._weight_by_minute[minute_start_ms] += asked.weight
        self._inside_retry_after += asked.warned_ms is not None
        if asked.path == "/api/v3/klines":
            self._symbols[asked.params.get("symbol", "")] += 1

    def ended(self, asked: Asked) -> None:
        """Count how a request was answered; one without a status was cut off."""
        if not any(one is asked for one in self._in_flight):
            return  # a reset came in between
        self._in_flight = [one for one in self._in_flight if one is not asked]
        self._statuses[str(asked.status or "cut off")] += 1
        self._rows += asked.rows
        if asked.fault:
            self._faults[asked.fault] += 1

    def as_json(self, last: int) -> dict[str, Any]:
        """Return the counts, and the `last` requests of the log, oldest first."""
        return {
            "requests": self._paths.total(),
            "by_path": dict(self._paths),
            "by_status": dict(self._statuses),
            "by_client": dict(self._clients),
            "klines_by_symbol": dict(self._symbols),
            "rows_served": self._rows,
            "weight": self._weight,
            "weight_by_minute": {str(start_ms): used for start_ms, used in self._weight_by_minute.items()},
            "most_weight_in_a_minute": max(self._weight_by_minute.values(), default=0),
            "most_in_flight": self._most_in_flight,
            "inside_retry_after": self._inside_retry_after,
            "faults": dict(self._faults),
            "log": [asdict(asked) for asked in list(self._log)[-last:]] if last else [],
        }
