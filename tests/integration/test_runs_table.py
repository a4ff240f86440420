"""The runs table on moto: runs, series, the market and the rate limiter keep their ports' promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from string import ascii_uppercase
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.adapters.dynamodb.failed_start_table import FailedStartTable
from candle_collector.adapters.dynamodb.item_table import ItemTable
from candle_collector.adapters.dynamodb.items import SymbolItem
from candle_collector.adapters.dynamodb.lease_table import LeaseTable
from candle_collector.adapters.dynamodb.listings_table import ListingsTable
from candle_collector.adapters.dynamodb.market_table import MarketTable
from candle_collector.adapters.dynamodb.rate_limiter_table import RateLimiterTable
from candle_collector.adapters.dynamodb.runs_table import RunsTable
from candle_collector.adapters.dynamodb.series_table import SeriesTable
from candle_collector.adapters.dynamodb.universe_table import UniverseTable
from candle_collector.domain.interval import Interval
from candle_collector.domain.run import SERIES_MOST, Failure, RunSeries
from candle_collector.domain.series import Series
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window
from candle_collector.domain.wording import split_reason
from candle_collector.errors import CollectorError

from tests.hourly import hourly
from tests.port_contracts.failed_starts import FailedStartContract
from tests.port_contracts.lease_store import LeaseContract, UniverseContract
from tests.port_contracts.listing_store import ListingStoreContract
from tests.port_contracts.market_cache import MarketCacheContract
from tests.port_contracts.rate_limiter import RateLimiterContract
from tests.port_contracts.run_store import (
    LATER,
    NOW,
    SERIES,
    A,
    B,
    RunStoreContract,
    activate,
    begun,
    known,
    records,
    run,
)
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


def item_bytes(item: dict[str, Any]) -> int:
    """Return about what DynamoDB counts an item as: its names and values, a byte more for each member of a set."""
    values = [value for typed in item.values() for value in typed.values()]
    parts = [part for value in values for part in (value if isinstance(value, list) else [value])]
    return sum(map(len, item)) + sum(1 + len(part if isinstance(part, bytes) else str(part).encode()) for part in parts)


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize(("series", "letters", "most_kb"), [(3500, 6, 40), (SERIES_MOST, 49, 200)])
def test_the_largest_runs_fill_half_an_item_at_most(table: ItemTable, series: int, letters: int, most_kb: int) -> None:
    chance = Random(series)
    symbols = ["".join(chance.choices(ascii_uppercase, k=letters)) + "T" for _ in range(-(-series // len(Interval)))]
    named = [Series(symbol, interval, BINANCE.name) for symbol in symbols for interval in Interval][:series]
    runs = RunsTable(table)
    runs.create(run(series=tuple(map(RunSeries, named)), open=frozenset(map(str, named))), [])
    key = {"pk": {"S": f"RUN#{A}"}, "sk": {"S": "RUN"}}
    assert item_bytes(boto3.client("dynamodb").get_item(TableName="runs", Key=key)["Item"]) < most_kb * 1000
    left = runs.leave(A, *named[:-1])
    assert left.open == {str(named[-1])}
    assert left == runs.get(A)


@pytest.mark.usefixtures("tables")
def test_a_runs_table_that_has_read_one_runs_series_takes_those_of_another_out_of_it(table: ItemTable) -> None:
    runs = RunsTable(table)
    for run_id, series in ((A, SERIES), (B, SERIES[::-1])):
        runs.create(run(run_id, series=tuple(map(RunSeries, series))), [])
    for run_id in (A, B, A):
        assert str(SERIES[0]) not in runs.leave(run_id, SERIES[0]).open
        assert str(SERIES[1]) in runs.leave(run_id, SERIES[0]).open


@pytest.mark.usefixtures("tables")
def test_a_symbol_is_written_by_what_has_changed_of_it() -> None:
    """Its first write by a process is whole, and so is one after somebody else's."""
    ours, others = (RunsTable(ItemTable("runs"), now=lambda: LATER) for _ in range(2))
    activate(ours, LeaseTable(ItemTable("runs")))
    record = ours.put_symbol(replace(known(ours), records=5, missing=(Window(3, 4),), missing_slots=1))
    with patch.object(SymbolItem, "update", autospec=True, side_effect=SymbolItem.update) as update:
        record = ours.put_symbol(replace(record, records=7, missing=(), missing_slots=0))
        assert known(others) == record
        record = others.put_symbol(replace(known(others), records=9, asked_to=12))
        record = ours.put_symbol(replace(record, records=7, asked_to=None, failure=Failure("differs", "text")))
        assert known(others) == record
        record = ours.put_symbol(replace(record, failure=None, requests=0))
        assert known(others) == record
        actions = [len(call.kwargs["actions"]) for call in update.call_args_list]
    assert (record.records, record.asked_to, record.missing, record.failure) == (7, None, (), None)
    assert actions[0] == 5  # records, missing, missing_slots, revision and when it is deleted
    assert actions[1] == actions[2] > 20
    assert actions[3] == 3


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
