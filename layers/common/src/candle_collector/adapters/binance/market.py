"""Binance's spot market, as its documentation and its recorded answers describe it."""

from __future__ import annotations

from datetime import UTC, datetime

from candle_collector.adapters.binance.listed_days import LISTED_DAYS
from candle_collector.adapters.binance.pegged_assets import PEGGED_ASSETS
from candle_collector.domain.interval import DAY_MS, Interval, ms_of
from candle_collector.domain.market import Market, RequestWeights
from candle_collector.domain.weight_limit import WeightLimit

BINANCE = Market(
    name="binance",
    intervals=tuple(Interval),
    rows_most=1000,
    weights=RequestWeights(candles=2, listings=20, volumes=80),
    limit=WeightLimit(weight=6000, seconds=60),
    earliest_ms=ms_of(datetime(2017, 1, 1, tzinfo=UTC)),
    young_ms=DAY_MS,
    pegged_assets=PEGGED_ASSETS,
    leveraged_suffixes=("UP", "DOWN", "BULL", "BEAR"),
    listed_days=LISTED_DAYS,
)
"""Sources: rest-api.md for the intervals and the rows of klines, for the weights of klines (whatever its limit),
exchangeInfo and ticker/24hr without a symbol, and for the limit. Binance opened in July 2017; the first recorded candle
is of 2017-08-17. That absences are young for a day is caution: no source says for how long answers may be short. Its
leveraged tokens were called BTCUP and ETHBEAR (the listing of 2021-10-12); a coin such as JUP is not one."""
