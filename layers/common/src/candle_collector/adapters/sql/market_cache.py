"""The market's last answers, and whose turn it is to ask for newer ones."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.records import Record, new_revision
from candle_collector.adapters.sql.rows import lock_state, read_state, write_state
from candle_collector.errors import UnreadableRecordError
from candle_collector.ports import MarketAnswers

log = logging.getLogger(__name__)

_ANSWERS = Record(MarketAnswers, "the market's last answers")


class Claim(NamedTuple):
    """Whose turn it is, and until when."""

    claim_id: str
    until: datetime


_CLAIM = Record(Claim, "the turn to ask for the market")


class SqlMarketCache:
    """The `MarketCache` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self) -> MarketAnswers | None:
        """Read the answers; what cannot be read is as good as nothing."""
        try:
            return self._database.query(lambda connection: read_state(connection, "market", _ANSWERS))
        except UnreadableRecordError:
            log.exception("the market's stored answers cannot be read; they are asked for again")
            return None

    def put(self, answers: MarketAnswers) -> None:
        """Write the answers whole, over whatever stands there."""

        def write(connection: Connection) -> None:
            write_state(connection, "market", _ANSWERS, answers)

        self._database.transact(write)

    def claim(self, *, now: datetime, until: datetime) -> str | None:
        """Write the claim where nobody has one that lasts."""
        claim = Claim(new_revision(), until)

        def write(connection: Connection) -> str | None:
            kept = lock_state(connection, "market_claim", _CLAIM)
            # its own is there already where the reply to the commit was lost
            if kept and kept.until > now and kept.claim_id != claim.claim_id:
                return None
            write_state(connection, "market_claim", _CLAIM, claim)
            return claim.claim_id

        return self._database.transact(write)

    def release(self, claim_id: str) -> None:
        """Delete the claim, unless somebody else has it now."""

        def write(connection: Connection) -> None:
            kept = lock_state(connection, "market_claim", _CLAIM)
            if kept and kept.claim_id == claim_id:
                write_state(connection, "market_claim", _CLAIM, None)

        self._database.transact(write)
