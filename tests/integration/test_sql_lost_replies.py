"""Replies to commits that are lost: the transaction is done again, and meets what it wrote itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from candle_collector.adapters.sql.candles import SqlCandles
from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.failed_starts import SqlFailedStarts
from candle_collector.adapters.sql.keys import SqlKeys
from candle_collector.adapters.sql.leases import SqlLeases
from candle_collector.adapters.sql.market_cache import SqlMarketCache
from candle_collector.adapters.sql.queue import SqlQueue
from candle_collector.adapters.sql.rate_limiter import SqlRateLimiter
from candle_collector.adapters.sql.refusals import RepeatableError
from candle_collector.adapters.sql.runs import SqlRuns
from candle_collector.adapters.sql.schema import archive_schema, metadata
from candle_collector.adapters.sql.series import SqlSeries
from candle_collector.adapters.sql.universes import SqlUniverses
from candle_collector.errors import DatabaseUnavailableError
from candle_collector.ports import RateLimiter
from sqlalchemy import Connection

from tests.fakes.clock import FakeClock
from tests.port_contracts.candle_store import CandleStoreContract
from tests.port_contracts.collect_queue import MESSAGES
from tests.port_contracts.failed_starts import FailedStartContract
from tests.port_contracts.key_store import KeyStoreContract
from tests.port_contracts.lease_store import LeaseContract, UniverseContract
from tests.port_contracts.market_cache import MarketCacheContract
from tests.port_contracts.message_queue import VISIBILITY, message_of, receive
from tests.port_contracts.rate_limiter import RateLimiterContract, reserve
from tests.port_contracts.run_store import RunStoreContract, begun
from tests.port_contracts.series_store import SeriesStoreContract

__all__ = ["begun"]

T = TypeVar("T")


class LosingDatabase(Database):
    """A database that keeps every transaction, and loses the reply to the first try of each.

    Attributes
    ----------
    loses
        How many replies in a row are lost, of each step.
    """

    loses = 0

    def transact(self, step: Callable[[Connection], T]) -> T:
        left = self.loses
        write = super().write

        @contextmanager
        def losing() -> Iterator[Connection]:
            nonlocal left
            with write() as connection:
                yield connection
            if left:
                left -= 1
                raise RepeatableError("the server went away after the commit")

        return self._repeated(losing, step)


@pytest.fixture(scope="module")
def module_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LosingDatabase]:
    database = LosingDatabase(f"sqlite:///{tmp_path_factory.mktemp('losing') / 'candles.db'}")
    yield database
    database.close()


@pytest.fixture
def database(module_database: LosingDatabase, monkeypatch: pytest.MonkeyPatch) -> LosingDatabase:
    with module_database.write() as connection:
        for table in metadata.sorted_tables:
            if table is not archive_schema:
                connection.execute(table.delete())
    monkeypatch.setattr("candle_collector.adapters.sql.database.time.sleep", lambda _: None)
    module_database.loses = 2
    return module_database


class TestSqlCandles(CandleStoreContract):
    @pytest.fixture
    def store(self, database: Database) -> SqlCandles:
        return SqlCandles(database)


class TestSqlSeries(SeriesStoreContract):
    @pytest.fixture
    def series_store(self, database: Database) -> SqlSeries:
        return SqlSeries(database)


class TestSqlRuns(RunStoreContract):
    @pytest.fixture
    def leases(self, database: Database) -> SqlLeases:
        return SqlLeases(database)

    @pytest.fixture
    def runs(self, database: Database) -> SqlRuns:
        return SqlRuns(database)


class TestSqlLeases(LeaseContract):
    @pytest.fixture
    def leases(self, database: Database) -> SqlLeases:
        return SqlLeases(database)


class TestSqlUniverses(UniverseContract):
    @pytest.fixture
    def universes(self, database: Database) -> SqlUniverses:
        return SqlUniverses(database)


class TestSqlRateLimiter(RateLimiterContract):
    @pytest.fixture
    def rate_limiter(self, database: Database) -> SqlRateLimiter:
        return SqlRateLimiter(database)

    def test_many_at_once_reserve_no_more_than_the_budget(self, rate_limiter: RateLimiter) -> None:
        """With another between the two tries of a step, too much is reserved, never too little."""
        with ThreadPoolExecutor(8) as threads:
            granted = sum(threads.map(lambda _: reserve(rate_limiter, 9).granted, range(20)))
        assert 0 < granted <= rate_limiter.state().reserved <= 100


class TestSqlMarketCache(MarketCacheContract):
    @pytest.fixture
    def market_cache(self, database: Database) -> SqlMarketCache:
        return SqlMarketCache(database)


class TestSqlFailedStarts(FailedStartContract):
    @pytest.fixture
    def failed_starts(self, database: Database) -> SqlFailedStarts:
        return SqlFailedStarts(database)


class TestSqlKeys(KeyStoreContract):
    @pytest.fixture
    def keys(self, database: Database) -> SqlKeys:
        return SqlKeys(database)


def test_messages_are_sent_once_and_received_once(database: LosingDatabase) -> None:
    queue = SqlQueue(database, FakeClock())
    queue.enqueue(MESSAGES)
    received = [receive(queue) for _ in MESSAGES]
    assert [message_of(item) for item in received] == MESSAGES
    assert {item.receives for item in received} == {1}
    assert queue.receive(visibility=VISIBILITY) is None
    for item in received:
        queue.delete(item.receipt)
    assert queue.next_visible_in() is None


def test_a_reply_that_never_comes_is_an_error(tmp_path: Path) -> None:
    database = LosingDatabase(f"sqlite:///{tmp_path / 'candles.db'}", patience_seconds=0.2)
    database.loses = 1000
    with pytest.raises(DatabaseUnavailableError, match="went away"):
        SqlRateLimiter(database).note_clock(5)
    assert SqlRateLimiter(database).state().clock_offset_ms == 5
    database.close()
