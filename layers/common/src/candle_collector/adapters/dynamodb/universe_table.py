"""The universes in DynamoDB: an item for the ranking of a day."""

from __future__ import annotations

from collections.abc import Sequence

from candle_collector.adapters.dynamodb.item_table import ItemTable, translate_errors
from candle_collector.adapters.dynamodb.items import UniverseItem
from candle_collector.domain.universe import Ranked
from candle_collector.errors import StaleTurnError

_UNIVERSE = "UNIVERSE"


class UniverseTable:
    """The `UniverseStore` in the runs table."""

    def __init__(self, table: ItemTable) -> None:
        self._universe = table.model(UniverseItem)

    def put(self, day: str, ranked: Sequence[Ranked], *, run_id: str) -> None:
        """Write the day's ranking, if the day has none."""
        ranking = [{"symbol": item.listing.symbol, "quote_volume": str(item.quote_volume)} for item in ranked]
        item = self._universe(_UNIVERSE, day, run_id=run_id, ranked=ranking)
        try:
            with translate_errors():
                item.save(condition=self._universe.pk.does_not_exist())
        except StaleTurnError:
            return

    def get(self, day: str) -> list[dict[str, str]] | None:
        """Read a day's ranking."""
        with translate_errors():
            try:
                ranked: list[dict[str, str]] = self._universe.get(_UNIVERSE, day).ranked
            except self._universe.DoesNotExist:
                return None
            return ranked
