"""The last scheduled start and the last turn that failed."""

from __future__ import annotations

import logging
from typing import TypeVar

from sqlalchemy import Connection

from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.records import Record
from candle_collector.adapters.sql.rows import read_state, write_state
from candle_collector.domain.health import FailedStart, FailedTurn
from candle_collector.errors import UnreadableRecordError

log = logging.getLogger(__name__)

_FAILED_START = Record(FailedStart, "the last scheduled start that failed")
_FAILED_TURN = Record(FailedTurn, "the last turn that failed")

T = TypeVar("T")


class SqlFailedStarts:
    """The `FailedStartStore` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, start: FailedStart) -> None:
        """Write the record whole."""
        self._write("failed_start", _FAILED_START, start)

    def get(self) -> FailedStart | None:
        """Read the record."""
        return self._read("failed_start", _FAILED_START)

    def put_turn(self, turn: FailedTurn) -> None:
        """Write the record whole."""
        self._write("failed_turn", _FAILED_TURN, turn)

    def turn(self) -> FailedTurn | None:
        """Read the record."""
        return self._read("failed_turn", _FAILED_TURN)

    def _write(self, name: str, record: Record[T], value: T) -> None:
        def write(connection: Connection) -> None:
            write_state(connection, name, record, value)

        self._database.transact(write)

    def _read(self, name: str, record: Record[T]) -> T | None:
        try:
            return self._database.query(lambda connection: read_state(connection, name, record))
        except UnreadableRecordError:
            log.exception("the record of a failure cannot be read; the next one replaces it")
            return None
