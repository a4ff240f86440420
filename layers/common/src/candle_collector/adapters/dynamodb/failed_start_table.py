"""The last scheduled start that failed, as one item of DynamoDB."""

from __future__ import annotations

from candle_collector.adapters.dynamodb.item_table import ItemTable, translate_errors
from candle_collector.adapters.dynamodb.items import FailedStartItem, fields_of
from candle_collector.domain.health import FailedStart

_FAILED_START = "FAILED_START"


class FailedStartTable:
    """The `FailedStartStore` in the runs table."""

    def __init__(self, table: ItemTable) -> None:
        self._item = table.model(FailedStartItem)

    def put(self, start: FailedStart) -> None:
        """Write the item whole."""
        with translate_errors():
            self._item(
                _FAILED_START, _FAILED_START, mode=start.mode, due=start.due, at=start.at, reason=start.reason
            ).save()

    def get(self) -> FailedStart | None:
        """Read the item."""
        with translate_errors():
            try:
                item = self._item.get(_FAILED_START, _FAILED_START, consistent_read=True)
            except self._item.DoesNotExist:
                return None
        return FailedStart(**fields_of(item))
