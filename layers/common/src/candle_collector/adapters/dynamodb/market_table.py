"""The market's last answers in DynamoDB, as one compressed item, and a small one for whose turn it is to ask."""

from __future__ import annotations

import json
import logging
import zlib
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from candle_collector.adapters.dynamodb.item_table import ItemTable, translate_errors
from candle_collector.adapters.dynamodb.items import MarketClaimItem, MarketItem
from candle_collector.domain.universe import Listing
from candle_collector.errors import StaleTurnError
from candle_collector.ports import MarketAnswers, MarketListings

log = logging.getLogger(__name__)

_MARKET = "MARKET"
_CLAIM = "CLAIM"


class MarketTable:
    """The `MarketCache` in the runs table."""

    def __init__(self, table: ItemTable) -> None:
        self._market = table.model(MarketItem)
        self._claim = table.model(MarketClaimItem)

    def get(self) -> MarketAnswers | None:
        """Read the item; one that cannot be read is as good as none."""
        with translate_errors():
            try:
                item = self._market.get(_MARKET, _MARKET, consistent_read=True)
            except self._market.DoesNotExist:
                return None
        try:
            return _unpack(item.answers, item.taken_at)
        except (ArithmeticError, KeyError, TypeError, ValueError, zlib.error):
            log.exception("the market's stored answers cannot be read; they are asked for again")
            return None

    def put(self, answers: MarketAnswers) -> None:
        """Write the item whole."""
        with translate_errors():
            self._market(_MARKET, _MARKET, taken_at=answers.taken_at, answers=_pack(answers)).save()

    def claim(self, *, now: datetime, until: datetime) -> str | None:
        """Write the claim where nobody has one that lasts."""
        claim, own_id = self._claim, uuid4().hex
        item = claim(_MARKET, _CLAIM, claim_id=own_id, until=until)
        # its own id is there already where the first reply was lost, and the SDK has sent it again
        free = claim.pk.does_not_exist() | (claim.until <= now) | (claim.claim_id == own_id)
        try:
            with translate_errors():
                item.save(condition=free)
        except StaleTurnError:
            return None
        return own_id

    def release(self, claim_id: str) -> None:
        """Delete the claim, unless somebody else has it now."""
        try:
            with translate_errors():
                self._claim(_MARKET, _CLAIM).delete(condition=self._claim.claim_id == claim_id)
        except StaleTurnError:
            return


def _pack(answers: MarketAnswers) -> bytes:
    """Return answers as compressed JSON: DynamoDB takes 400 KB; 4,000 symbols of random names and volumes are 130."""
    market, volumes = answers.market, answers.volumes
    packed: dict[str, Any] = {
        "listings": [[item.symbol, item.base_asset, item.quote_asset, item.status] for item in market.listings],
        "volumes": None if volumes is None else {symbol: str(volume) for symbol, volume in volumes.items()},
        "at_par": sorted(answers.at_par),
        "weight_limit": market.weight_limit,
        "weight_seconds": market.weight_seconds,
        "clock_offset_ms": market.clock_offset_ms,
    }
    return zlib.compress(json.dumps(packed, separators=(",", ":")).encode())


def _unpack(packed: bytes, taken_at: datetime) -> MarketAnswers:
    read = json.loads(zlib.decompress(packed))
    listings = tuple(Listing(*listing) for listing in read["listings"])
    volumes = read["volumes"]
    return MarketAnswers(
        market=MarketListings(listings, read["weight_limit"], read["weight_seconds"], read["clock_offset_ms"]),
        volumes=None if volumes is None else {symbol: Decimal(volume) for symbol, volume in volumes.items()},
        taken_at=taken_at,
        at_par=frozenset(read.get("at_par", ())),
    )
