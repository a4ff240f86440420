"""The candle table on moto: it keeps the store's promises, writes few items, and outlives a table that is failing."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from candle_collector.adapters.dynamodb.candles_table import CandlesTable
from candle_collector.adapters.dynamodb.item_table import ItemTable
from candle_collector.domain import windows
from candle_collector.domain.windows import Window
from candle_collector.errors import CollectorError, StoredCandleDamagedError

from tests.exchange import needs_recordings
from tests.port_contracts.candle_store import DAY, MIDNIGHT, SYMBOL, CandleStoreContract, candles, within
from tests.recorded import recorded_rows

ALL_DAYS = frozenset(windows.day_of(MIDNIGHT + hour) for hour in range(0, 24 * 60, 24))


@pytest.fixture(scope="module")
def adapter(aws: None) -> CandlesTable:
    assert aws is None
    return CandlesTable("candles", client=ItemTable("candles").client)


@pytest.fixture
def store(tables: None, adapter: CandlesTable) -> CandlesTable:
    assert tables is None
    return adapter


class TestCandlesTable(CandleStoreContract):
    """The contract, on moto."""


class Recorder:
    """A client that counts its calls, and can be made to fail.

    Attributes
    ----------
    calls, requests
        The names of the operations, and their parameters, in order.
    leave
        How many items of each of the next batches are left unprocessed.
    """

    def __init__(self, **_: object) -> None:
        self._client: Any = boto3.client("dynamodb")
        self.calls: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self.leave: list[int] = []
        self.fail: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            self.calls.append(name)
            self.requests.append(dict(request))
            if self.fail:
                raise self.fail
            if name == "batch_write_item" and self.leave:
                count = self.leave.pop(0)
                (table,) = request["RequestItems"]
                items = request["RequestItems"][table]
                left = items[:count]
                if items[count:]:
                    self._client.batch_write_item(RequestItems={table: items[count:]})
                return {"UnprocessedItems": {table: left} if left else {}}
            return getattr(self._client, name)(**request)

        return call


@pytest.fixture
def recorder(tables: None) -> Recorder:
    assert tables is None
    return Recorder()


def test_whole_days_that_have_no_item_go_in_batches_and_others_one_by_one(recorder: Recorder) -> None:
    store = CandlesTable("candles", client=recorder)
    store.store(SYMBOL, candles(*range(5, 24 * 30 + 3)), (), absent_days=ALL_DAYS)
    assert recorder.calls == ["batch_write_item"] * 2 + ["update_item"] * 2


def test_a_day_that_may_have_an_item_is_never_replaced(recorder: Recorder) -> None:
    store = CandlesTable("candles", client=recorder)
    store.store(SYMBOL, [], (within(30, 31),), absent_days=frozenset())
    store.store(SYMBOL, candles(*range(24)), (), absent_days=frozenset())
    assert set(recorder.calls) == {"update_item"}


def test_a_single_hour_is_one_call_and_so_is_a_day_with_a_never_printed_hour(recorder: Recorder) -> None:
    store = CandlesTable("candles", client=recorder)
    store.store(SYMBOL, candles(7), (), absent_days=frozenset())
    store.store(SYMBOL, candles(*range(24, 47)), (within(47, 48),), absent_days=ALL_DAYS)
    assert recorder.calls == ["update_item"] * 2


def test_coverage_of_a_year_is_read_in_one_page_and_without_the_candles(recorder: Recorder) -> None:
    store = CandlesTable("candles", client=recorder)
    store.store(SYMBOL, candles(*range(24 * 60)), (), absent_days=ALL_DAYS)
    recorder.calls.clear()
    assert store.coverage(SYMBOL, within(0, 24 * 365)).stored == (within(0, 24 * 60),)
    assert recorder.calls == ["query"]


def test_the_first_and_the_last_hour_are_a_consistent_query_of_one_item_each(recorder: Recorder) -> None:
    store = CandlesTable("candles", client=recorder)
    store.store(SYMBOL, candles(*range(24 * 60)), (), absent_days=ALL_DAYS)
    assert (store.first_hour(SYMBOL), store.last_hour(SYMBOL)) == (MIDNIGHT, MIDNIGHT + 24 * 60 - 1)
    assert [(query["Limit"], query["ConsistentRead"]) for query in recorder.requests if "Limit" in query] == [
        (1, True)
    ] * 2


def test_many_days_without_a_candle_are_stepped_over_in_few_queries(recorder: Recorder) -> None:
    store = CandlesTable("candles", client=recorder)
    store.store(SYMBOL, candles(0), (within(24, 24 * 101),), absent_days=frozenset())
    assert store.last_hour(SYMBOL) == MIDNIGHT
    assert recorder.calls.count("query") == 7  # 1 + 2 + 4 ... days


def test_coverage_is_read_as_of_now(recorder: Recorder) -> None:
    """What another worker stored a moment ago would else be fetched again; moto has no replica that is behind."""
    CandlesTable("candles", client=recorder).coverage(SYMBOL, within(0, 24))
    assert [request.get("ConsistentRead") for request in recorder.requests] == [True]


def test_a_page_that_ends_early_is_followed_by_the_next(recorder: Recorder) -> None:
    store = CandlesTable("candles", client=recorder)
    store.store(SYMBOL, candles(*range(24 * 60)), (), absent_days=ALL_DAYS)
    query = recorder._client.query
    recorder._client = type("Paging", (), {"query": staticmethod(lambda **request: query(**(request | {"Limit": 7})))})
    assert store.coverage(SYMBOL, within(0, 24 * 60)).stored == (within(0, 24 * 60),)
    assert store.candles(SYMBOL, within(3, 24 * 60), limit=1000) == candles(*range(3, 1003))


def test_items_that_the_table_leaves_are_written_again(recorder: Recorder) -> None:
    slept: list[float] = []
    store = CandlesTable("candles", client=recorder, sleep=slept.append)
    recorder.leave = [25, 20, 3, 0]
    store.store(SYMBOL, candles(*range(24 * 25)), (), absent_days=ALL_DAYS)
    assert store.coverage(SYMBOL, within(0, 24 * 60)).stored == (within(0, 24 * 25),)
    assert len(slept) == 3
    assert all(0 <= seconds <= 2.5 for seconds in slept)


def test_a_table_that_never_takes_them_is_an_error_after_a_bounded_wait(recorder: Recorder) -> None:
    slept: list[float] = []
    store = CandlesTable("candles", client=recorder, sleep=slept.append)
    recorder.leave = [1] * 100
    with pytest.raises(CollectorError, match="1 items unwritten"):
        store.store(SYMBOL, candles(*range(24)), (), absent_days=ALL_DAYS)
    assert sum(slept) < 30


def test_what_the_table_refuses_is_an_error_of_ours(recorder: Recorder) -> None:
    recorder.fail = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "UpdateItem")
    store = CandlesTable("candles", client=recorder)
    with pytest.raises(CollectorError, match="update_item"):
        store.store(SYMBOL, candles(1), (), absent_days=frozenset())
    with pytest.raises(CollectorError, match="query"):
        store.coverage(SYMBOL, within(0, 1))


def test_a_right_that_is_missing_is_said_with_the_remedy(recorder: Recorder) -> None:
    recorder.fail = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no right."}}, "Query")
    with pytest.raises(
        CollectorError, match=r": no right\. Deploying again restores a right or a table that is missing\.$"
    ):
        CandlesTable("candles", client=recorder).coverage(SYMBOL, within(0, 1))


@pytest.mark.parametrize("damage", [{"S": "1,2,3"}, {"S": "NaN,1,1,1,1,1,1,1,1"}, {"N": "5"}, {"NULL": True}])
def test_a_damaged_item_is_reported_and_not_served(store: CandlesTable, damage: dict[str, Any]) -> None:
    store.store(SYMBOL, candles(7), (), absent_days=frozenset())
    boto3.client("dynamodb").update_item(
        TableName="candles",
        Key={"series": {"S": f"{SYMBOL}#1h"}, "day": {"S": DAY}},
        UpdateExpression="SET h07 = :damage",
        ExpressionAttributeValues={":damage": damage},
    )
    with pytest.raises(StoredCandleDamagedError, match=DAY):
        store.candles(SYMBOL, within(0, 24), limit=10)


@needs_recordings
def test_a_recorded_month_with_candles_off_the_hour_comes_back_as_it_was(store: CandlesTable) -> None:
    february = Window(windows.first_hour_of("2018-02-01"), windows.first_hour_of("2018-03-01"))
    rows = [row for row in recorded_rows("BTCUSDT", 2018) if february.start <= row.hour < february.end]
    days = frozenset(windows.day_of(row.hour) for row in rows)
    store.store("BTCUSDT", rows, (), absent_days=days)
    assert store.candles("BTCUSDT", february, limit=1000) == rows
    assert store.coverage("BTCUSDT", february).stored == windows.from_hours(row.hour for row in rows)
