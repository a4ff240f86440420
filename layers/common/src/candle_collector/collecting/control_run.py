"""What a caller can do with a run that exists: stop it, or run again what it left behind."""

from __future__ import annotations

from collections.abc import Mapping

from candle_collector.collecting.ask_market import ask_market
from candle_collector.collecting.close_symbols import CANCELLED, ClosingPorts, close_run
from candle_collector.collecting.run_scope import RunDefaults, RunPorts, RunRequest, RunScope
from candle_collector.collecting.start_run import lease_for_new_run, new_run, send_messages, write_run
from candle_collector.domain import windows
from candle_collector.domain.run import Outcome, Run, RunSeries, RunSeriesRecord, RunState
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Windows
from candle_collector.errors import (
    CollectionInProgressError,
    NotFoundError,
    NothingToRetryError,
    RunEndedError,
    StaleTurnError,
)
from candle_collector.ports import RunStore, find_run

_PAGE = 20
"""How many runs are read at once where the newest that left something is looked for."""


def cancel_run(run_id: str, ports: ClosingPorts) -> Run:
    """Stop a run: what is stored stays, what is open is closed by what is stored of it.

    Symbols that workers hold end with the answer in hand, and the run with the last of them: the run that is returned
    may still be active. A run that is being written is closed by the reconciler.

    Raises
    ------
    NotFoundError, RunEndedError
    """
    run = find_run(run_id, ports.runs)
    if run.state is RunState.ENDED:
        raise RunEndedError(run_id)
    try:
        run = ports.runs.stop(run_id, "cancelled")
    except StaleTurnError:
        raise RunEndedError(run_id) from None
    if run.state is RunState.CREATING and ports.leases.holder(ports.clock.now()) == run_id:
        return run  # whoever writes it is refused when it is to become active, and writes no more symbols
    close_run(run, CANCELLED, ports, closed_by="cancel")
    return find_run(run_id, ports.runs)


def retry_run(run_id: str, defaults: RunDefaults, ports: RunPorts) -> Run:
    """Start a run of what another left partial or failed, over the same range; what it stored is not asked for again.

    A verification compares all candles of these series again, and repairs if the other did. With a sample it draws
    other windows.

    Raises
    ------
    NotFoundError, CollectionInProgressError, NothingToRetryError, MarketUnavailableError
    """
    old = find_run(run_id, ports.runs)
    if old.state is not RunState.ENDED:
        raise CollectionInProgressError(run_id)
    left = {record.series: record for record in _left(old, ports.runs)}
    if not left:
        raise NothingToRetryError(run_id)
    again = tuple(item.series for item in old.series if item.series in left)

    with lease_for_new_run(ports) as (new_id, now):
        share = defaults.weight_share_percent
        market = ask_market(ports, share_percent=share, with_volumes=False, dry_run=False).market
        trading = {listing.symbol for listing in market.listings if listing.trading}
        # one that is no longer listed may still be served
        series = tuple(RunSeries(item, item.symbol in trading) for item in again)
        scope = RunScope(old.start_ms, old.end_ms, old.closed_ms, series, market, note=f"a retry of {run_id}")
        request = RunRequest(old.mode, symbols=scope.symbols, recheck=old.recheck, repair=old.repair, sample=old.sample)
        run = new_run(new_id, now, request, scope, defaults, ports=ports)
        records = [
            RunSeriesRecord(new_id, item.series, trading=item.trading, range=left[item.series].range)
            for item in run.series
        ]
        write_run(run, records, ports)
    send_messages(run, ports)
    return run


def run_to_retry(ports: RunPorts) -> str:
    """Return the newest ended run that still has something to retry.

    Of the newest ended one that is what it left. Of those before it, it is what the series' records say is missing
    still: a run in between may have brought it.

    Raises
    ------
    NotFoundError
        No run has ended yet.
    NothingToRetryError
    """
    missing = {
        record.series: windows.union(item.window for item in record.failed_windows)
        for record in ports.series.all()
        if record.failed_windows
    }
    newest: str | None = None
    before: str | None = None
    while ids := ports.runs.runs(limit=_PAGE, before=before):
        for run in ports.runs.get_many(ids):
            if run.state is not RunState.ENDED:
                continue
            is_newest, newest = newest is None, newest or run.run_id
            if _is_unfinished(run, ports.runs) if is_newest else _is_missing_still(run, missing, ports.runs):
                return run.run_id
        before = ids[-1]
        if newest is not None and not missing:
            break
    if newest is None:
        raise NotFoundError("no run has ended yet")
    raise NothingToRetryError(newest, of_all=True)


def _left(run: Run, runs: RunStore) -> list[RunSeriesRecord]:
    """Return the records of the series that an ended run left partial or failed."""
    counts = run.counts or {}
    if not (counts.get(Outcome.PARTIAL) or counts.get(Outcome.FAILED)):
        return []
    return [record for record in runs.symbols(run.run_id) if record.outcome in {Outcome.PARTIAL, Outcome.FAILED}]


def _is_unfinished(run: Run, runs: RunStore) -> bool:
    """Return whether an ended run left anything that another may change."""
    return any(record.is_unfinished for record in _left(run, runs))


def _is_missing_still(run: Run, missing: Mapping[Series, Windows], runs: RunStore) -> bool:
    """Return whether anything that a run of collection left is among what is missing; its records are read last."""
    if run.mode == "verify" or not any(
        windows.clip(missing.get(item.series, ()), run.window(item.series.interval)) for item in run.series
    ):
        return False
    return any(
        windows.clip(missing.get(record.series, ()), record.range)
        for record in _left(run, runs)
        if record.range is not None
    )
