"""A dry run: what a run would ask for, and what it would cost, without starting it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from candle_collector import answers
from candle_collector.collecting.run_scope import (
    RunDefaults,
    RunPorts,
    RunRequest,
    RunScope,
    check_range,
    choose,
)
from candle_collector.collecting.series_range import stored_range
from candle_collector.domain import dates, windows
from candle_collector.domain.plan import plan_requests, window_hours
from candle_collector.domain.run import KEPT_WINDOWS, RunSymbol
from candle_collector.domain.windows import Windows
from candle_collector.ports import CandleStore

PRICES: Mapping[str, float] = {
    "dynamodb_write_unit": 0.625e-6,
    "dynamodb_read_unit": 0.125e-6,
    "lambda_gb_second": 16.6667e-6,
    "lambda_request": 0.20e-6,
    "sqs_request": 0.40e-6,
}
"""US dollars on demand in us-east-1, from AWS's price lists of 2026-11-23."""

DAY_WRITE_UNITS = 3
"""A day's item is between 2 and 3 KB; AWS counts a write unit a KB begun."""

DAY_READ_UNITS = 0.75
"""Of a day's item read consistently: 3 KB of the 4 KB of a unit; a query rounds its sum, not each item."""

REQUEST_SECONDS = 0.35
"""One window, fetched and stored: an assumption for the estimate, not a measurement on AWS."""

WORKER_GB = 0.5
_READERS = 8


def plan_run(
    request: RunRequest, defaults: RunDefaults, ports: RunPorts, candles: CandleStore, *, workers: int
) -> answers.Plan:
    """Return per symbol the missing hours, windows and requests, and in all weight, minutes and dollars.

    Parameters
    ----------
    workers
        How many workers run at once.

    Raises
    ------
    RefusedError
        As `start_run` would.
    """
    check_range(request, ports.clock.now())
    scope = choose(request, defaults, ports, dry_run=True)
    with ThreadPoolExecutor(_READERS) as readers:
        missing = dict(
            zip(
                (item.symbol for item in scope.symbols),
                readers.map(lambda item: _missing(request, scope, item, ports, candles), scope.symbols),
                strict=True,
            )
        )
    most_hours = window_hours(request.mode, defaults.batch_size)
    plans = {symbol: plan_requests(gaps, most_hours) for symbol, gaps in missing.items()}
    requests = sum(map(len, plans.values()))
    days = sum(map(windows.count_days, missing.values()))
    weights = ports.exchange.weights
    market_weight = weights.listings + (weights.volumes if request.symbols is None else 0)
    weight = requests * weights.candles + market_weight
    budget = scope.market.weight_limit * defaults.weight_share_percent / 100
    seconds = max(requests * REQUEST_SECONDS / workers, weight / budget * scope.market.weight_seconds)
    dollars = _dollars(requests, days, len(scope.symbols), read_days=(scope.end - scope.start) / windows.HOURS_A_DAY)
    return answers.Plan(
        dry_run=True,
        mode=request.mode,
        start_date=dates.format_start(scope.start),
        end_date=dates.format_end(scope.end),
        note=scope.note,
        total_cryptos=len(scope.symbols),
        symbols=[
            answers.PlannedSymbol(
                symbol,
                windows.count(gaps),
                [answers.window(window) for window in gaps[:KEPT_WINDOWS]],
                requests=len(plans[symbol]),
            )
            for symbol, gaps in missing.items()
        ],
        missing_hours=sum(map(windows.count, missing.values())),
        requests=requests,
        weight=weight,
        estimated_minutes=round(seconds / 60, 2),
        estimated_dollars=round(sum(dollars.values()), 6),
        dollars={name: round(value, 6) for name, value in dollars.items()},
        prices=PRICES,
    )


def _dollars(requests: int, days: int, symbols: int, *, read_days: float) -> dict[str, float]:
    """Return what the run costs on demand, by service.

    Parameters
    ----------
    days
        The days of candles that are written, over all symbols.
    read_days
        The days of each symbol whose coverage is read.
    """
    return {
        "dynamodb_writes": (days * DAY_WRITE_UNITS + requests * 2 + symbols * 6) * PRICES["dynamodb_write_unit"],
        "dynamodb_reads": symbols * (read_days * DAY_READ_UNITS + 5) * PRICES["dynamodb_read_unit"],
        "lambda": requests * REQUEST_SECONDS * WORKER_GB * PRICES["lambda_gb_second"]
        + symbols * PRICES["lambda_request"],
        "sqs": symbols * 3 * PRICES["sqs_request"],
    }


def _missing(request: RunRequest, scope: RunScope, item: RunSymbol, ports: RunPorts, candles: CandleStore) -> Windows:
    """Return what a worker would find missing."""
    series = ports.series.get(item.symbol)
    if item.trading and series.delisted:
        series = replace(series, delisted=None)
    within = stored_range(request.mode, windows.Window(scope.start, scope.end), series, candles)
    days = candles.coverage(item.symbol, within)
    if request.recheck:
        return windows.subtract(windows.union([within]), days.stored)
    return series.coverage(days.stored, days.never_printed).missing(within)
