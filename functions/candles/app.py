"""Answers stored candles in Binance's own shape, so that its clients read this archive."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext
from candle_collector import bootstrap
from candle_collector.api import routes
from candle_collector.api.binance_shape import BinanceError, exchange_info, invalid_symbol, read_klines_query, row
from candle_collector.api.responses import answer, resolver
from candle_collector.observability import logger
from candle_collector.reading.read_candles import read_candles
from candle_collector.reading.stored_series import is_stored, stored_records

log = logger()
bootstrap.load("candles", "series")
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
    query = read_klines_query(app.current_event.query_string_parameters)
    container = bootstrap.container()
    found = read_candles(
        container.candles,
        container.series,
        query.symbol,
        start_ms=query.start_ms,
        end_ms=query.end_ms,
        limit=query.limit,
        grid=query.grid,
    )
    if not found and not is_stored(query.symbol, container.series, container.candles):
        raise invalid_symbol()
    return answer(200, [row(candle, query.grid) for candle in found])


@app.get(routes.EXCHANGE_INFO.path)
def info() -> Response[str]:
    """Answer the stored symbols."""
    container = bootstrap.container()
    parameters = app.current_event.query_string_parameters
    stored = stored_records(container.series, container.candles)
    return answer(200, exchange_info(parameters, stored, container.clock.now()))


@app.get(routes.TIME.path)
def server_time() -> Response[str]:
    """Answer our time."""
    return answer(200, {"serverTime": round(bootstrap.container().clock.now().timestamp() * 1000)})


@app.get(routes.PING.path)
def ping() -> Response[str]:
    """Answer that we are there."""
    return answer(200, {})


@log.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a call of the API."""
    return app.resolve(event, context)
