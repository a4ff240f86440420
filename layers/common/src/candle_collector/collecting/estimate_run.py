"""How long a run will take: by the requests of its plan, or, when it starts, by what is noted of its series."""

from __future__ import annotations

from candle_collector.collecting.run_scope import RunDefaults, RunPorts, RunRequest, RunScope
from candle_collector.domain import windows
from candle_collector.domain.pace import Pace
from candle_collector.domain.plan import verified_hours, window_hours
from candle_collector.domain.run import Mode, RunSymbol
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window
from candle_collector.ports import RequestWeights


def weight_of(requests: int, request: RunRequest, weights: RequestWeights) -> int:
    """Return the weight of a run's requests for candles, and of asking for the market."""
    return requests * weights.candles + weights.listings + (weights.volumes if request.is_ranked else 0)


def pace_of(scope: RunScope, defaults: RunDefaults) -> Pace:
    """Return what a run's speed depends on."""
    return Pace(scope.market.limit, defaults.weight_share_percent, defaults.workers)


def estimated_seconds(request: RunRequest, defaults: RunDefaults, scope: RunScope, ports: RunPorts) -> float:
    """Return about how many seconds a run that starts will take.

    It is computed from the series' records, which one query brings: to read the coverage of all of them, as a dry run
    does, takes longer than a start may. What was never printed counts as missing, and gaps as if they were one.
    """
    known = {series.symbol: series for series in ports.series.all()}
    requests = sum(
        _requests(request, defaults, scope, item, known.get(item.symbol, Series(item.symbol))) for item in scope.symbols
    )
    return pace_of(scope, defaults).seconds(requests, weight_of(requests, request, ports.exchange.weights))


def _requests(request: RunRequest, defaults: RunDefaults, scope: RunScope, item: RunSymbol, series: Series) -> int:
    within = _noted_range(request.mode, Window(scope.start, scope.end), series)
    if request.mode == "verify":
        compared = -(-within.hours * request.sample // 100)
        return -(-compared // verified_hours(defaults.batch_size))
    proofs = () if request.recheck else (series.absent, None if item.trading else series.delisted)
    proven = windows.clip(windows.union([proof for proof in proofs if proof]), within)
    missing = max(0, within.hours - windows.count(proven) - _stored_at_least(series, within))
    return -(-missing // window_hours(request.mode, defaults.batch_size))


def _noted_range(mode: Mode, requested: Window, series: Series) -> Window:
    """Return the hours that a run is about, as `stored_range` finds them in the candles themselves."""
    if mode == "backward":
        return requested
    if mode == "forward":
        start = requested.start if series.last is None else series.last + 1
        return Window(start, max(start, requested.end))
    span = _span(series)
    return requested.clip(span) if span.hours else Window(requested.start, requested.start)


def _span(series: Series) -> Window:
    if series.first is None or series.last is None:
        return Window(0, 0)
    return Window(series.first, series.last + 1)


def _stored_at_least(series: Series, within: Window) -> int:
    """Return how many hours of a window are stored at least, as the record counts them by year."""
    span, stored = _span(series), 0
    for year, hours in series.years.items():
        possible = windows.clip((span,), windows.year_window(year))
        elsewhere = windows.count(possible) - windows.count(windows.clip(possible, within))
        stored += max(0, hours - elsewhere)
    return stored
