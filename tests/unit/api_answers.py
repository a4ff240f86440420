"""Answers of the API for tests, whole but for what a test is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from candle_collector.answers import Progress, Results, Status, SymbolResult

RUN = "01KAS3ZJ5VABCDEFGHJKMNPQRS"


def symbol_result(symbol: str, status: str, **members: Any) -> SymbolResult:
    """Return what became of an hourly series: nothing stored, nothing missing."""
    counts = {"records": 0, "requests": 0, "retries": 0, "missing": (), "missing_candles": 0}
    compared = dict.fromkeys(("compared", "different", "repaired", "denied", "differences"))
    known = {"wanted_candles": None, "error": None, "first": None, "last": None, **compared}
    return SymbolResult(**{"symbol": symbol, "interval": "1h", "status": status, **known, **counts, **members})


def results(details: Sequence[SymbolResult] = (), **members: Any) -> Results:
    """Return the results of a run; none has ended where no count is given."""
    run = {"run_id": RUN, "mode": "backward", "start_date": "2025-01-01", "end_date": "2025-01-31", "note": None}
    counts = dict.fromkeys(("complete", "partial", "failed", "skipped", "total_cryptos", "total_records"), 0)
    return Results(**{**run, **counts, "ended_at": None, "end_reason": None, "details": details, **members})


def status(*, progress: Progress | None = None, last_results: Results | None = None, **members: Any) -> Status:
    """Return the status of a running run."""
    shown = {"status": "running", "current_operation": "backward", "run_id": RUN, "start_time": None}
    times = {"elapsed_seconds": None, "timestamp": "2025-01-01T12:00:00Z", "waiting_for_exchange_until": None}
    return Status(
        **{"is_running": True, **shown, **times, "progress": progress, "last_results": last_results, **members}
    )
