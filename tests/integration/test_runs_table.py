"""The runs table on moto: runs, series, the market and the rate limiter keep their ports' promises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import boto3
import pytest
from candle_collector.adapters.dynamodb.failed_start_table import FailedStartTable
from candle_collector.adapters.dynamodb.item_table import ItemTable
from candle_collector.adapters.dynamodb.lease_table import LeaseTable
from candle_collector.adapters.dynamodb.listings_table import ListingsTable
from candle_collector.adapters.dynamodb.market_table import MarketTable
from candle_collector.adapters.dynamodb.rate_limiter_table import RateLimiterTable
from candle_collector.adapters.dynamodb.runs_table import RunsTable
from candle_collector.adapters.dynamodb.series_table import SeriesTable
from candle_collector.adapters.dynamodb.universe_table import UniverseTable
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.wording import split_reason
from candle_collector.errors import CollectorError

from tests.hourly import hourly
from tests.port_contracts.failed_starts import FailedStartContract
from tests.port_contracts.lease_store import LeaseContract, UniverseContract
from tests.port_contracts.listing_store import ListingStoreContract
from tests.port_contracts.market_cache import MarketCacheContract
from tests.port_contracts.rate_limiter import RateLimiterContract
from tests.port_contracts.run_store import LATER, NOW, A, RunStoreContract, activate, begun, known, records, run
from tests.port_contracts.series_store import SeriesStoreContract

__all__ = ["begun"]


@pytest.fixture(scope="module")
def table(aws: None) -> ItemTable:
    assert aws is None
    return ItemTable("runs")


@pytest.mark.usefixtures("tables")
class TestRunsTable(RunStoreContract):
    @pytest.fixture
    def leases(self, table: ItemTable) -> LeaseTable:
        return LeaseTable(table)

    @pytest.fixture
    def runs(self, table: ItemTable) -> RunsTable:
        return RunsTable(table)


@pytest.mark.usefixtures("tables")
class TestLeaseTable(LeaseContract):
    @pytest.fixture
    def leases(self, table: ItemTable) -> LeaseTable:
        return LeaseTable(table)


@pytest.mark.usefixtures("tables")
class TestUniverseTable(UniverseContract):
    @pytest.fixture
    def universes(self, table: ItemTable) -> UniverseTable:
        return UniverseTable(table)


@pytest.mark.usefixtures("tables")
class TestSeriesTable(SeriesStoreContract):
    @pytest.fixture
    def series_store(self, table: ItemTable) -> SeriesTable:
        return SeriesTable(table)


@pytest.mark.usefixtures("tables")
class TestRateLimiterTable(RateLimiterContract):
    @pytest.fixture
    def rate_limiter(self, table: ItemTable) -> RateLimiterTable:
        return RateLimiterTable(table)


@pytest.mark.usefixtures("tables")
class TestListingsTable(ListingStoreContract):
    @pytest.fixture
    def listing_store(self, table: ItemTable) -> ListingsTable:
        return ListingsTable(table)


@pytest.mark.usefixtures("tables")
class TestMarketTable(MarketCacheContract):
    @pytest.fixture
    def market_cache(self, table: ItemTable) -> MarketTable:
        return MarketTable(table)


@pytest.mark.usefixtures("tables")
class TestFailedStartTable(FailedStartContract):
    @pytest.fixture
    def failed_starts(self, table: ItemTable) -> FailedStartTable:
        return FailedStartTable(table)


@pytest.mark.usefixtures("tables")
def test_a_run_and_its_symbols_age_and_series_and_the_lease_do_not() -> None:
    table = ItemTable("runs")
    runs = RunsTable(table, now=lambda: NOW)
    activate(runs, LeaseTable(table), "forward#1")
    SeriesTable(ItemTable("runs")).put(SeriesRecord(hourly("BTCUSDT"), first=1, last=2))
    runs.put_symbol(known(runs))
    kept = {
        (item["pk"]["S"], item["sk"]["S"]): item.get("expires_at")
        for item in boto3.client("dynamodb").scan(TableName="runs")["Items"]
    }
    ends = [{"N": str(int((at + timedelta(days=90)).timestamp()))} for at in (NOW, LATER)]
    aging = {key for key, expires in kept.items() if expires}
    assert {key[0] for key in aging} == {f"RUN#{A}", "RUNS", "OCCURRENCE"}
    assert all(kept[key] in ends for key in aging)
    assert {key[0] for key in kept} - {key[0] for key in aging} == {"OPEN", "LEASE", "SERIES"}


@pytest.mark.usefixtures("tables")
def test_every_record_says_its_version() -> None:
    RunsTable(ItemTable("runs")).create(run(), records())
    SeriesTable(ItemTable("runs")).put(SeriesRecord(hourly("BTCUSDT")))
    items = boto3.client("dynamodb").scan(TableName="runs")["Items"]
    assert {item["version"]["N"] for item in items} == {"1"}


@pytest.mark.usefixtures("aws")
def test_a_table_that_is_not_there_is_an_error_of_ours() -> None:
    with pytest.raises(CollectorError, match="runs table refused") as refused:
        RunsTable(ItemTable("nowhere")).get(A)
    assert split_reason(str(refused.value))[1] == "Deploying again restores a right or a table that is missing."
    with pytest.raises(CollectorError, match="runs table refused"):
        RunsTable(ItemTable("nowhere")).create(run(), records())
    with pytest.raises(CollectorError, match="runs table refused"):
        list(SeriesTable(ItemTable("nowhere")).all())


def test_times_compare_as_text_to_the_microsecond() -> None:
    from candle_collector.adapters.dynamodb.attributes import MomentAttribute  # noqa: PLC0415 - the one test that looks inside

    attribute = MomentAttribute()
    moments = [datetime(2025, 6, 1, 12, 0, tzinfo=UTC) + timedelta(microseconds=step) for step in (0, 1, 999_999)]
    moments += [moments[0] + timedelta(seconds=1), moments[0].replace(year=2026)]
    texts = [attribute.serialize(moment) for moment in moments]
    assert texts == sorted(texts)
    assert [attribute.deserialize(text) for text in texts] == moments
