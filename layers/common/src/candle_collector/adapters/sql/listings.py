"""What the exchange last said of each symbol that was part of a run."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.records import Record
from candle_collector.adapters.sql.rows import read_state, write_state
from candle_collector.domain.universe import Listing
from candle_collector.errors import UnreadableRecordError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Listings:
    """All of them, by symbol."""

    by_symbol: dict[str, Listing]


_LISTINGS = Record(_Listings, "the kept listings")


class SqlListings:
    """The `ListingStore` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self) -> Mapping[str, Listing]:
        """Read the listings; what cannot be read is as good as nothing."""
        try:
            kept = self._database.query(lambda connection: read_state(connection, "listings", _LISTINGS))
        except UnreadableRecordError:
            log.exception("the kept listings cannot be read; the next run writes them again")
            return {}
        return kept.by_symbol if kept else {}

    def put(self, listings: Mapping[str, Listing]) -> None:
        """Write them whole, over whatever stands there."""

        def write(connection: Connection) -> None:
            write_state(connection, "listings", _LISTINGS, _Listings(dict(listings)))

        self._database.transact(write)
