"""The universes in DynamoDB: an item for the ranking of a day in a quote asset."""

from __future__ import annotations

from candle_collector.adapters.dynamodb.item_table import ItemTable, translate_errors
from candle_collector.adapters.dynamodb.items import UniverseItem
from candle_collector.domain.universe import Ranking
from candle_collector.errors import StaleTurnError

_UNIVERSE = "UNIVERSE"


class UniverseTable:
    """The `UniverseStore` in the runs table."""

    def __init__(self, table: ItemTable) -> None:
        self._universe = table.model(UniverseItem)

    def put(self, day: str, quote_asset: str, ranking: Ranking, *, run_id: str) -> None:
        """Write a ranking of the day, if the day has none in this quote asset."""
        item = self._universe(_UNIVERSE, f"{day}#{quote_asset}", run_id=run_id, ranked=ranking)
        try:
            with translate_errors():
                item.save(condition=self._universe.pk.does_not_exist())
        except StaleTurnError:
            return

    def get(self, day: str) -> dict[str, Ranking]:
        """Read a day's rankings."""
        with translate_errors():
            items = self._universe.query(_UNIVERSE, self._universe.sk.startswith(f"{day}#"))
            return {item.sk.partition("#")[2]: item.ranked for item in items}

    def days(self) -> list[str]:
        """Read the keys of all rankings, page after page."""
        with translate_errors():
            items = self._universe.query(_UNIVERSE, attributes_to_get=["pk", "sk"])
            return list(dict.fromkeys(item.sk.partition("#")[0] for item in items))
