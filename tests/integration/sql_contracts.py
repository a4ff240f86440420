"""The contracts of the ports bound to the stores in a database: each module that imports them brings its `database`."""

from __future__ import annotations

import pytest
from candle_collector.adapters.sql.candles import SqlCandles
from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.failed_starts import SqlFailedStarts
from candle_collector.adapters.sql.keys import SqlKeys
from candle_collector.adapters.sql.leases import SqlLeases
from candle_collector.adapters.sql.listings import SqlListings
from candle_collector.adapters.sql.market_cache import SqlMarketCache
from candle_collector.adapters.sql.queue import SqlQueue
from candle_collector.adapters.sql.rate_limiter import SqlRateLimiter
from candle_collector.adapters.sql.runs import SqlRuns
from candle_collector.adapters.sql.series import SqlSeries
from candle_collector.adapters.sql.universes import SqlUniverses

from tests.fakes.clock import FakeClock
from tests.port_contracts.candle_store import CandleStoreContract
from tests.port_contracts.failed_starts import FailedStartContract
from tests.port_contracts.key_store import KeyStoreContract
from tests.port_contracts.lease_store import LeaseContract, UniverseContract
from tests.port_contracts.listing_store import ListingStoreContract
from tests.port_contracts.market_cache import MarketCacheContract
from tests.port_contracts.message_queue import MessageQueueContract
from tests.port_contracts.rate_limiter import RateLimiterContract
from tests.port_contracts.run_store import RunStoreContract, begun
from tests.port_contracts.series_store import SeriesStoreContract

__all__ = ["begun"]


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


class TestSqlListings(ListingStoreContract):
    @pytest.fixture
    def listing_store(self, database: Database) -> SqlListings:
        return SqlListings(database)


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


class TestSqlQueue(MessageQueueContract):
    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def queue(self, database: Database, clock: FakeClock) -> SqlQueue:
        return SqlQueue(database, clock)
