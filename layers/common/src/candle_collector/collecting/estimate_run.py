"""How long a run will take: by the requests of its plan, or, when it starts, by what is noted of its series."""

from __future__ import annotations

from candle_collector.collecting.run_scope import RunDefaults, RunPorts, RunRequest, RunScope
from candle_collector.domain import windows
from candle_collector.domain.market import Market, RequestWeights
from candle_collector.domain.pace import Pace
from candle_collector.domain.plan import verified_slots, window_slots
from candle_collector.domain.run import Mode, RunSeries
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window


def weight_of(requests: int, request: RunRequest, weights: RequestWeights) -> int:
    """Return the weight of a run's requests for candles, and of asking for the market."""
    return requests * weights.candles + weights.listings + (weights.volumes if request.is_ranked else 0)


def pace_of(scope: RunScope, defaults: RunDefaults) -> Pace:
    """Return what a run's speed depends on."""
    return Pace(scope.listed.limit, defaults.weight_share_percent, defaults.workers)


def estimated_seconds(request: RunRequest, defaults: RunDefaults, scope: RunScope, ports: RunPorts) -> float:
    """Return about how many seconds a run that starts will take.

    It is computed from the series' records, which one query brings: to read the coverage of all of them, as a dry run
    does, takes longer than a start may. What was never printed counts as missing, and gaps as if they were one.
    """
    known, market = {record.series: record for record in ports.series.all()}, ports.exchange.market
    requests = sum(
        _requests(request, defaults, scope, item, known.get(item.series) or SeriesRecord(item.series), market=market)
        for item in scope.series
    )
    return pace_of(scope, defaults).seconds(requests, weight_of(requests, request, market.weights))


def _requests(
    request: RunRequest,
    defaults: RunDefaults,
    scope: RunScope,
    item: RunSeries,
    record: SeriesRecord,
    *,
    market: Market,
) -> int:
    within = _noted_range(request.mode, scope.window(item.series.interval), record)
    if request.mode == "verify":
        compared = -(-within.slots * request.sample // 100)
        return -(-compared // verified_slots(defaults.batch_size, market))
    proofs = () if request.recheck else (record.absent, None if item.trading else record.delisted)
    proven = windows.clip(windows.union([proof for proof in proofs if proof]), within)
    missing = max(0, within.slots - windows.count(proven) - _stored_at_least(record, within))
    return -(-missing // window_slots(request.mode, defaults.batch_size, market))


def _noted_range(mode: Mode, requested: Window, record: SeriesRecord) -> Window:
    """Return the slots that a run is about, as `stored_range` finds them in the candles themselves."""
    if mode == "backward":
        return requested
    if mode == "forward":
        start = requested.start if record.last is None else record.last + 1
        return Window(start, max(start, requested.end))
    span = _span(record)
    return requested.clip(span) if span.slots else Window(requested.start, requested.start)


def _span(record: SeriesRecord) -> Window:
    if record.first is None or record.last is None:
        return Window(0, 0)
    return Window(record.first, record.last + 1)


def _stored_at_least(record: SeriesRecord, within: Window) -> int:
    """Return how many slots of a window are stored at least, as the record counts them by year."""
    span, stored = _span(record), 0
    for year, slots in record.years.items():
        possible = windows.clip((span,), record.series.interval.year_window(year))
        elsewhere = windows.count(possible) - windows.count(windows.clip(possible, within))
        stored += max(0, slots - elsewhere)
    return stored
