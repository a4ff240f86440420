"""A world whose records and candles are in DynamoDB's tables (moto); exchange, queue and clock are the fakes."""

from __future__ import annotations

import os
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
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from tests.fakes.world import World
from tests.integration.conftest import TABLES


def make_tables() -> None:
    """Make the tables, with nothing in them; those that are there are emptied within moto, which takes no call."""
    tables = dynamodb_backends[DEFAULT_ACCOUNT_ID][os.environ["AWS_REGION"]].tables
    for table in tables.values():
        table.items.clear()
    for name in TABLES.keys() - tables.keys():
        keys = TABLES[name]
        boto3.client("dynamodb").create_table(
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
