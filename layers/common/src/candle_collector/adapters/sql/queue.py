"""The workers' queue: a row a message, taken by one receiver at a time."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, select, update

from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.rows import insert_all_if_absent
from candle_collector.adapters.sql.schema import messages
from candle_collector.domain.interval import ms_of
from candle_collector.domain.pace import DEADLINE_MOST
from candle_collector.domain.series_message import SeriesMessage
from candle_collector.errors import CollectorError
from candle_collector.ports import Clock, ReceivedMessage

log = logging.getLogger(__name__)

RECEIVES_MOST = 5
"""How often a message is received before it is a dead letter."""

DELAY_MOST_SECONDS = 900
"""The longest delay, which is that of SQS."""

KEPT = DEADLINE_MOST
"""How long a message waits to be deleted before it is dropped: no run lives longer."""


_TABLE = messages
_COLUMNS = messages.c


class SqlQueue:
    """The `MessageQueue` in a database.

    Parameters
    ----------
    clock
        Our clock, by which delays and visibility are measured.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def enqueue(self, messages: Sequence[SeriesMessage], *, delay_seconds: int = 0) -> None:
        """Write the messages, all or nothing."""
        if not 0 <= delay_seconds <= DELAY_MOST_SECONDS:
            raise CollectorError(f"a message can be delayed by {DELAY_MOST_SECONDS} s at most, not {delay_seconds}")
        now = self._now()
        rows = [
            {
                "message_id": secrets.token_hex(16),
                "body": message.body(),
                "sent_at": now,
                "visible_at": now + 1000 * delay_seconds,
                "receives": 0,
                "dead": False,
            }
            for message in messages
        ]

        def write(connection: Connection) -> None:
            self._drop_old(connection)
            insert_all_if_absent(connection, _TABLE, rows)

        if rows:
            self._database.transact(write)

    def waiting(self) -> int:
        """Count the messages that can be received now."""
        statement = select(func.count()).where(*self._visible())
        return self._database.query(lambda connection: connection.execute(statement).scalar_one())

    def receive(self, *, visibility: timedelta) -> ReceivedMessage | None:
        """Take the message that has been visible longest, and drop and bury what is due on the way."""
        receipt = secrets.token_hex(16)

        def write(connection: Connection) -> ReceivedMessage | None:
            taken = connection.execute(select(_TABLE).where(_COLUMNS.receipt == receipt)).first()
            if taken:  # the reply to the commit was lost
                return _message(taken)
            self._drop_old(connection)
            while row := connection.execute(self._next()).first():
                if row.receives < RECEIVES_MOST:
                    hidden = self._now() + visibility // timedelta(milliseconds=1)
                    values = {"receives": row.receives + 1, "receipt": receipt, "visible_at": hidden}
                    _update(connection, _COLUMNS.position == row.position, **values)
                    return ReceivedMessage(row.message_id, row.body, receipt, row.receives + 1)
                log.error(
                    "a message is a dead letter: it was received %d times", row.receives, extra={"body": row.body}
                )
                _update(connection, _COLUMNS.position == row.position, dead=True, receipt=None)
            return None

        # a queue without anything to receive is looked at often, and nobody needs to wait for that
        return self._database.transact(write, followed=True) if self.waiting() else None

    def delete(self, receipt: str) -> None:
        """Delete the message that this receipt is the newest of."""
        statement = delete(_TABLE).where(_COLUMNS.receipt == receipt)
        self._database.transact(lambda connection: connection.execute(statement).close(), followed=True)

    def make_visible(self, receipt: str) -> None:
        """Let others receive the message that this receipt is the newest of."""
        self._show(_COLUMNS.receipt == receipt)

    def make_all_visible(self) -> int:
        """Let every message that a receive hides be received at once."""
        return self._show(_COLUMNS.receipt.is_not(None), _COLUMNS.visible_at > self._now())

    def next_visible_in(self) -> float | None:
        """Return how many seconds the next message is hidden for."""
        statement = select(func.min(_COLUMNS.visible_at)).where(*self._live())
        first = self._database.query(lambda connection: connection.execute(statement).scalar())
        return None if first is None else max(0, first - self._now()) / 1000

    def dead_letters(self) -> list[ReceivedMessage]:
        """Read the dead letters."""
        statement = select(_TABLE).where(_COLUMNS.dead).order_by(_COLUMNS.position)
        rows = self._database.query(lambda connection: connection.execute(statement).all())
        return [_message(row) for row in rows]

    def _show(self, *which: ColumnElement[bool]) -> int:
        values = {"visible_at": self._now(), "receipt": None}
        return self._database.transact(lambda connection: _update(connection, *which, **values))

    def _live(self) -> list[ColumnElement[bool]]:
        return [_COLUMNS.dead.is_(False), _COLUMNS.sent_at > self._oldest()]

    def _visible(self) -> list[ColumnElement[bool]]:
        return [*self._live(), _COLUMNS.visible_at <= self._now()]

    def _next(self) -> Any:
        """Return the query for the next message; one that another receiver is just taking is left out."""
        return (
            select(_TABLE)
            .where(*self._visible())
            .order_by(_COLUMNS.visible_at, _COLUMNS.position)
            .limit(1)
            .with_for_update(skip_locked=True)
        )

    def _drop_old(self, connection: Connection) -> None:
        statement = delete(_TABLE).where(_COLUMNS.dead.is_(False), _COLUMNS.sent_at <= self._oldest())
        if dropped := connection.execute(statement).rowcount:
            log.error("dropped %d messages that nobody deleted in %s", dropped, KEPT)

    def _oldest(self) -> int:
        return self._now() - KEPT // timedelta(milliseconds=1)

    def _now(self) -> int:
        return ms_of(self._clock.now())


def _update(connection: Connection, *which: ColumnElement[bool], **values: Any) -> int:
    return connection.execute(update(_TABLE).where(*which).values(**values)).rowcount


def _message(row: Row[Any]) -> ReceivedMessage:
    return ReceivedMessage(row.message_id, row.body, row.receipt or "", row.receives)
