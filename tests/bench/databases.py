"""How large and how fast the candles are in a database: 100 symbols of 334 days.

Run it by ``python -m tests.bench.databases sqlite:////folder/new.db`` or with the URL of an empty PostgreSQL database.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable

from candle_collector.adapters.sql.candles import SqlCandles
from candle_collector.adapters.sql.database import Database
from candle_collector.domain.candle import Candle, trim
from candle_collector.domain.windows import Window
from sqlalchemy import text

from tests.hourly import first_hour_of, hourly

SYMBOLS = 100
HOURS = 334 * 24
BATCH = 1000
FIRST = first_hour_of("2025-01-01")
EIGHT_YEARS = Window(first_hour_of("2017-01-01"), first_hour_of("2025-01-01"))


def series_of(chance: random.Random, within: Window) -> list[Candle]:
    """Return candles with prices and volumes of as many digits as Binance's have."""
    price = 10 ** chance.uniform(-4, 4.8)
    places = 2 if price > 1000 else 4 if price > 1 else 6
    made = []
    for hour in range(*within):
        price *= 1 + chance.gauss(0, 0.003)
        volume = chance.uniform(1e3, 1e6) / max(price, 0.01)
        prices = (trim(f"{price * part:.{places}f}") for part in (1, 1.002, 0.998, 1.001))
        taken = (trim(f"{volume / 2:.4f}"), trim(f"{volume * price / 2:.8f}"))
        volumes = (trim(f"{volume:.4f}"), trim(f"{volume * price:.8f}"))
        made.append(Candle(hour, *prices, *volumes, chance.randrange(100, 90_000), *taken))  # type: ignore[call-arg, arg-type] # nine fields
    return made


def timed(step: Callable[[], object]) -> float:
    """Return how many seconds a step takes."""
    begun = time.perf_counter()
    step()
    return time.perf_counter() - begun


def main(url: str) -> None:
    """Measure, and print the figures."""
    database = Database(url)
    store, chance = SqlCandles(database), random.Random(1)
    within = Window(FIRST, FIRST + HOURS)
    symbols = {f"S{number:02}USDT": series_of(chance, within) for number in range(SYMBOLS)}
    cpu = time.process_time()
    batches = [
        timed(lambda: store.store(hourly(name), made[start : start + BATCH], (), absent_blocks=frozenset()))  # noqa: B023 - called at once
        for start in range(0, HOURS, BATCH)
        for name, made in symbols.items()
    ]
    cpu = (time.process_time() - cpu) / len(batches)
    say(f"{len(batches)} batches of up to {BATCH}: median {1000 * statistics.median(batches):.1f} ms")
    say(f"CPU of ours: {1000 * cpu:.1f} ms a batch; {sum(batches):.1f} s in all")
    size = {
        "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
        "postgresql": "SELECT pg_total_relation_size('candles')",
    }[database.engine.dialect.name]
    with database.read() as connection:
        rows, stored_bytes = (connection.execute(text(sql)).scalar() for sql in ("SELECT count(*) FROM candles", size))
    say(f"{rows} rows in {int(stored_bytes or 0) / 1e6:.1f} MB")
    seconds = timed(lambda: [store.coverage(hourly(name), within) for name in symbols])
    say(f"coverage of {SYMBOLS} symbols: {seconds:.2f} s")
    whole, holes = "S00USDT", "HOLESUSDT"
    eight_years = series_of(chance, EIGHT_YEARS)
    for start in range(0, len(eight_years), BATCH):
        batch = eight_years[start : start + BATCH]
        store.store(hourly(whole), batch, (), absent_blocks=frozenset())
        store.store(hourly(holes), [candle for candle in batch if candle.slot % 50], (), absent_blocks=frozenset())
    for name in (whole, holes):
        seconds = timed(lambda: store.coverage(hourly(name), EIGHT_YEARS))  # noqa: B023 - called at once
        say(f"coverage of eight years of {name}: {1000 * seconds:.0f} ms")
    say(f"1000 candles: {1000 * timed(lambda: store.candles(hourly(whole), EIGHT_YEARS, limit=BATCH)):.1f} ms")
    database.close()


def say(line: str) -> None:
    """Print a figure."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main(sys.argv[1])
