"""The keys' records, with the hashes of their secrets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, select, update

from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.records import Record
from candle_collector.adapters.sql.rows import insert_if_absent
from candle_collector.adapters.sql.schema import api_keys
from candle_collector.domain.api_key import StoredKey

_KEY = Record(StoredKey, "the record of an API key")


class SqlKeys:
    """The `ApiKeyStore` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key_id: str) -> StoredKey | None:
        """Return the record of a key id, as of now: a revocation holds from the next request on."""
        statement = select(api_keys.c.body).where(api_keys.c.key_id == key_id)
        body = self._database.query(lambda connection: connection.execute(statement).scalar())
        return None if body is None else _KEY.read(body)

    def all(self) -> Iterator[StoredKey]:
        """Yield every record, in no order."""
        statement = select(api_keys.c.body)
        bodies = self._database.query(lambda connection: connection.execute(statement).scalars().all())
        yield from map(_KEY.read, bodies)

    def put(self, key: StoredKey) -> None:
        """Write a record, over the one of the same key id."""

        def write(connection: Connection) -> None:
            if not insert_if_absent(connection, api_keys, {"key_id": key.key_id, "body": _KEY.write(key)}):
                _write(connection, key)

        self._database.transact(write)

    def revoke(self, key_id: str, at: datetime) -> StoredKey | None:
        """Mark a key as revoked; the time of an earlier revocation stays."""

        def write(connection: Connection) -> StoredKey | None:
            kept = _lock(connection, key_id)
            if kept is None or kept.revoked_at is not None:
                return kept
            return _write(connection, replace(kept, revoked_at=at))

        return self._database.transact(write)

    def note_use(self, key_id: str, at: datetime, *, unless_after: datetime) -> None:
        """Write down that a key was used, where no use after `unless_after` is noted."""

        def write(connection: Connection) -> None:
            kept = _lock(connection, key_id)
            if kept and (kept.last_used_at is None or kept.last_used_at <= unless_after):
                _write(connection, replace(kept, last_used_at=at))

        self._database.transact(write)


def _lock(connection: Connection, key_id: str) -> StoredKey | None:
    statement = select(api_keys.c.body).where(api_keys.c.key_id == key_id).with_for_update()
    body = connection.execute(statement).scalar()
    return None if body is None else _KEY.read(body)


def _write(connection: Connection, key: StoredKey) -> StoredKey:
    values = {"body": _KEY.write(key)}
    connection.execute(update(api_keys).where(api_keys.c.key_id == key.key_id).values(**values))
    return key
