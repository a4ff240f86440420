"""A world whose records and candles are in DynamoDB's tables (moto); exchange, queue and clock are the fakes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import boto3
from candle_collector.adapters.dynamodb.candles_table import CandlesTable
from candle_collector.adapters.dynamodb.item_table import ItemTable
from candle_collector.adapters.dynamodb.lease_table import LeaseTable
from candle_collector.adapters.dynamodb.rate_limiter_table import RateLimiterTable
from candle_collector.adapters.dynamodb.runs_table import RunsTable
from candle_collector.adapters.dynamodb.series_table import SeriesTable
from candle_collector.adapters.dynamodb.universe_table import UniverseTable

from tests.fakes.world import World
from tests.integration.conftest import TABLES


def make_tables() -> None:
    """Make the tables, with nothing in them."""
    dynamodb = boto3.client("dynamodb")
    for name in dynamodb.list_tables()["TableNames"]:
        dynamodb.delete_table(TableName=name)
    for name, keys in TABLES.items():
        dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": key, "KeyType": kind}  # type: ignore[typeddict-item] # HASH and RANGE
                for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        )


class RealWorld(World):
    """The use cases on the real adapters.

    Parameters
    ----------
    table
        The runs table's connection, kept between worlds: making a client is what takes time.
    """

    def __init__(self, printed: Mapping[str, Iterable[int]], table: ItemTable, **exchange: Any) -> None:
        super().__init__(printed, **exchange)
        self.runs = RunsTable(table, now=self.clock.now)  # type: ignore[assignment] # the fake's port
        self.leases = LeaseTable(table)  # type: ignore[assignment] # the same
        self.series = SeriesTable(table)  # type: ignore[assignment] # the same
        self.rate_limiter = RateLimiterTable(table)  # type: ignore[assignment] # the same
        self.universes = UniverseTable(table)  # type: ignore[assignment] # the same
        self.candles = CandlesTable("candles", client=table.client)  # type: ignore[assignment] # the same
