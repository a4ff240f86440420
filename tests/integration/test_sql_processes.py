"""Several processes at one database, and processes and servers that die: nothing is lost, nothing is there twice."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from candle_collector.adapters.sql.candles import SqlCandles
from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.queue import SqlQueue
from candle_collector.adapters.sql.rate_limiter import SqlRateLimiter
from candle_collector.domain.series_message import read_message
from candle_collector.errors import DatabaseUnavailableError

from tests.fakes.clock import FakeClock
from tests.hourly import hourly
from tests.integration.databases import PostgresServer, free_port
from tests.port_contracts.candle_store import MIDNIGHT, SYMBOL, candles, within
from tests.port_contracts.collect_queue import MESSAGES
from tests.port_contracts.message_queue import VISIBILITY

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
HOURS = 750
BATCH = 50


def url_of(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=False)


def fill(url: str, own: str) -> list[int]:
    """Store what another process stores too, and a symbol of its own; take messages; return the turns of those."""
    database = Database(url)
    store, queue = SqlCandles(database), SqlQueue(database, FakeClock())
    limiter, turns = SqlRateLimiter(database), []
    for start in range(0, HOURS, BATCH):
        batch = candles(*range(start, start + BATCH))
        store.store(hourly(SYMBOL), batch, (within(HOURS + start, HOURS + start + 1),), absent_blocks=frozenset())
        store.store(hourly(own), batch, (), absent_blocks=frozenset())
        limiter.reserve(1, period=7, period_seconds=60, budget=10_000, now=NOW)
        if received := queue.receive(visibility=VISIBILITY):
            turns.append(read_message(received.body).turn)
            queue.delete(received.receipt)
    database.close()
    return turns


def die(url: str, when: str) -> None:
    """Work on a message as a worker does, and die within the transaction that stores, or after it."""
    database = Database(url)
    received = SqlQueue(database, FakeClock()).receive(visibility=VISIBILITY)
    assert received
    fence: Callable[[], object] = lambda: os._exit(9) if when == "within" else None  # noqa: E731 - a switch
    SqlCandles(database).store(hourly(SYMBOL), candles(*range(24)), (), absent_blocks=frozenset(), fence=fence)  # type: ignore[arg-type] # its answer is not looked at
    os._exit(9)


def start(target: Callable[..., Any], *arguments: str) -> int | None:
    """Run a function in a process of its own, and return how it ended."""
    process = get_context("spawn").Process(target=target, args=arguments)
    process.start()
    process.join(60)
    return process.exitcode


def test_two_processes_lose_no_candle_and_store_none_twice(database: Database) -> None:
    SqlQueue(database, FakeClock()).enqueue(MESSAGES)
    others = ("AAAUSDT", "BBBUSDT")
    with get_context("spawn").Pool(1) as process:
        process.apply(os.getpid)  # it has started
        elsewhere = process.apply_async(fill, (url_of(database), others[0]))
        turns = fill(url_of(database), others[1]), elsewhere.get(60)
    store = SqlCandles(database)
    for symbol in (SYMBOL, *others):
        found = store.candles(hourly(symbol), within(0, HOURS), limit=HOURS + 1)
        assert found == [candle._replace(slot=MIDNIGHT + hour) for hour, candle in enumerate(candles(*range(HOURS)))]
    known = store.coverage(hourly(SYMBOL), within(0, 2 * HOURS))
    assert known.stored == (within(0, HOURS),)
    assert len(known.never_printed) == HOURS // BATCH
    assert sorted([*turns[0], *turns[1]]) == [message.turn for message in MESSAGES]
    assert SqlRateLimiter(database).state().reserved == 2 * HOURS // BATCH


@pytest.mark.parametrize("when", ["within", "after"])
def test_a_worker_that_dies_loses_a_batch_at_most_and_its_message_comes_back(database: Database, when: str) -> None:
    clock = FakeClock()
    queue, store = SqlQueue(database, clock), SqlCandles(database)
    queue.enqueue(MESSAGES[:1])
    assert start(die, url_of(database), when) == 9
    stored = () if when == "within" else (within(0, 24),)
    assert store.coverage(hourly(SYMBOL), within(0, 24)).stored == stored
    assert queue.receive(visibility=VISIBILITY) is None
    clock.advance(361)
    received = queue.receive(visibility=VISIBILITY)
    assert received is not None
    assert received.receives == 2
    store.store(hourly(SYMBOL), candles(*range(24)), (), absent_blocks=frozenset())
    assert store.candles(hourly(SYMBOL), within(0, 48), limit=50) == candles(*range(24))


# a server that dies


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """Run a server of this module's own, which its tests kill."""
    with tempfile.TemporaryDirectory(prefix="candles-postgres-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(Path(folder), free_port())
        server.create()
        server.start()
        yield server
        server.stop("immediate")


def test_a_server_that_is_killed_in_a_transaction_and_started_again_costs_nothing(server: PostgresServer) -> None:
    database = Database(server.url)
    store = SqlCandles(database)
    tries: list[int] = []

    def restart() -> None:
        tries.append(len(tries))
        if len(tries) == 1:
            server.stop("immediate")
            server.start()

    store.store(hourly(SYMBOL), candles(0), (), absent_blocks=frozenset())
    store.store(hourly(SYMBOL), candles(1, 2), (within(3, 4),), absent_blocks=frozenset(), fence=restart)
    assert len(tries) == 2
    assert store.candles(hourly(SYMBOL), within(0, 24), limit=24) == candles(0, 1, 2)
    server.stop("immediate")
    server.start()
    assert store.coverage(hourly(SYMBOL), within(0, 24)).never_printed == (within(3, 4),)
    database.close()


def test_a_server_that_stays_away_is_an_error_after_a_while_and_no_end(server: PostgresServer) -> None:
    database = Database(server.url, patience_seconds=0.3)
    limiter = SqlRateLimiter(database)
    limiter.reserve(2, period=7, period_seconds=60, budget=100, now=NOW)
    server.stop("immediate")
    try:
        with pytest.raises(DatabaseUnavailableError, match="look whether its server runs"):
            limiter.check(now=NOW)
        with pytest.raises(DatabaseUnavailableError, match="look whether its server runs"):
            limiter.reserve(2, period=7, period_seconds=60, budget=100, now=NOW + timedelta(seconds=1))
    finally:
        server.start()
    assert limiter.check(now=NOW).reserved == 2
    database.close()
