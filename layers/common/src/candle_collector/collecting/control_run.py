"""What a caller can do with a run that exists: stop it, or run again what it left behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from candle_collector.collecting.close_symbols import ClosingPorts, close_symbols, open_records
from candle_collector.collecting.end_run import end_run
from candle_collector.collecting.start_run import Choice, RunPorts, RunRequest, begin, choose, new_run
from candle_collector.domain.run import Failure, Outcome, Run, RunState, SymbolRecord
from candle_collector.errors import CollectionInProgressError, NothingToRetryError, RunEndedError
from candle_collector.ports import find_run


def cancel_run(run_id: str, ports: ClosingPorts) -> Run:
    """Stop a run: what is stored stays, what is open is closed by what is stored of it.

    Raises
    ------
    NotFoundError, RunEndedError
    """
    run = find_run(run_id, ports.runs)
    if run.state is RunState.ENDED:
        raise RunEndedError(run_id)
    failure = Failure("cancelled", "the run was cancelled; start another for the rest")
    close_symbols(run, open_records(run, ports.runs), failure, ports, closed_by="cancel", reason="cancelled")
    end_run(run, "cancelled", runs=ports.runs, series=ports.series, events=ports.events, clock=ports.clock)
    return find_run(run_id, ports.runs)


def retry_run(run_id: str, choice: Choice, ports: RunPorts) -> Run:
    """Start a run of what another left partial or failed, over the same hours; what it stored is not asked for again.

    Raises
    ------
    NotFoundError, CollectionInProgressError, NothingToRetryError, MarketUnavailableError
    """
    old = find_run(run_id, ports.runs)
    if old.state is not RunState.ENDED:
        raise CollectionInProgressError(run_id)
    left = {
        record.symbol: record
        for record in ports.runs.symbols(run_id)
        if record.outcome in {Outcome.PARTIAL, Outcome.FAILED}
    }
    if not left:
        raise NothingToRetryError(run_id)
    names = tuple(one.symbol for one in old.symbols if one.symbol in left)

    def write(new_id: str, now: datetime) -> tuple[Run, list[SymbolRecord]]:
        scope = choose(RunRequest("backward", old.start, old.end, names), choice, ports)
        run = new_run(new_id, now, old.mode, scope, choice, recheck=old.recheck)
        run = replace(run, start=old.start, end=old.end, note=f"a retry of {run_id}")
        return run, [
            SymbolRecord(new_id, one.symbol, trading=one.trading, range=left[one.symbol].range) for one in run.symbols
        ]

    return begin(write, ports)
