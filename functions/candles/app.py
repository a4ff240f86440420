"""Answers stored candles in Binance's own shape, so that its clients read this archive."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext
from candle_collector import bootstrap
from candle_collector.api import routes
from candle_collector.api.binance_listings import exchange_info, invalid_symbol, refuse_too_many
from candle_collector.api.binance_parameters import BinanceError, TimeUnit, read_time_unit
from candle_collector.api.binance_shape import interval_not_served, read_klines_query, row
from candle_collector.api.limits import CALLS_A_SECOND, PUBLIC_CALLS_A_SECOND
from candle_collector.api.responses import answer, resolver
from candle_collector.domain.interval import moment_at
from candle_collector.errors import IntervalNotServedError, NotFoundError
from candle_collector.observability import logger
from candle_collector.reading.candle_source import parts_of
from candle_collector.reading.read_candles import read_parts
from candle_collector.reading.stored_series import stored_records

log = logger()
bootstrap.load("candles", "series", "listings")
app = resolver(bootstrap.container().settings.dashboard_origin)


@app.exception_handler(BinanceError)  # type: ignore[untyped-decorator] # Powertools leaves it untyped
def _refused(error: BinanceError) -> Response[str]:
    """Answer an error as Binance does, and as the other routes do: its clients read ``code`` and ``msg``."""
    ours = {"code": error.word, "message": error.msg}
    return answer(400, {"code": error.code, "msg": error.msg, "error": ours})


@app.get(routes.KLINES.path)
@app.get(routes.UI_KLINES.path)
def klines() -> Response[str]:
    """Answer stored candles; both routes alike, as Binance answers them alike where nothing is smoothed for a chart."""
    query, unit = read_klines_query(app.current_event.query_string_parameters), _unit()
    container = bootstrap.container()
    try:
        parts = parts_of(
            query.symbol,
            query.interval,
            container.market,
            container.series,
            container.candles,
            shift_ms=query.shift_ms,
        )
    except NotFoundError:
        raise invalid_symbol() from None
    except IntervalNotServedError as error:
        raise interval_not_served(str(error)) from error
    found = read_parts(
        container.candles,
        container.series,
        parts,
        start_ms=query.start_ms,
        end_ms=query.end_ms,
        limit=query.limit,
    )
    return answer(200, [row(candle, source.series.interval, source.grid, unit) for source, candle in found])


@app.get(routes.EXCHANGE_INFO.path)
def info() -> Response[str]:
    """Answer the stored symbols."""
    container = bootstrap.container()
    parameters = app.current_event.query_string_parameters
    stored = stored_records(container.series, container.candles)
    calls = PUBLIC_CALLS_A_SECOND if container.settings.public_reads else CALLS_A_SECOND
    listings = container.listings.get()
    listed = exchange_info(parameters, stored, listings, server_time=_now(), calls_a_second=calls)
    response = answer(200, listed)
    refuse_too_many(len(listed["symbols"]), response.body or "")
    return response


@app.get(routes.TIME.path)
def server_time() -> Response[str]:
    """Answer our time."""
    return answer(200, {"serverTime": _now()})


@app.get(routes.PING.path)
def ping() -> Response[str]:
    """Answer that we are there."""
    return answer(200, {})


def _unit() -> TimeUnit:
    """Return the unit in which the caller wants times."""
    return read_time_unit(app.current_event.resolved_headers_field)


def _now() -> int:
    """Return our time, in the unit that the caller wants."""
    microseconds = (bootstrap.container().clock.now() - moment_at(0)) // timedelta(microseconds=1)
    return microseconds * _unit() // 1000


@log.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a call of the API."""
    return app.resolve(event, context)
