"""The universes in DynamoDB: an item for the ranking of a day."""

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

    def put(self, day: str, ranking: Ranking, *, run_id: str) -> None:
        """Write the day's ranking, if the day has none."""
        item = self._universe(_UNIVERSE, day, run_id=run_id, ranked=ranking)
        try:
            with translate_errors():
                item.save(condition=self._universe.pk.does_not_exist())
        except StaleTurnError:
            return

    def get(self, day: str) -> Ranking | None:
        """Read a day's ranking."""
        with translate_errors():
            try:
                ranking: Ranking = self._universe.get(_UNIVERSE, day).ranked
            except self._universe.DoesNotExist:
                return None
            return ranking

    def days(self) -> list[str]:
        """Read the keys of all rankings, page after page."""
        with translate_errors():
            return [item.sk for item in self._universe.query(_UNIVERSE, attributes_to_get=["pk", "sk"])]
