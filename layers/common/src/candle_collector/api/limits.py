"""What the API takes at most, in one place: the edge holds to it, and system/info reports it."""

from __future__ import annotations

from candle_collector.answers import Limits
from candle_collector.domain.universe import SYMBOLS_MOST
from candle_collector.reading.read_candles import LIMIT_MOST

BODY_MOST_BYTES = 65_536
RUNS_A_PAGE_DEFAULT = 20
RUNS_A_PAGE_MOST = 100

CALLS_A_SECOND = 100
TRIGGERS_A_SECOND = 5
"""As the template throttles the API."""

PUBLIC_CALLS_A_SECOND, PUBLIC_BURST = 20, 40
"""As the template throttles each route for candles where it is open to callers without a key."""

REPORTED = Limits(
    symbols_a_run=SYMBOLS_MOST,
    body_bytes=BODY_MOST_BYTES,
    runs_a_page=RUNS_A_PAGE_MOST,
    candles_a_page=LIMIT_MOST,
    calls_a_second=CALLS_A_SECOND,
    triggers_a_second=TRIGGERS_A_SECOND,
)
"""The limits as system/info reports them."""
