"""What a stack has stored, past its API: to look at what no route says, and to damage it."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol

from candle_collector.adapters.dynamodb.block import masks_of, slots_of
from candle_collector.adapters.sql.schema import candles, never_printed, series
from candle_collector.domain import windows
from candle_collector.domain.interval import DAY_MS
from candle_collector.domain.windows import Window
from sqlalchemy import delete, select

from tests.e2e.runtimes import LOCAL_AWS
from tests.hourly import HOUR, HOUR_MS, day_of, first_hour_of, hourly
from tests.stored_blocks import StoredBlocks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from candle_collector.adapters.sql.database import Database
    from mypy_boto3_dynamodb import DynamoDBClient

    from tests.e2e.conftest import StackUnderTest


class StoredCandles(Protocol):
    """The candles of a stack."""

    def day_with(self, hour: int) -> str:
        """Return the day under which `items` and `changes` have an hour: that with which its block begins."""

    def items(self, symbol: str) -> dict[str, Mapping[str, Any]]:
        """Return all that is stored of a symbol by day; equal days compare so."""

    def never_printed(self, symbol: str) -> list[Window]:
        """Return the windows of a symbol that are known to hold no candle."""

    def remove(self, symbol: str, hours: Iterable[int]) -> None:
        """Take stored hours out as if they had never been stored."""

    def changes(self, symbol: str) -> AbstractContextManager[set[str]]:
        """Collect the days of a symbol that change meanwhile; the set is filled at the end."""


def stored_candles(stack: StackUnderTest) -> StoredCandles:
    """Return the candles of a stack on any runtime."""
    return CandleTable(stack) if stack.runtime == LOCAL_AWS else CandleRows(stack.database)


class CandleTable:
    """The candle table of the local AWS.

    Parameters
    ----------
    stack
        Where it is.
    table
        Another table than the stack's own.
    """

    def __init__(self, stack: StackUnderTest, table: str = "") -> None:
        self._client: DynamoDBClient = stack.aws.client("dynamodb", endpoint_url=stack.aws_endpoint_url)
        self._streams: Any = stack.aws.client("dynamodbstreams", endpoint_url=stack.aws_endpoint_url)
        self._table = table or stack.output("CandlesTableName")

    def day_with(self, hour: int) -> str:
        """Return the day with which the block of an hour begins."""
        return day_of(hour - hour % HOUR.block_slots)

    def items(self, symbol: str) -> dict[str, Mapping[str, Any]]:
        """Return all blocks of a symbol by day, as stored."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="series = :series",
            ExpressionAttributeValues={":series": {"S": str(hourly(symbol))}},
        )
        items = (item for page in pages for item in page["Items"])
        return {item["block"]["S"][:10]: item for item in items}

    def never_printed(self, symbol: str) -> list[Window]:
        """Return the windows of a symbol that are known to hold no candle."""
        hours: list[int] = []
        for day, item in self.items(symbol).items():
            _, gone = masks_of(item, HOUR)
            hours += slots_of(gone, first_hour_of(day))
        return list(windows.from_slots(hours))

    def remove(self, symbol: str, hours: Iterable[int]) -> None:
        """Take stored hours out as if they had never been stored; an item without hours goes whole."""
        StoredBlocks(self._client, self._table).remove(hourly(symbol), hours)

    @contextmanager
    def changes(self, symbol: str) -> Iterator[set[str]]:
        """Collect the days of all items that are written meanwhile, also those whose values stay."""
        table = self._client.describe_table(TableName=self._table)["Table"]
        if "LatestStreamArn" not in table:
            requested: Any = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
            table = self._client.update_table(TableName=self._table, StreamSpecification=requested)["TableDescription"]
        arn = table["LatestStreamArn"]
        shard = self._streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
        at = self._streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="LATEST")["ShardIterator"]
        days: set[str] = set()
        yield days
        while (page := self._streams.get_records(ShardIterator=at))["Records"]:
            keys = [record["dynamodb"]["Keys"] for record in page["Records"]]
            series = str(hourly(symbol))
            assert {key["series"]["S"] for key in keys} <= {series, f"{series}#coverage"}
            days |= {key["block"]["S"][:10] for key in keys if key["series"]["S"] == series}
            at = page["NextShardIterator"]

    def put(self, item: Mapping[str, Any]) -> None:
        """Write an item as it is."""
        self._client.put_item(TableName=self._table, Item=item)

    def delete(self, item: Mapping[str, Any]) -> None:
        """Take an item out."""
        self._client.delete_item(TableName=self._table, Key={name: item[name] for name in ("series", "block")})


class CandleRows:
    """The candles in a database, SQLite or PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def day_with(self, hour: int) -> str:
        """Return the day of an hour."""
        return day_of(hour)

    def items(self, symbol: str) -> dict[str, Mapping[str, Any]]:
        """Return all rows of a symbol by day: those of its candles, and the hours without one."""
        days: dict[str, dict[str, list[Any]]] = {}
        for table in (candles, never_printed):
            columns = [column for column in table.columns if column.name != "series_id"]
            found = select(*columns).where(table.c.series_id == _series_id(symbol)).order_by(table.c.open_time)
            with self._database.read() as connection:
                rows = connection.execute(found).all()
            for day, of_day in groupby(rows, key=lambda row: row.open_time // DAY_MS):
                days.setdefault(day_of(day * 24), {})[table.name] = list(map(tuple, of_day))
        return dict(days)

    def never_printed(self, symbol: str) -> list[Window]:
        """Return the windows of a symbol that are known to hold no candle."""
        days = self.items(symbol).values()
        hours = sorted(row[0] // HOUR_MS for day in days for row in day.get(never_printed.name, ()))
        return list(windows.from_slots(hours))

    def remove(self, symbol: str, hours: Iterable[int]) -> None:
        """Take stored hours out as if they had never been stored."""
        times = [entry * HOUR_MS for entry in hours]
        gone = delete(candles).where(candles.c.series_id == _series_id(symbol), candles.c.open_time.in_(times))
        with self._database.write() as connection:
            assert connection.execute(gone).rowcount == len(times)

    @contextmanager
    def changes(self, symbol: str) -> Iterator[set[str]]:
        """Collect the days of a symbol whose rows are others at the end than at the beginning."""
        before = self.items(symbol)
        days: set[str] = set()
        yield days
        after = self.items(symbol)
        days |= {day for day in before.keys() | after.keys() if before.get(day) != after.get(day)}


def _series_id(symbol: str) -> Any:
    return select(series.c.series_id).where(series.c.symbol == symbol).scalar_subquery()
