"""What a caller can do with a run that exists: stop it, or run again what it left behind."""

from __future__ import annotations

from candle_collector.collecting.ask_market import ask_market
from candle_collector.collecting.close_symbols import CANCELLED, ClosingPorts, close_run
from candle_collector.collecting.run_scope import RunDefaults, RunPorts, RunRequest, RunScope
from candle_collector.collecting.start_run import lease_for_new_run, new_run, send_messages, write_run
from candle_collector.domain.run import Outcome, Run, RunSeries, RunSeriesRecord, RunState
from candle_collector.errors import CollectionInProgressError, NothingToRetryError, RunEndedError, StaleTurnError
from candle_collector.ports import find_run


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
    left = {
        record.series: record
        for record in ports.runs.symbols(run_id)
        if record.outcome in {Outcome.PARTIAL, Outcome.FAILED}
    }
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
