"""ccxt, asynchronous, a task for each symbol, its own defaults; run by the bench environment's interpreter.

Takes the job as JSON on standard input, and says the seconds and the complete symbols as JSON.
"""

import asyncio
import json
import sys
import time
from typing import Any

import ccxt.async_support as ccxt  # type: ignore[import-not-found] # only in the bench environment

HOUR_MS = 3_600_000


async def main() -> None:
    """Fetch, and say."""
    job = json.load(sys.stdin)
    exchange = ccxt.binance(
        {
            "urls": {"api": {"public": f"{job['url']}/api/v3"}},
            "options": {"fetchMarkets": {"types": ["spot"]}},  # else futures' markets are asked for too
        }
    )
    begun = time.monotonic()
    await exchange.load_markets()
    fetched = await asyncio.gather(*(_year(exchange, pair, job) for pair in job["pairs"]), return_exceptions=True)
    seconds = time.monotonic() - begun
    await exchange.close()
    hours = (job["end_ms"] - job["start_ms"]) // HOUR_MS
    complete = sum(isinstance(times, set) and len(times) == hours for times in fetched)
    json.dump({"seconds": seconds, "complete": complete}, sys.stdout)


async def _year(exchange: Any, pair: str, job: dict[str, Any]) -> set[int]:
    """Fetch a symbol's candles as ccxt's manual shows it: from the last one's time on, until there are enough."""
    times: set[int] = set()
    at = job["start_ms"]
    while at < job["end_ms"]:
        rows = await exchange.fetch_ohlcv(pair, "1h", since=at, limit=1000)
        if not rows:
            break
        times.update(row[0] for row in rows if row[0] < job["end_ms"])
        at = rows[-1][0] + HOUR_MS
    return times


asyncio.run(main())
