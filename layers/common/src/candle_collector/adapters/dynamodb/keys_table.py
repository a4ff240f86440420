"""The table of API keys: an item a key, with the hash of its secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType

from pynamodb.attributes import UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.exceptions import PynamoDBException, UpdateError
from pynamodb.models import Model

from candle_collector.adapters.dynamodb.item_table import ItemTable
from candle_collector.domain.api_key import Scope, StoredKey
from candle_collector.errors import CollectorError


class _KeyItem(Model):
    key_id = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute()
    scope = UnicodeAttribute()
    secret_hash = UnicodeAttribute()
    created_at = UTCDateTimeAttribute()
    expires_at = UTCDateTimeAttribute(null=True)
    revoked_at = UTCDateTimeAttribute(null=True)
    last_used_at = UTCDateTimeAttribute(null=True)


class KeysTable:
    """The `ApiKeyStore` in DynamoDB.

    Parameters
    ----------
    table_name
        The template's KeysTable.
    where
        As `ItemTable` takes it.
    """

    def __init__(self, table_name: str, where: Mapping[str, str] = MappingProxyType({})) -> None:
        # A caller waits for the answer, and the authorizer is ended after 10 s.
        patient = ItemTable(
            table_name, _KeyItem, connect_timeout_seconds=1, read_timeout_seconds=2, max_retry_attempts=2, where=where
        )
        # One quick attempt: a caller does not wait for a note. Its client is made when a use is first noted.
        quick = ItemTable(
            table_name, _KeyItem, connect_timeout_seconds=1, read_timeout_seconds=1, max_retry_attempts=0, where=where
        )
        self._item = patient.model(_KeyItem)
        self._use = quick.model(_KeyItem)

    def get(self, key_id: str) -> StoredKey | None:
        """Return the record of a key id, as of now: a revocation holds from the next request on."""
        try:
            return _record(self._item.get(key_id, consistent_read=True))
        except self._item.DoesNotExist:
            return None

    def all(self) -> Iterator[StoredKey]:
        """Yield every record, in no order; for people at a terminal, because it reads the whole table."""
        yield from map(_record, self._item.scan(consistent_read=True))

    def put(self, key: StoredKey) -> None:
        """Write a record, over the one of the same key id."""
        self._item(
            key.key_id,
            name=key.name,
            scope=key.scope.value,
            secret_hash=key.secret_hash,
            created_at=key.created_at,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
            last_used_at=key.last_used_at,
        ).save()

    def revoke(self, key_id: str, at: datetime) -> StoredKey | None:
        """Mark a key as revoked; the time of an earlier revocation stays."""
        item = self._item(key_id)
        try:
            item.update(
                actions=[_KeyItem.revoked_at.set(_KeyItem.revoked_at | at)],
                condition=_KeyItem.key_id.exists(),
            )
        except UpdateError as error:
            if error.cause_response_code == "ConditionalCheckFailedException":
                return None
            raise
        return _record(item)

    def note_use(self, key_id: str, at: datetime, *, unless_after: datetime) -> None:
        """Write down that a key was used, where no use after `unless_after` is noted; the record is there.

        Raises
        ------
        CollectorError
            It could not be written.
        """
        used = _KeyItem.last_used_at
        try:
            self._use(key_id).update(
                actions=[used.set(at)],
                condition=_KeyItem.key_id.exists() & (used.does_not_exist() | (used <= unless_after)),
            )
        except PynamoDBException as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise CollectorError(f"the table of keys took no note: {error.msg}") from error


def _record(item: _KeyItem) -> StoredKey:
    return StoredKey(
        key_id=item.key_id,
        name=item.name,
        scope=Scope(item.scope),
        secret_hash=item.secret_hash,
        created_at=item.created_at,
        expires_at=item.expires_at,
        revoked_at=item.revoked_at,
        last_used_at=item.last_used_at,
    )
