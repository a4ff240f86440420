"""The fakes keep the promises of the ports."""

from __future__ import annotations

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.leases import FakeLeaseStore, FakeUniverseStore
from tests.fakes.queue import FakeQueue
from tests.fakes.rate_limiter import FakeFailedStarts, FakeListingStore, FakeMarketCache, FakeRateLimiter
from tests.fakes.runs import FakeRunStore
from tests.fakes.stores import FakeCandleStore, FakeSeriesStore
from tests.port_contracts.candle_store import CandleStoreContract
from tests.port_contracts.failed_starts import FailedStartContract
from tests.port_contracts.lease_store import LeaseContract, UniverseContract
from tests.port_contracts.listing_store import ListingStoreContract
from tests.port_contracts.market_cache import MarketCacheContract
from tests.port_contracts.message_queue import MessageQueueContract
from tests.port_contracts.rate_limiter import RateLimiterContract
from tests.port_contracts.run_store import RunStoreContract, begun
from tests.port_contracts.series_store import SeriesStoreContract

__all__ = ["begun"]


class TestFakeCandleStore(CandleStoreContract):
    @pytest.fixture
    def store(self) -> FakeCandleStore:
        return FakeCandleStore()


class TestFakeSeriesStore(SeriesStoreContract):
    @pytest.fixture
    def series_store(self) -> FakeSeriesStore:
        return FakeSeriesStore()


class TestFakeRunStore(RunStoreContract):
    @pytest.fixture
    def leases(self) -> FakeLeaseStore:
        return FakeLeaseStore()

    @pytest.fixture
    def runs(self, leases: FakeLeaseStore) -> FakeRunStore:
        return FakeRunStore(FakeClock(), leases)


class TestFakeLeaseStore(LeaseContract):
    @pytest.fixture
    def leases(self) -> FakeLeaseStore:
        return FakeLeaseStore()


class TestFakeUniverseStore(UniverseContract):
    @pytest.fixture
    def universes(self) -> FakeUniverseStore:
        return FakeUniverseStore()


class TestFakeRateLimiter(RateLimiterContract):
    @pytest.fixture
    def rate_limiter(self) -> FakeRateLimiter:
        return FakeRateLimiter()


class TestFakeListingStore(ListingStoreContract):
    @pytest.fixture
    def listing_store(self) -> FakeListingStore:
        return FakeListingStore()


class TestFakeMarketCache(MarketCacheContract):
    @pytest.fixture
    def market_cache(self) -> FakeMarketCache:
        return FakeMarketCache()


class TestFakeFailedStarts(FailedStartContract):
    @pytest.fixture
    def failed_starts(self) -> FakeFailedStarts:
        return FakeFailedStarts()


class TestFakeQueue(MessageQueueContract):
    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def queue(self, clock: FakeClock) -> FakeQueue:
        return FakeQueue(clock)
