"""The listings in DynamoDB, as one compressed item: of 500 symbols some 40 KB, a tenth of what an item may have."""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Mapping

from candle_collector.adapters.dynamodb.item_table import ItemTable, translate_errors
from candle_collector.adapters.dynamodb.items import ListingsItem
from candle_collector.domain.universe import Listing

log = logging.getLogger(__name__)

_LISTINGS = "LISTINGS"


class ListingsTable:
    """The `ListingStore` in the runs table."""

    def __init__(self, table: ItemTable) -> None:
        self._listings = table.model(ListingsItem)

    def get(self) -> Mapping[str, Listing]:
        """Read the item; one that cannot be read is as good as none."""
        with translate_errors():
            try:
                packed = self._listings.get(_LISTINGS, _LISTINGS).listings
            except self._listings.DoesNotExist:
                return {}
        try:
            return {fields[0]: Listing(*fields) for fields in json.loads(zlib.decompress(packed))}
        except (LookupError, TypeError, ValueError, zlib.error):
            log.exception("the kept listings cannot be read; the next run writes them again")
            return {}

    def put(self, listings: Mapping[str, Listing]) -> None:
        """Write the item whole."""
        fields = [
            [item.symbol, item.base_asset, item.quote_asset, item.status, item.rules] for item in listings.values()
        ]
        packed = zlib.compress(json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode())
        with translate_errors():
            self._listings(_LISTINGS, _LISTINGS, listings=packed).save()
