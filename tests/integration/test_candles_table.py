"""The candle table on moto: it keeps the store's promises, writes few items, and outlives a table that is failing."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from candle_collector.adapters.dynamodb.candles_table import CandlesTable
from candle_collector.adapters.dynamodb.coverage_records import Known
from candle_collector.adapters.dynamodb.item_table import ItemTable
from candle_collector.domain import windows
from candle_collector.domain.interval import Interval
from candle_collector.domain.progress import Revision
from candle_collector.domain.windows import Window, Windows
from candle_collector.errors import CollectorError, StaleTurnError, StoredCandleDamagedError

from tests.exchange import needs_recordings
from tests.hourly import HOUR, blocks_in, first_hour_of, hourly
from tests.port_contracts.candle_store import (
    AT,
    DAY,
    MIDNIGHT,
    NONE,
    SYMBOL,
    CandleStoreContract,
    Slots,
    candles,
    unfenced,
    within,
)
from tests.recorded import recorded_rows
from tests.stored_blocks import StoredBlocks

HOURS = hourly(SYMBOL)
BLOCK = HOUR.block_slots
ALL_BLOCKS = blocks_in((within(0, 60 * BLOCK),))
MINUTES = Slots.of(Interval.MINUTE)
YEARS = within(0, 24 * 365)


@pytest.fixture(scope="module")
def client(aws: None) -> Any:
    assert aws is None
    return ItemTable("candles").client


@pytest.fixture
def store(tables: None, client: Any) -> CandlesTable:
    assert tables is None
    return CandlesTable("candles", client=client)


@pytest.fixture
def stored(tables: None, client: Any) -> StoredBlocks:
    assert tables is None
    return StoredBlocks(client, "candles")


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
    before
        Called with the name of each operation before it is done.
    """

    def __init__(self, **_: object) -> None:
        self._client: Any = boto3.client("dynamodb")
        self.calls: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self.leave: list[int] = []
        self.fail: Exception | None = None
        self.before: Callable[[str], object] = lambda _: None

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            self.calls.append(name)
            self.requests.append(dict(request))
            if self.fail:
                raise self.fail
            self.before(name)
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


@pytest.fixture
def table(recorder: Recorder) -> CandlesTable:
    return CandlesTable("candles", client=recorder, sleep=lambda _: None)


# what is written, and by how many calls


def test_whole_blocks_that_have_no_item_go_in_batches_and_others_one_by_one(
    recorder: Recorder, table: CandlesTable
) -> None:
    table.store(HOURS, candles(*range(5, 30 * BLOCK + 3)), (), absent_blocks=ALL_BLOCKS)
    assert recorder.calls == ["batch_write_item"] * 2 + ["put_item"] * 2


def test_a_block_that_may_have_an_item_is_read_and_never_replaced_without_a_look(
    recorder: Recorder, table: CandlesTable
) -> None:
    table.store(HOURS, [], (within(BLOCK + 6, BLOCK + 7),), absent_blocks=NONE)
    table.store(HOURS, candles(*range(BLOCK - 1)), (), absent_blocks=NONE)
    assert recorder.calls == ["query", "put_item"] * 2


def test_part_of_a_new_block_is_one_call(recorder: Recorder, table: CandlesTable) -> None:
    table.store(HOURS, candles(7), (within(20, 21),), absent_blocks=ALL_BLOCKS)
    assert recorder.calls == ["put_item"]


def test_the_rest_of_a_block_is_added_without_a_look_by_whoever_wrote_the_first_part(
    recorder: Recorder, table: CandlesTable, client: Any
) -> None:
    last = 2 * BLOCK
    blocks = blocks_in((within(0, last + BLOCK),))
    table.store(HOURS, candles(*range(BLOCK + 6)), (), absent_blocks=blocks)
    table.store(HOURS, candles(*range(BLOCK + 6, last + 12)), (), absent_blocks=blocks_in((within(last, last + 1),)))
    assert recorder.calls == ["batch_write_item", "put_item", "put_item", "put_item"]
    other = CandlesTable("candles", client=client)
    other.store(HOURS, candles(last + 17), (within(last + 18, last + 19),), absent_blocks=NONE)  # and the look follows
    table.store(HOURS, candles(*range(last + 12, last + 17)), (), absent_blocks=NONE)
    assert recorder.calls[4:] == ["put_item", "query", "put_item"]
    found = table.coverage(HOURS, YEARS)
    assert (found.stored, found.never_printed) == ((within(0, last + 18),), (within(last + 18, last + 19),))
    assert table.candles(HOURS, within(0, last + BLOCK), limit=last + BLOCK) == candles(*range(last + 18))


def test_after_a_look_at_the_coverage_a_block_is_read_again(recorder: Recorder, table: CandlesTable) -> None:
    table.store(HOURS, candles(*range(12)), (), absent_blocks=ALL_BLOCKS)
    table.coverage(HOURS, within(0, BLOCK))
    recorder.calls.clear()
    table.store(HOURS, candles(*range(12, BLOCK)), (), absent_blocks=NONE)
    assert recorder.calls == ["query", "put_item"]


def test_storing_what_is_stored_writes_nothing(recorder: Recorder, table: CandlesTable) -> None:
    table.store(HOURS, candles(*range(BLOCK - 2)), (within(BLOCK - 2, BLOCK),), absent_blocks=NONE)
    table.coverage(HOURS, within(0, BLOCK))
    recorder.calls.clear()
    table.store(HOURS, candles(3, 4), (within(BLOCK - 2, BLOCK - 1),), absent_blocks=NONE)
    assert recorder.calls == ["query"]


def test_a_record_is_written_where_a_series_is_done_and_read_once(recorder: Recorder, table: CandlesTable) -> None:
    for turn in range(2):
        for start in range(960 * turn, 960 * (turn + 1), 240):
            blocks = blocks_in((within(start, start + 240),))
            table.store(HOURS, candles(*range(start, start + 240)), (), absent_blocks=blocks)
        table.write_coverage(HOURS, fence=unfenced)
        table.write_coverage(HOURS, fence=unfenced)  # there is nothing to write any more
    batches = ["batch_write_item"] * 4
    assert recorder.calls == [*batches, "query", "put_item", *batches, "put_item"]
    recorder.calls.clear()
    reader = CandlesTable("candles", client=recorder)
    assert reader.coverage(HOURS, within(0, 1920)).stored == (within(0, 1920),)
    assert recorder.calls == ["query"]


def test_a_stored_item_is_small(store: CandlesTable, stored: StoredBlocks) -> None:
    store.store(MINUTES.series, MINUTES.candles(*range(48)), (), absent_blocks=MINUTES.blocks(0))
    item = stored.item(MINUTES.series, MINUTES.first)
    assert item is not None
    assert item.keys() == {"series", "block", "v", "m", "z"}
    assert (item["series"]["S"], item["block"]["S"]) == ("binance:BTCUSDT#1m", "2025-03-01T00:00")
    assert zlib.decompress(item["z"]["B"]).count(b"\n") == 9


# what is read, and by how many calls


def test_coverage_of_years_costs_two_queries_whatever_is_stored(recorder: Recorder, table: CandlesTable) -> None:
    end = 60 * 24 * 50
    table.store(MINUTES.series, MINUTES.candles(*range(end)), (), absent_blocks=MINUTES.blocks(*range(30 * 50)))
    table.write_coverage(MINUTES.series, fence=unfenced)
    recorder.calls.clear()
    years = MINUTES.within(-2_000_000, 600_000)
    for reader in (table, CandlesTable("candles", client=recorder)):
        found = reader.coverage(MINUTES.series, years)
        assert (found.stored, found.blocks) == ((MINUTES.within(0, end),), MINUTES.blocks(*range(30 * 50)))
    assert recorder.calls == ["query"] * 6  # the records; what lies before the first candle, and behind the last
    blocks_read = [query for query in recorder.requests if "ProjectionExpression" in query]
    assert {query["ProjectionExpression"] for query in blocks_read} == {"#block, v, m, g"}


def test_a_missing_slot_costs_the_look_at_its_block(recorder: Recorder, table: CandlesTable) -> None:
    hours = [hour for hour in range(150 * BLOCK) if hour not in {50 * BLOCK + 3, 100 * BLOCK + 3, 102 * BLOCK + 3}]
    table.store(HOURS, candles(*hours), (), absent_blocks=blocks_in((within(0, 150 * BLOCK),)))
    table.write_coverage(HOURS, fence=unfenced)
    recorder.calls.clear()
    assert windows.count(table.coverage(HOURS, within(0, 150 * BLOCK)).stored) == len(hours)
    assert recorder.calls == ["query"] * 3  # near ones by one


def test_a_few_blocks_are_one_query(recorder: Recorder, table: CandlesTable) -> None:
    table.store(HOURS, candles(*range(8 * BLOCK)), (), absent_blocks=ALL_BLOCKS)
    recorder.calls.clear()
    assert table.coverage(HOURS, within(0, 8 * BLOCK)).stored == (within(0, 8 * BLOCK),)
    assert recorder.calls == ["query"]


def test_the_first_and_the_last_hour_are_a_consistent_query_of_one_item_each(
    recorder: Recorder, table: CandlesTable
) -> None:
    table.store(HOURS, candles(*range(60 * BLOCK)), (), absent_blocks=ALL_BLOCKS)
    assert (table.first_slot(HOURS), table.last_slot(HOURS)) == (MIDNIGHT, MIDNIGHT + 60 * BLOCK - 1)
    assert [(query["Limit"], query["ConsistentRead"]) for query in recorder.requests if "Limit" in query] == [
        (1, True)
    ] * 2


def test_many_blocks_without_a_candle_are_stepped_over_in_few_queries(recorder: Recorder, table: CandlesTable) -> None:
    table.store(HOURS, candles(0), (within(BLOCK, 101 * BLOCK),), absent_blocks=NONE)
    recorder.calls.clear()
    assert table.last_slot(HOURS) == MIDNIGHT
    assert recorder.calls.count("query") == 7  # 1 + 2 + 4 ... blocks


def test_coverage_is_read_as_of_now(recorder: Recorder, table: CandlesTable) -> None:
    """What another worker stored a moment ago would else be fetched again; moto has no replica that is behind."""
    for window in (within(0, BLOCK), YEARS):
        table.coverage(HOURS, window)
    assert [request.get("ConsistentRead") for request in recorder.requests] == [True] * 3


def test_a_page_that_ends_early_is_followed_by_the_next(recorder: Recorder, table: CandlesTable) -> None:
    table.store(HOURS, candles(*range(60 * BLOCK)), (), absent_blocks=ALL_BLOCKS)
    query = recorder._client.query
    recorder._client = type("Paging", (), {"query": staticmethod(lambda **request: query(**(request | {"Limit": 7})))})
    assert table.coverage(HOURS, within(0, 60 * BLOCK)).stored == (within(0, 60 * BLOCK),)
    assert table.candles(HOURS, within(3, 60 * BLOCK), limit=1000) == candles(*range(3, 1003))


# a table that is failing


def test_items_that_the_table_leaves_are_written_again(recorder: Recorder) -> None:
    slept: list[float] = []
    table = CandlesTable("candles", client=recorder, sleep=slept.append)
    recorder.leave = [25, 20, 3, 0]
    table.store(HOURS, candles(*range(25 * BLOCK)), (), absent_blocks=ALL_BLOCKS)
    assert table.coverage(HOURS, within(0, 60 * BLOCK)).stored == (within(0, 25 * BLOCK),)
    assert len(slept) == 3
    assert all(0 <= seconds <= 2.5 for seconds in slept)


def test_a_table_that_never_takes_them_is_an_error_after_a_bounded_wait(recorder: Recorder) -> None:
    slept: list[float] = []
    table = CandlesTable("candles", client=recorder, sleep=slept.append)
    recorder.leave = [1] * 100
    with pytest.raises(CollectorError, match="1 items unwritten"):
        table.store(HOURS, candles(*range(BLOCK)), (), absent_blocks=ALL_BLOCKS)
    assert sum(slept) < 30


def test_what_the_table_refuses_is_an_error_of_ours(recorder: Recorder, table: CandlesTable) -> None:
    recorder.fail = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "PutItem")
    with pytest.raises(CollectorError, match="put_item"):
        table.store(HOURS, candles(1), (), absent_blocks=ALL_BLOCKS)
    with pytest.raises(CollectorError, match="query"):
        table.coverage(HOURS, within(0, 1))


def test_a_right_that_is_missing_is_said_with_the_remedy(recorder: Recorder, table: CandlesTable) -> None:
    recorder.fail = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no right."}}, "Query")
    with pytest.raises(
        CollectorError, match=r": no right\. Deploying again restores a right or a table that is missing\.$"
    ):
        table.coverage(HOURS, within(0, 1))


@pytest.mark.parametrize("code", ["ConditionalCheckFailedException", "TransactionConflictException"])
def test_an_item_that_others_never_leave_alone_is_an_error_after_a_bounded_wait(recorder: Recorder, code: str) -> None:
    slept: list[float] = []

    def refuse(name: str) -> None:
        if name in {"put_item", "transact_write_items"}:
            raise ClientError({"Error": {"Code": code, "Message": "others"}}, name)

    table = CandlesTable("candles", client=recorder, sleep=slept.append)
    table.store(HOURS, candles(3), (), absent_blocks=NONE)
    recorder.before = refuse
    with pytest.raises(CollectorError, match=r"others wrote the same item .* try again"):
        table.store(HOURS, candles(1), (), absent_blocks=NONE)
    (old,) = candles(3)
    with pytest.raises(CollectorError, match=r"others wrote the same item .* try again"):
        table.revise(HOURS, [Revision(old, old._replace(volume="36"))], run_id="A", at=AT, fence=lambda: None)
    assert sum(slept) < 30


# damage


@pytest.mark.parametrize(
    "damage",
    [
        {"z": {"S": "1,2,3"}},
        {"z": {"B": b"1,2,3"}},
        {"z": {"B": zlib.compress(b"1\n2\n3")}},
        {"z": {"B": zlib.compress(b"\nNaN\n1\n1\n1\n1\n1\n1\n1\n1")}},
        {"z": {"B": zlib.compress(b"\n1,1\n1,1\n1,1\n1,1\n1,1\n1,1\n1,1\n1,1\n1,1")}},
        {"z": {"B": zlib.compress(b"\n1\n1\n1\n1\n1\n1\n1.5\n1\n1")}},
        {"m": {"N": "5"}},
        {"m": {"B": b"\x00\x00\x00\x00\x00\x00\x01"}},
        {"g": {"B": b"\x80\x00\x00\x00\x00\x00"}},
        {"v": {"N": "1"}},
    ],
    ids=[
        "text",
        "not packed",
        "short",
        "not a number",
        "too many",
        "not a count",
        "no bytes",
        "beyond",
        "both",
        "format",
    ],
)
def test_a_damaged_item_is_reported_and_neither_served_nor_replaced(
    store: CandlesTable, stored: StoredBlocks, damage: dict[str, Any]
) -> None:
    store.store(HOURS, candles(7), (), absent_blocks=NONE)
    stored.change(HOURS, MIDNIGHT, lambda item: item.update(damage))
    with pytest.raises(StoredCandleDamagedError, match=f"^binance:BTCUSDT#1h {DAY}T00:00: "):
        store.candles(HOURS, within(0, BLOCK), limit=10)
    with pytest.raises(StoredCandleDamagedError, match=DAY):
        store.store(HOURS, candles(8), (), absent_blocks=NONE)


def test_an_item_between_two_blocks_is_damage(store: CandlesTable, stored: StoredBlocks) -> None:
    store.store(HOURS, candles(7), (), absent_blocks=NONE)
    for name in (f"{DAY}T00:00 damaged", f"{DAY}T05:00"):
        item = {**(stored.item(HOURS, MIDNIGHT) or {}), "block": {"S": name}}
        stored.put(item)
        with pytest.raises(StoredCandleDamagedError, match=name):
            store.coverage(HOURS, within(0, 2 * BLOCK))
        boto3.client("dynamodb").delete_item(TableName="candles", Key={key: item[key] for key in ("series", "block")})


@needs_recordings
def test_a_recorded_month_with_candles_off_the_hour_comes_back_as_it_was(store: CandlesTable) -> None:
    february = Window(first_hour_of("2018-02-01"), first_hour_of("2018-03-01"))
    rows = [row for row in recorded_rows("BTCUSDT", 2018) if february.start <= row.slot < february.end]
    blocks = blocks_in(windows.from_slots(row.slot for row in rows))
    store.store(HOURS, rows, (), absent_blocks=blocks)
    assert store.candles(HOURS, february, limit=1000) == rows
    assert store.columns(HOURS, february).candles() == rows
    assert store.coverage(HOURS, february).stored == windows.from_slots(row.slot for row in rows)


# the coverage records: they lag, and never lead


def test_what_was_not_written_is_read_from_the_blocks_and_written_by_whoever_has_read_it(
    store: CandlesTable, stored: StoredBlocks, client: Any
) -> None:
    store.store(HOURS, candles(*range(50 * BLOCK)), (within(50 * BLOCK, 52 * BLOCK),), absent_blocks=ALL_BLOCKS)
    assert stored.coverage_records(HOURS) == []
    other = CandlesTable("candles", client=client)  # as the one that comes after a process that died
    expected = other.coverage(HOURS, YEARS)
    assert (expected.stored, expected.never_printed) == ((within(0, 50 * BLOCK),), (within(50 * BLOCK, 52 * BLOCK),))
    assert stored.coverage_records(HOURS) == []
    other.write_coverage(HOURS, fence=unfenced)
    before = stored.coverage_records(HOURS)
    store.write_coverage(HOURS, fence=unfenced)
    assert stored.coverage_records(HOURS) == before
    stored.forget_coverage(HOURS)
    assert store.coverage(HOURS, YEARS) == expected
    store.write_coverage(HOURS, fence=unfenced)
    assert stored.coverage_records(HOURS) == before


@pytest.mark.parametrize("whole", [YEARS, within(0, 2 * BLOCK)], ids=["by the records", "few blocks, read themselves"])
def test_what_a_turn_did_not_come_to_write_is_not_written_over_what_others_have_stored_since(
    store: CandlesTable, client: Any, whole: Window
) -> None:
    """A slot was never printed by what one process knew, another has stored it, and neither wrote a record."""
    store.store(HOURS, candles(*range(BLOCK - 1)), (within(BLOCK - 1, BLOCK),), absent_blocks=NONE)
    CandlesTable("candles", client=client).store(HOURS, candles(BLOCK - 1), (), absent_blocks=NONE)
    assert store.coverage(HOURS, whole).stored == (within(0, BLOCK),)
    store.write_coverage(HOURS, fence=unfenced)
    found = CandlesTable("candles", client=client).coverage(HOURS, YEARS)
    assert (found.stored, found.never_printed) == ((within(0, BLOCK),), ())


def test_a_record_that_another_has_written_meanwhile_gets_what_both_know(
    store: CandlesTable, stored: StoredBlocks, client: Any
) -> None:
    other = CandlesTable("candles", client=client)
    for writer, number in ((store, 0), (other, 1), (store, 2), (other, 3)):
        writer.store(HOURS, candles(*range(number * BLOCK, (number + 1) * BLOCK)), (), absent_blocks=ALL_BLOCKS)
        writer.write_coverage(HOURS, fence=unfenced)
    (record,) = stored.coverage_records(HOURS)
    assert len(zlib.decompress(record["s"]["B"]).split()) == 2  # one run
    assert int(zlib.decompress(record["s"]["B"]).split()[1]) == 4 * BLOCK


class Two:
    """Two processes that write the same series, and what a third then reads of it."""

    def __init__(self, client: Any) -> None:
        self.first, self.second = (CandlesTable("candles", client=client) for _ in range(2))
        self._client = client

    def known(self) -> tuple[Windows, Windows]:
        found = CandlesTable("candles", client=self._client).coverage(HOURS, YEARS)
        return found.stored, found.never_printed


@pytest.fixture
def two(store: CandlesTable, client: Any) -> Two:
    assert store
    return Two(client)


def test_a_record_that_another_wrote_is_not_trusted_where_a_slot_turns_out_printed(two: Two) -> None:
    last = 2 * BLOCK - 1
    two.first.store(HOURS, candles(*range(BLOCK)), (), absent_blocks=ALL_BLOCKS)
    two.first.write_coverage(HOURS, fence=unfenced)
    two.second.store(HOURS, candles(*range(BLOCK, last)), (within(last, last + 1),), absent_blocks=NONE)
    two.second.write_coverage(HOURS, fence=unfenced)
    two.first.coverage(HOURS, within(BLOCK - 4, 2 * BLOCK))  # so few that no record is read
    two.first.store(HOURS, candles(last), (), absent_blocks=NONE)  # and here it dies
    assert two.known() == ((within(0, 2 * BLOCK),), ())


@pytest.mark.parametrize("number", [10, 0], ids=["another block", "the same"])
def test_a_note_of_a_slot_that_was_never_printed_is_looked_at_again_before_it_is_written(two: Two, number: int) -> None:
    """The turn that noted it failed, or goes on, and another process has found the slot printed and dies."""
    start, end = number * BLOCK, (number + 1) * BLOCK
    two.first.store(HOURS, candles(*range(BLOCK - 1)), (within(BLOCK - 1, BLOCK),), absent_blocks=NONE)
    two.second.store(HOURS, candles(BLOCK - 1), (), absent_blocks=NONE)
    two.first.store(HOURS, candles(*range(start, end)), (), absent_blocks=NONE)
    two.first.write_coverage(HOURS, fence=unfenced)
    assert two.known() == (windows.union([within(0, BLOCK), within(start, end)]), ())


def test_a_look_at_noted_blocks_says_nothing_of_those_between(two: Two, stored: StoredBlocks) -> None:
    second, third, end = BLOCK, 2 * BLOCK, 3 * BLOCK
    gaps = (within(second - 1, second), within(end - 1, end))
    hours = [*range(second - 1), *range(second, second + 16), *range(third, end - 1)]
    two.first.store(HOURS, candles(*hours), gaps, absent_blocks=NONE)
    two.first.write_coverage(HOURS, fence=unfenced)
    (record,) = stored.coverage_records(HOURS)
    assert zlib.decompress(record["s"]["B"]).split()[1:] == [b"47", b"49", b"47"]  # the second block is not whole
    assert two.known() == (
        (within(0, second - 1), within(second, second + 16), within(third, end - 1)),
        gaps,
    )


def test_what_is_to_be_written_of_many_series_is_bounded_and_found_again(
    store: CandlesTable, stored: StoredBlocks
) -> None:
    """As where the turns of each of them fail."""
    many = [hourly(f"S{number:03}USDT") for number in range(70)]
    for series in many:
        store.store(series, candles(*range(BLOCK)), (), absent_blocks=ALL_BLOCKS)
    assert len(store._records._unwritten) <= 64
    for series in many:
        assert store.coverage(series, YEARS).stored == (within(0, BLOCK),)
        store.write_coverage(series, fence=unfenced)
        assert len(stored.coverage_records(series)) == 1
    assert store._records._unwritten == {}


@pytest.mark.parametrize("damage", [{"s": {"B": b"nonsense"}}, {"s": {"S": "nonsense"}}, {"v": {"N": "2"}}])
def test_a_record_that_cannot_be_read_is_made_again(
    store: CandlesTable, stored: StoredBlocks, damage: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    store.store(HOURS, candles(*range(50 * BLOCK)), (), absent_blocks=ALL_BLOCKS)
    store.write_coverage(HOURS, fence=unfenced)
    (before,) = stored.coverage_records(HOURS)
    stored.put(before | damage)
    assert store.coverage(HOURS, YEARS).stored == (within(0, 50 * BLOCK),)
    assert "the coverage record of binance:BTCUSDT#1h 2025 cannot be read" in caplog.text
    store.write_coverage(HOURS, fence=unfenced)
    assert stored.coverage_records(HOURS) == [before]


def test_a_block_with_a_missing_slot_is_not_in_the_record(store: CandlesTable, stored: StoredBlocks) -> None:
    store.store(HOURS, candles(*range(BLOCK - 1)), (), absent_blocks=NONE)
    store.write_coverage(HOURS, fence=unfenced)
    assert stored.coverage_records(HOURS) == []
    store.store(HOURS, [], (within(BLOCK - 1, BLOCK),), absent_blocks=NONE)
    store.write_coverage(HOURS, fence=unfenced)
    assert len(stored.coverage_records(HOURS)) == 1
    assert store.coverage(HOURS, YEARS).never_printed == (within(BLOCK - 1, BLOCK),)


def test_a_candle_that_was_thought_never_printed_is_not_said_to_be_so_even_after_a_crash(
    recorder: Recorder, table: CandlesTable
) -> None:
    """The record that says so is changed first."""
    table.store(HOURS, candles(*range(BLOCK - 1)), (within(BLOCK - 1, BLOCK),), absent_blocks=NONE)
    table.write_coverage(HOURS, fence=unfenced)
    recorder.calls.clear()
    table.store(HOURS, candles(BLOCK - 1), (), absent_blocks=NONE)
    assert recorder.calls == ["query", "put_item", "put_item"]
    # and dies before it writes the record again
    found = CandlesTable("candles", client=recorder).coverage(HOURS, YEARS)
    assert (found.stored, found.never_printed) == ((within(0, BLOCK),), ())


def test_a_year_of_too_many_runs_is_known_from_the_blocks(
    store: CandlesTable, stored: StoredBlocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("candle_collector.adapters.dynamodb.coverage_records.RUNS_MOST", 3)
    hours = [hour for at in (0, 1, 5, 10, 11, 12, 20, 30, 31) for hour in range(at * BLOCK, (at + 1) * BLOCK)]
    store.store(
        HOURS,
        candles(*hours),
        (within(40 * BLOCK, 41 * BLOCK), within(44 * BLOCK, 45 * BLOCK)),
        absent_blocks=ALL_BLOCKS,
    )
    store.write_coverage(HOURS, fence=unfenced)
    expected = windows.from_slots(MIDNIGHT + hour for hour in hours)
    assert store.coverage(HOURS, YEARS).stored == expected
    (record,) = stored.coverage_records(HOURS)
    assert len(zlib.decompress(record["s"]["B"]).split()) == 2 * 3


def test_the_largest_record_of_a_year_is_a_fraction_of_what_an_item_may_be(
    store: CandlesTable, stored: StoredBlocks
) -> None:
    """A year of 1m in which every second hour has a minute that was never printed, each at another place."""
    first = MINUTES.series.interval.first_of_day("2025-01-01")
    gone = tuple(Window(at, at + 1) for at in range(first, first + 525_600, 61))
    known = Known(windows.subtract((Window(first, first + 525_600),), gone), gone)
    store._records.write(MINUTES.series, known, unfenced)
    (record,) = stored.coverage_records(MINUTES.series)
    assert sum(len(record[name]["B"]) for name in ("s", "n")) < 40_000
    assert store.coverage(MINUTES.series, Window(first, first + 525_600)).never_printed == gone


def test_days_that_lie_in_two_years_are_known_of_both(recorder: Recorder, table: CandlesTable) -> None:
    days = Slots.of(Interval.DAY)
    table.store(days.series, days.candles(*range(30 * 40)), (), absent_blocks=days.blocks(*range(40)))
    table.write_coverage(days.series, fence=unfenced)
    recorder.calls.clear()
    reader = CandlesTable("candles", client=recorder)
    assert reader.coverage(days.series, days.within(0, 30 * 40)).stored == (days.within(0, 30 * 40),)
    assert recorder.calls == ["query"]


# writers that meet


def test_twenty_writers_of_overlapping_ranges_end_with_the_union(tables: None, client: Any) -> None:
    assert tables is None
    fails: list[BaseException] = []

    def work(writer: int) -> None:
        mine = CandlesTable("candles", client=client)
        try:
            for number in range(3):
                start = (writer * 37 + number * 11) % 150
                window = MINUTES.within(start + 40, start + 43)
                mine.store(MINUTES.series, MINUTES.candles(*range(start, start + 40)), (window,), absent_blocks=NONE)
                mine.write_coverage(MINUTES.series, fence=unfenced)
        except BaseException as error:  # noqa: BLE001 - looked at below
            fails.append(error)

    threads = [threading.Thread(target=work, args=(writer,)) for writer in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fails == []
    starts = [(writer * 37 + number * 11) % 150 for writer in range(20) for number in range(3)]
    hours = {hour for start in starts for hour in range(start, start + 40)}
    gone = {hour for start in starts for hour in range(start + 40, start + 43)} - hours
    store = CandlesTable("candles", client=client)
    assert store.candles(MINUTES.series, MINUTES.within(0, 1000), limit=1000) == MINUTES.candles(*sorted(hours))
    for window in (MINUTES.within(0, 240), MINUTES.within(0, 100_000)):
        found = store.coverage(MINUTES.series, window)
        assert (found.stored, found.never_printed) == (MINUTES.windows(hours), MINUTES.windows(gone))


def test_a_fence_that_falls_between_two_tries_stops_the_second(recorder: Recorder, table: CandlesTable) -> None:
    table.store(HOURS, candles(3), (), absent_blocks=NONE)
    other, checked = CandlesTable("candles", client=boto3.client("dynamodb")), []

    def meddle(name: str) -> None:
        if name == "put_item":
            recorder.before = lambda _: None
            other.store(HOURS, candles(4), (), absent_blocks=NONE)

    def fence() -> None:
        checked.append(1)
        if len(checked) > 1:
            raise StaleTurnError("the claim is over")

    recorder.before = meddle
    with pytest.raises(StaleTurnError):
        table.store(HOURS, candles(5), (), absent_blocks=NONE, fence=fence)
    assert table.candles(HOURS, within(0, BLOCK), limit=24) == candles(3, 4)
