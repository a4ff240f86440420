"""Reports on runs, coverage, the universe of a day, and the state of the deployment."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext
from candle_collector import __version__, answers, bootstrap
from candle_collector.api import routes
from candle_collector.api.limits import REPORTED, RUNS_A_PAGE_DEFAULT, RUNS_A_PAGE_MOST
from candle_collector.api.openapi import openapi_text
from candle_collector.api.responses import HEADERS, answer, resolver
from candle_collector.domain import dates
from candle_collector.domain.aggregate import AS_STORED, INTERVALS
from candle_collector.domain.ids import is_run_id
from candle_collector.domain.interval import Interval, ms_of
from candle_collector.domain.interval_names import meant
from candle_collector.domain.run import KEPT_WINDOWS
from candle_collector.domain.series import Series, series_named
from candle_collector.domain.universe import is_symbol
from candle_collector.errors import IntervalNotServedError, InvalidRequestError, NotFoundError
from candle_collector.observability import logger
from candle_collector.reading.candle_source import EVER, CandleSource, Part, parts_of
from candle_collector.reading.joined_coverage import report_parts_coverage
from candle_collector.reading.report_coverage import CoveragePorts, report_coverage
from candle_collector.reading.report_months import report_months
from candle_collector.reading.report_runs import report_runs, report_status
from candle_collector.reading.report_system import SystemPorts, report_system

log = logger()
bootstrap.load("leases", "runs", "universes", "series", "rate_limiter")
app = resolver(bootstrap.container().settings.dashboard_origin)


@app.get(routes.STATUS.path)
def status() -> Response[str]:
    """Report the active run, else the last one, or the one that is named."""
    container = bootstrap.container()
    run_id = _run_id("run_id")
    most_windows = _number("windows", KEPT_WINDOWS, least=0, most=KEPT_WINDOWS)
    return answer(
        200,
        report_status(
            run_id,
            most_windows=most_windows,
            runs=container.runs,
            leases=container.leases,
            rate_limiter=container.rate_limiter,
            clock=container.clock,
        ),
    )


@app.get(routes.RUNS.path)
def runs() -> Response[str]:
    """List runs, newest first."""
    limit = _number("limit", RUNS_A_PAGE_DEFAULT, least=1, most=RUNS_A_PAGE_MOST)
    return answer(200, report_runs(limit=limit, before=_run_id("before"), runs=bootstrap.container().runs))


@app.get(routes.UNIVERSE.path)
def universe() -> Response[str]:
    """Report the rankings of a day, each as it was when a run first asked for it on that day."""
    container = bootstrap.container()
    day = app.current_event.query_string_parameters.get("date") or container.clock.now().date().isoformat()
    try:
        day = dates.format_ms(dates.start_of(day))[:10]
    except ValueError as error:
        raise InvalidRequestError("date", str(error)) from None
    rankings = container.universes.get(day)
    if not rankings:
        raise NotFoundError(f"no universe was kept on {day}: no run was started on that day")
    rows = [{**row, "quote_asset": quote_asset} for quote_asset, ranking in rankings.items() for row in ranking]
    symbols = [answers.RankedSymbol(**row) for row in rows if "reason" not in row]
    excluded = [answers.ExcludedSymbol(**row) for row in rows if "reason" in row]
    return answer(200, answers.Universe(day, symbols, excluded))


@app.get(routes.COVERAGE.path)
def coverage() -> Response[str]:
    """Report how complete every series is, page by page."""
    return answer(200, report_coverage(_coverage_ports(), after=_after(), intervals=_intervals()))


@app.get(routes.COVERAGE_BY_MONTH.path)
def coverage_by_month() -> Response[str]:
    """Report how many candles of every series are stored, missing and so on by month, page by page."""
    return answer(200, report_months(_coverage_ports(), after=_after(), intervals=_intervals()))


def _intervals() -> frozenset[Interval] | None:
    """Return the intervals that a list is about, from the query; None where it names none.

    Raises
    ------
    InvalidRequestError
        One of them is not collected.
    """
    text = app.current_event.query_string_parameters.get("intervals")
    if text is None:
        return None
    collected = {str(interval): interval for interval in Interval}
    names = text.split(",")
    for name in names:
        if name not in collected:
            takes = f"takes some of {', '.join(collected)}, with commas between"
            raise InvalidRequestError("intervals", f"{takes}{meant(name, list(collected))}")
    return frozenset(collected[name] for name in names)


def _after() -> str | None:
    """Return the name of the series after which a page begins, from the query.

    Raises
    ------
    InvalidRequestError
        It cannot be the name of one.
    """
    after = app.current_event.query_string_parameters.get("after")
    try:
        return None if after is None else str(series_named(after))
    except ValueError:
        raise InvalidRequestError("after", "takes the series that `next` of the page before names") from None


@app.get(routes.SYMBOL_COVERAGE.pattern)
def coverage_of_symbol(symbol: str) -> Response[str]:
    """Report how complete one series is, from its items."""
    symbol = unquote(symbol)
    if not is_symbol(symbol):
        raise InvalidRequestError("symbol", "takes a symbol such as BTCUSDT")
    bounds: dict[str, int | None] = {}
    for name, date, read in (("start_ms", "start_date", dates.start_of), ("end_ms", "end_date", dates.end_of)):
        text = app.current_event.query_string_parameters.get(date)
        try:
            bounds[name] = None if text is None else read(text)
        except ValueError as error:
            raise InvalidRequestError(date, str(error)) from None
    _check_bounds(bounds["start_ms"], bounds["end_ms"], now=ms_of(bootstrap.container().clock.now()))
    name, parts = _parts(symbol)
    return answer(200, report_parts_coverage(parts, _coverage_ports(), interval=name, **bounds))


def _parts(symbol: str) -> tuple[str, list[Part]]:
    """Return the interval that is asked about, from the query, and the series that it is read from.

    One that is collected is reported on by itself, whatever others would make up.

    Without one it is the shortest that the deployment collects.

    Raises
    ------
    InvalidRequestError
        There is no such interval, or what is stored does not make it up.
    NotFoundError
        Nothing is stored of the symbol.
    """
    container = bootstrap.container()
    name = app.current_event.query_string_parameters.get("interval", str(min(container.settings.intervals)))
    if name not in INTERVALS:
        raise InvalidRequestError("interval", f"takes one of {', '.join(INTERVALS)}{meant(name, INTERVALS)}")
    own = next(
        (Series(symbol, interval, container.market.name) for interval in Interval if str(interval) == name), None
    )
    if own is not None and container.series.get(own).revision is not None:
        return name, [Part(CandleSource(own, AS_STORED), EVER)]
    try:
        return name, parts_of(symbol, name, container.market, container.series, container.candles)
    except IntervalNotServedError as error:
        raise InvalidRequestError("interval", str(error)) from error


def _check_bounds(start: int | None, end: int | None, *, now: int) -> None:
    """Refuse times, in ms since 1970 UTC, that cannot have a candle.

    Raises
    ------
    InvalidRequestError
    """
    market = bootstrap.container().market
    if start is not None and start < market.earliest_ms:
        raise InvalidRequestError("start_date", market.too_early)
    if start is not None and start > now:
        raise InvalidRequestError("start_date", "is in the future")
    if end is not None and end <= (market.earliest_ms if start is None else start):
        raise InvalidRequestError("end_date", market.too_early if start is None else "is before start_date")


def _coverage_ports() -> CoveragePorts:
    container = bootstrap.container()
    return CoveragePorts(
        container.candles, container.series, container.rate_limiter, container.clock, container.settings.intervals
    )


@app.get(routes.SYSTEM_INFO.path)
def system_info() -> Response[str]:
    """Report the state of the deployment."""
    container = bootstrap.container()
    settings = container.settings
    in_force = answers.SettingsInForce(
        exchange_base_url=settings.exchange_base_url,
        exchange_weight_share_percent=settings.weight_share_percent,
        top_n_cryptos=settings.top_n,
        intervals=[str(interval) for interval in settings.intervals],
        quote_assets=settings.quote_assets,
        collection_start_date=dates.format_start(settings.collection_start),
        collection_schedule=settings.collection_schedule,
        gap_fill_schedule=settings.gap_fill_schedule or None,
        schedules_enabled=settings.schedules_enabled,
        batch_size=settings.batch_size,
        max_retries=settings.max_retries,
        worker_timeout=settings.worker_timeout,
        run_deadline_hours=settings.run_deadline_hours,
        api_key_required=settings.api_key_required,
        public_reads=settings.public_reads,
    )
    ports = SystemPorts(
        market=container.market,
        runs=container.runs,
        leases=container.leases,
        series=container.series,
        failed_starts=container.failed_starts,
        rate_limiter=container.rate_limiter,
        probe=container.probe,
        clock=container.clock,
    )
    return answer(
        200,
        report_system(
            version=__version__,
            stage=settings.stage,
            settings=in_force,
            limits=REPORTED,
            ports=ports,
            stale_after_hours=settings.stale_after_hours,
            outage=container.outage(),
        ),
    )


@app.get(routes.OPENAPI.path)
def openapi() -> Response[str]:
    """Describe the API."""
    return Response(200, "application/json", openapi_text(), headers=dict(HEADERS))


def _number(name: str, default: int, *, least: int, most: int) -> int:
    """Return a number from the query.

    Raises
    ------
    InvalidRequestError
        It is not a number from `least` to `most`.
    """
    text = app.current_event.query_string_parameters.get(name, str(default))
    if not re.fullmatch(r"\d{1,3}", text, re.ASCII) or not least <= int(text) <= most:
        raise InvalidRequestError(name, f"takes a number from {least} to {most}")
    return int(text)


def _run_id(name: str) -> str | None:
    """Return a run's id from the query.

    Raises
    ------
    InvalidRequestError
        It cannot be the ID of a run.
    """
    run_id = app.current_event.query_string_parameters.get(name)
    if run_id is not None and not is_run_id(run_id):
        raise InvalidRequestError(name, "is not a run ID; the trigger's answer has one")
    return run_id


@log.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a call of the API."""
    return app.resolve(event, context)
