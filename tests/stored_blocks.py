"""The items of the candle table past its adapter: to look at a block, to change one, or to take slots out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from candle_collector.adapters.dynamodb.block import Block, block_of, name_of
from candle_collector.domain.candle import Candle
from candle_collector.domain.series import Series


def key_of(series: Series, slot: int) -> dict[str, Any]:
    """Return the key of the block that a slot lies in."""
    name = name_of(series.interval, slot // series.interval.block_slots)
    return {"series": {"S": str(series)}, "block": {"S": name}}


class StoredBlocks:
    """The blocks in a table.

    Parameters
    ----------
    client
        A DynamoDB client.
    """

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def item(self, series: Series, slot: int) -> dict[str, Any] | None:
        """Return the item that a slot lies in, as stored."""
        found = self._client.get_item(TableName=self._table, Key=key_of(series, slot), ConsistentRead=True)
        item: dict[str, Any] | None = found.get("Item")
        return item

    def block(self, series: Series, slot: int) -> Block:
        """Return the block that a slot lies in."""
        number = slot // series.interval.block_slots
        item = self.item(series, slot)
        return block_of(item, series.interval, number) if item else Block(series.interval, number)

    def candle(self, series: Series, slot: int) -> Candle:
        """Return a stored candle."""
        return next(candle for candle in self.block(series, slot).candles if candle.slot == slot)

    def replace(self, series: Series, candle: Candle) -> None:
        """Put another candle where one is stored, as no adapter does."""
        self.put(self.block(series, candle.slot).revised(candle).item(series))

    def remove(self, series: Series, slots: Iterable[int]) -> None:
        """Take slots out as if they had never been stored, and forget what is recorded of the series' coverage."""
        by_block: dict[int, set[int]] = {}
        for slot in slots:
            by_block.setdefault(slot // series.interval.block_slots, set()).add(slot)
        for gone in by_block.values():
            slot = min(gone)
            block = self.block(series, slot)
            left = {candle.slot: candle for candle in block.candles if candle.slot not in gone}
            self._client.delete_item(TableName=self._table, Key=key_of(series, slot))
            if left or block.gone:
                self.put(Block(series.interval, block.number).joined(left, block.gone).item(series))
        self.forget_coverage(series)

    def forget_coverage(self, series: Series) -> None:
        """Delete the records of the series' years."""
        for item in self.coverage_records(series):
            self._client.delete_item(TableName=self._table, Key={name: item[name] for name in ("series", "block")})

    def coverage_records(self, series: Series) -> list[dict[str, Any]]:
        """Return the records of the series' years."""
        found = self._client.query(
            TableName=self._table,
            KeyConditionExpression="series = :series",
            ExpressionAttributeValues={":series": {"S": f"{series}#coverage"}},
        )
        items: list[dict[str, Any]] = found["Items"]
        return items

    def change(self, series: Series, slot: int, change: Callable[[dict[str, Any]], object]) -> None:
        """Change an item in place, into what no adapter writes."""
        item = self.item(series, slot) or key_of(series, slot)
        change(item)
        self.put(item)

    def put(self, item: dict[str, Any]) -> None:
        """Write an item as it is."""
        self._client.put_item(TableName=self._table, Item=item)
