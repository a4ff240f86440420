"""A dry run: what a run would ask for, and what it would cost, without starting it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    check_request,
    choose,
)
from candle_collector.collecting.series_range import stored_range
from candle_collector.domain import dates, windows
from candle_collector.domain.interval import Interval
from candle_collector.domain.market import Market
from candle_collector.domain.pace import REQUEST_SECONDS
from candle_collector.domain.plan import count_requests, verified_slots, window_slots
from candle_collector.domain.run import KEPT_WINDOWS, RunSeries
from candle_collector.domain.series import Series
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

CANDLE_BYTES = 40
"""Of a block's item: 25 to 40 of recorded hours and minutes (``python -m tests.bench.storage``)."""

BLOCK_BYTES = 100
"""What an item of the candle table has beside its candles: keys, masks and names."""

RECORD_READ_UNITS = 1
"""A year's coverage record, and the look at the blocks that it lacks."""

WORKER_GB = 0.5
_READERS = 8

_SYMBOL_BYTES = 300
"""The most bytes of a planned symbol without its windows."""


def plan_run(request: RunRequest, defaults: RunDefaults, ports: RunPorts, candles: CandleStore) -> answers.Plan:
    """Return per series the missing candles, windows and requests, and in all weight, minutes and dollars.

    A verification asks for windows of what is stored; which ones a sample takes is known when the run starts.

    Raises
    ------
    RefusedError
        As `start_run` would.
    """
    market = ports.exchange.market
    check_request(request, defaults, market, ports.clock.now())
    scope = choose(request, defaults, ports, dry_run=True)
    with ThreadPoolExecutor(_READERS) as readers:
        plan_series = partial(
            _series_plan, request, defaults, scope, market=market, records=ports.series, candles=candles
        )
        plans = list(readers.map(plan_series, scope.series))
    requests = sum(plan.requests for plan in plans)
    weight = weight_of(requests, request, market.weights)
    named = answers.most_that_fit(
        KEPT_WINDOWS,
        lambda most: sum(_SYMBOL_BYTES + len(plan.reported[:most]) * answers.WINDOW_BYTES for plan in plans),
    )
    dollars = _dollars(requests, plans)
    return answers.Plan(
        dry_run=True,
        mode=request.mode,
        start_date=dates.format_start(scope.start_ms),
        end_date=dates.format_end(scope.end_ms),
        note=scope.note,
        total_cryptos=len(scope.symbols),
        symbols=[
            answers.PlannedSymbol(
                plan.series.symbol,
                str(plan.series.interval),
                windows.count(plan.missing),
                [answers.window(window, plan.series.interval) for window in plan.reported[:named]],
                requests=plan.requests,
            )
            for plan in plans
        ],
        missing_candles=sum(windows.count(plan.missing) for plan in plans),
        requests=requests,
        weight=weight,
        estimated_minutes=round(pace_of(scope, defaults).seconds(requests, weight) / 60, 2),
        estimated_dollars=round(sum(dollars.values()), 6),
        dollars={name: round(value, 6) for name, value in dollars.items()},
        prices=PRICES,
    )


def write_units(interval: Interval) -> int:
    """Return the units that writing a block takes; AWS counts one for each KB begun."""
    return -(-(interval.block_slots * CANDLE_BYTES + BLOCK_BYTES) // 1024)


def _dollars(requests: int, plans: Sequence[_SeriesPlan]) -> dict[str, float]:
    """Return what the run costs on demand, by service."""
    series = len(plans)
    written = sum(
        windows.count_blocks(plan.missing, plan.series.interval.block_slots) * write_units(plan.series.interval)
        for plan in plans
    )
    read = sum(plan.years * RECORD_READ_UNITS + plan.compared * CANDLE_BYTES / 4096 for plan in plans)
    return {
        "dynamodb_writes": (written + requests * 2 + series * 6) * PRICES["dynamodb_write_unit"],
        "dynamodb_reads": (read + series * 5) * PRICES["dynamodb_read_unit"],
        "lambda": requests * REQUEST_SECONDS * WORKER_GB * PRICES["lambda_gb_second"]
        + series * PRICES["lambda_request"],
        "sqs": series * 3 * PRICES["sqs_request"],
    }


class _SeriesPlan(NamedTuple):
    """What a run would do for one series.

    Attributes
    ----------
    missing
        The slots that it would ask for because they are missing.
    requests
        How many requests it would make.
    reported
        The windows that are named: what is missing, or what is compared.
    years
        Of how many years it would read what is known.
    compared
        How many stored candles it would read.
    """

    series: Series
    missing: Windows
    requests: int
    reported: Windows
    years: int
    compared: int = 0


def _series_plan(
    request: RunRequest,
    defaults: RunDefaults,
    scope: RunScope,
    item: RunSeries,
    *,
    market: Market,
    records: SeriesStore,
    candles: CandleStore,
) -> _SeriesPlan:
    """Return what a worker would find to do."""
    series, noted = item.series, records.get(item.series)
    if item.trading and noted.delisted:
        noted = replace(noted, delisted=None)
    whole = scope.window(series.interval)
    within = stored_range(request.mode, whole, noted, candles)
    blocks = candles.coverage(series, within)
    years = len(series.interval.years_of(within))
    if request.mode == "verify":
        known = windows.union([*blocks.stored, *blocks.never_printed])
        slots = verified_slots(defaults.batch_size, market)
        chosen = windows_to_compare(known, within, slots=slots, sample=request.sample)
        return _SeriesPlan(series, (), len(chosen), chosen, years, windows.count(chosen))
    if request.recheck:
        missing = windows.subtract(windows.union([within]), blocks.stored)
    else:
        missing = noted.coverage(blocks.stored, blocks.never_printed).missing(within)
    requests = count_requests(missing, window_slots(request.mode, defaults.batch_size, market))
    return _SeriesPlan(series, missing, requests, missing, years)
