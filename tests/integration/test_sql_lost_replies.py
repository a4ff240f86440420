"""Replies to commits that are lost: the transaction is done again, and meets what it wrote itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.queue import SqlQueue
from candle_collector.adapters.sql.rate_limiter import SqlRateLimiter
from candle_collector.adapters.sql.refusals import RepeatableError
from candle_collector.errors import DatabaseUnavailableError
from candle_collector.ports import RateLimiter
from sqlalchemy import Connection

from tests.fakes.clock import FakeClock
from tests.integration import sql_contracts
from tests.integration.databases import empty
from tests.integration.sql_contracts import (
    TestSqlCandles,
    TestSqlFailedStarts,
    TestSqlKeys,
    TestSqlLeases,
    TestSqlListings,
    TestSqlMarketCache,
    TestSqlRuns,
    TestSqlSeries,
    TestSqlUniverses,
    begun,
)
from tests.port_contracts.collect_queue import MESSAGES
from tests.port_contracts.message_queue import VISIBILITY, message_of, receive
from tests.port_contracts.rate_limiter import reserve

__all__ = [
    "TestSqlCandles",
    "TestSqlFailedStarts",
    "TestSqlKeys",
    "TestSqlLeases",
    "TestSqlListings",
    "TestSqlMarketCache",
    "TestSqlRuns",
    "TestSqlSeries",
    "TestSqlUniverses",
    "begun",
]

T = TypeVar("T")


class LosingDatabase(Database):
    """A database that keeps every transaction, and loses the reply to the first try of each.

    Attributes
    ----------
    loses
        How many replies in a row are lost, of each step.
    """

    loses = 0

    def transact(self, step: Callable[[Connection], T], *, followed: bool = False) -> T:
        left = self.loses
        write = super().write

        @contextmanager
        def losing() -> Iterator[Connection]:
            nonlocal left
            with write(followed=followed) as connection:
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
    empty(module_database)
    monkeypatch.setattr("candle_collector.adapters.sql.database.time.sleep", lambda _: None)
    module_database.loses = 2
    return module_database


class TestSqlRateLimiter(sql_contracts.TestSqlRateLimiter):
    def test_many_at_once_reserve_no_more_than_the_budget(self, rate_limiter: RateLimiter) -> None:
        """With another between the two tries of a step, too much is reserved, never too little."""
        with ThreadPoolExecutor(8) as threads:
            granted = sum(threads.map(lambda _: reserve(rate_limiter, 9).granted, range(20)))
        assert 0 < granted <= rate_limiter.state().reserved <= 100


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
