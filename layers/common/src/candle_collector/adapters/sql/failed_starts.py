"""The last scheduled start that failed."""

from __future__ import annotations

import logging

from sqlalchemy import Connection

from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.records import Record
from candle_collector.adapters.sql.rows import read_state, write_state
from candle_collector.domain.health import FailedStart
from candle_collector.errors import UnreadableRecordError

log = logging.getLogger(__name__)

_FAILED_START = Record(FailedStart, "the last scheduled start that failed")


class SqlFailedStarts:
    """The `FailedStartStore` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, start: FailedStart) -> None:
        """Write the record whole."""

        def write(connection: Connection) -> None:
            write_state(connection, "failed_start", _FAILED_START, start)

        self._database.transact(write)

    def get(self) -> FailedStart | None:
        """Read the record."""
        try:
            return self._database.query(lambda connection: read_state(connection, "failed_start", _FAILED_START))
        except UnreadableRecordError:
            log.exception("the record of a failed start cannot be read; the next one replaces it")
            return None
