"""A dry run: what a run would ask for, and what it would cost, without starting it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from candle_collector import answers
from candle_collector.collecting.estimate_run import pace_of, weight_of
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
from candle_collector.domain.pace import REQUEST_SECONDS
from candle_collector.domain.plan import count_requests, verified_hours, window_hours
from candle_collector.domain.run import KEPT_WINDOWS, RunSymbol
from candle_collector.domain.verdict import windows_to_compare
from candle_collector.domain.windows import Windows
from candle_collector.ports import CandleStore, SeriesStore

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

WORKER_GB = 0.5
_READERS = 8

_SYMBOL_BYTES = 300
"""The most bytes of a planned symbol without its windows."""


def plan_run(request: RunRequest, defaults: RunDefaults, ports: RunPorts, candles: CandleStore) -> answers.Plan:
    """Return per symbol the missing hours, windows and requests, and in all weight, minutes and dollars.

    A verification asks for windows of what is stored; which ones a sample takes is known when the run starts.

    Raises
    ------
    RefusedError
        As `start_run` would.
    """
    check_range(request, ports.clock.now())
    scope = choose(request, defaults, ports, dry_run=True)
    with ThreadPoolExecutor(_READERS) as readers:
        plan_symbol = partial(_symbol_plan, request, defaults, scope, records=ports.series, candles=candles)
        plans = list(readers.map(plan_symbol, scope.symbols))
    requests = sum(plan.requests for plan in plans)
    days = sum(windows.count_days(plan.missing) for plan in plans)
    weight = weight_of(requests, request, ports.exchange.weights)
    named = answers.most_that_fit(
        KEPT_WINDOWS,
        lambda most: sum(_SYMBOL_BYTES + len(plan.reported[:most]) * answers.WINDOW_BYTES for plan in plans),
    )
    read_days = sum(plan.read_hours for plan in plans) / windows.HOURS_A_DAY
    dollars = _dollars(requests, days, len(scope.symbols), read_days=read_days)
    return answers.Plan(
        dry_run=True,
        mode=request.mode,
        start_date=dates.format_start(scope.start),
        end_date=dates.format_end(scope.end),
        note=scope.note,
        total_cryptos=len(scope.symbols),
        symbols=[
            answers.PlannedSymbol(
                plan.symbol,
                windows.count(plan.missing),
                [answers.window(window) for window in plan.reported[:named]],
                requests=plan.requests,
            )
            for plan in plans
        ],
        missing_hours=sum(windows.count(plan.missing) for plan in plans),
        requests=requests,
        weight=weight,
        estimated_minutes=round(pace_of(scope, defaults).seconds(requests, weight) / 60, 2),
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
        The days that are read, over all symbols.
    """
    return {
        "dynamodb_writes": (days * DAY_WRITE_UNITS + requests * 2 + symbols * 6) * PRICES["dynamodb_write_unit"],
        "dynamodb_reads": (read_days * DAY_READ_UNITS + symbols * 5) * PRICES["dynamodb_read_unit"],
        "lambda": requests * REQUEST_SECONDS * WORKER_GB * PRICES["lambda_gb_second"]
        + symbols * PRICES["lambda_request"],
        "sqs": symbols * 3 * PRICES["sqs_request"],
    }


class _SymbolPlan(NamedTuple):
    """What a run would do for one symbol.

    Attributes
    ----------
    missing
        The hours that it would ask for because they are missing.
    requests
        How many requests it would make.
    reported
        The windows that are named: what is missing, or what is compared.
    read_hours
        How many hours it would read of what is stored.
    """

    symbol: str
    missing: Windows
    requests: int
    reported: Windows
    read_hours: int


def _symbol_plan(
    request: RunRequest,
    defaults: RunDefaults,
    scope: RunScope,
    item: RunSymbol,
    *,
    records: SeriesStore,
    candles: CandleStore,
) -> _SymbolPlan:
    """Return what a worker would find to do."""
    series = records.get(item.symbol)
    if item.trading and series.delisted:
        series = replace(series, delisted=None)
    whole = windows.Window(scope.start, scope.end)
    within = stored_range(request.mode, whole, series, candles)
    days = candles.coverage(item.symbol, within)
    if request.mode == "verify":
        known = windows.union([*days.stored, *days.never_printed])
        hours = verified_hours(defaults.batch_size)
        chosen = windows_to_compare(known, within, hours=hours, sample=request.sample)
        return _SymbolPlan(item.symbol, (), len(chosen), chosen, within.hours + windows.count(chosen))
    if request.recheck:
        missing = windows.subtract(windows.union([within]), days.stored)
    else:
        missing = series.coverage(days.stored, days.never_printed).missing(within)
    requests = count_requests(missing, window_hours(request.mode, defaults.batch_size))
    return _SymbolPlan(item.symbol, missing, requests, missing, whole.hours)
