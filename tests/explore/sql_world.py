"""A world whose records and candles are in an SQLite database; exchange, queue and clock are the fakes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from candle_collector.adapters.sql.candles import SqlCandles
from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.leases import SqlLeases
from candle_collector.adapters.sql.market_cache import SqlMarketCache
from candle_collector.adapters.sql.rate_limiter import SqlRateLimiter
from candle_collector.adapters.sql.refusals import RepeatableError
from candle_collector.adapters.sql.runs import SqlRuns
from candle_collector.adapters.sql.schema import archive_schema, metadata
from candle_collector.adapters.sql.series import SqlSeries
from candle_collector.adapters.sql.universes import SqlUniverses
from sqlalchemy import Connection, event

from tests.fakes.world import World

T = TypeVar("T")


class SearchedDatabase(Database):
    """A database that is emptied between worlds, and may lose the reply to one commit.

    Attributes
    ----------
    left
        At which transaction that writes, counted from 1.
    lost
        What that transaction was; None until it came.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(f"sqlite:///{folder}/explored.db")
        event.listen(self.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = off"))
        self.engine.dispose()  # the connections that follow do not wait for the disk
        self.left = 0
        self.lost: str | None = None

    def begin(self, number: int) -> None:
        """Lose the reply to the transaction of that number from now on."""
        self.left, self.lost = number, None

    def transact(self, step: Callable[[Connection], T], *, followed: bool = False) -> T:
        """Do a step, and again where its reply is lost."""
        self.left -= 1
        if self.left != 0:
            return super().transact(step, followed=followed)
        self.lost = step.__qualname__
        write, lost = self.write, [self.lost]

        @contextmanager
        def losing() -> Iterator[Connection]:
            with write(followed=followed) as connection:
                yield connection
            if lost:
                raise RepeatableError(f"the server went away after {lost.pop()}")

        return self._repeated(losing, step)

    def empty(self) -> None:
        """Forget everything."""
        with self.write() as connection:
            for table in metadata.sorted_tables:
                if table is not archive_schema:
                    connection.execute(table.delete())


class SqlWorld(World):
    """The use cases on the adapters of a database, which must be empty."""

    def __init__(self, printed: Mapping[str, Iterable[int]], database: Database, **exchange: Any) -> None:
        super().__init__(printed, **exchange)
        self.runs = SqlRuns(database, now=self.clock.now)  # type: ignore[assignment] # the fake's port
        self.leases = SqlLeases(database)  # type: ignore[assignment] # the same
        self.series = SqlSeries(database)  # type: ignore[assignment] # the same
        self.rate_limiter = SqlRateLimiter(database)  # type: ignore[assignment] # the same
        self.universes = SqlUniverses(database)  # type: ignore[assignment] # the same
        self.market_cache = SqlMarketCache(database)  # type: ignore[assignment] # the same
        self.candles = SqlCandles(database)  # type: ignore[assignment] # the same
