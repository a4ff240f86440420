"""The floor: a bare client that asks for the same candles with 5 requests in flight and keeps nothing."""

import asyncio
import time

import aiohttp

from tests.bench.job import BATCH, FLOOR_IN_FLIGHT, YEAR, listings
from tests.hourly import HOUR_MS


def fetch(url: str, skipped: int = 0) -> float:
    """Return the seconds that it takes to fetch the symbols behind the `skipped` first."""
    begun = time.monotonic()
    asyncio.run(_fetch(f"{url}/api/v3/klines", skipped))
    return time.monotonic() - begun


async def _fetch(url: str, skipped: int) -> None:
    requested = [
        {"symbol": item["symbol"], "interval": "1h", "startTime": str(start * HOUR_MS), "limit": str(BATCH)}
        for item in listings(skipped)
        for start in range(YEAR.start, YEAR.end, BATCH)
    ]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=FLOOR_IN_FLIGHT)) as session:

        async def ask(params: dict[str, str]) -> None:
            async with session.get(url, params=params) as answer:
                answer.raise_for_status()
                await answer.json()

        await asyncio.gather(*map(ask, requested))
