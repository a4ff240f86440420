"""The last scheduled start and the last turn that failed, as an item of DynamoDB each."""

from __future__ import annotations

from candle_collector.adapters.dynamodb.item_table import ItemTable, translate_errors
from candle_collector.adapters.dynamodb.items import FailedStartItem, FailedTurnItem, fields_of
from candle_collector.domain.health import FailedStart, FailedTurn

_FAILED_START = "FAILED_START"
_FAILED_TURN = "FAILED_TURN"


class FailedStartTable:
    """The `FailedStartStore` in the runs table."""

    def __init__(self, table: ItemTable) -> None:
        self._item = table.model(FailedStartItem)
        self._turn = table.model(FailedTurnItem)

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

    def put_turn(self, turn: FailedTurn) -> None:
        """Write the item whole."""
        with translate_errors():
            self._turn(
                _FAILED_START, _FAILED_TURN, run_id=turn.run_id, series=turn.series, at=turn.at, reason=turn.reason
            ).save()

    def turn(self) -> FailedTurn | None:
        """Read the item."""
        with translate_errors():
            try:
                item = self._turn.get(_FAILED_START, _FAILED_TURN, consistent_read=True)
            except self._turn.DoesNotExist:
                return None
        return FailedTurn(**fields_of(item))
