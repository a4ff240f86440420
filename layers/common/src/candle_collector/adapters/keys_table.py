"""The table of API keys: an item a key, with the hash of its secret."""

from __future__ import annotations

from pynamodb.attributes import UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.models import Model

from candle_collector.domain.api_key import Scope, StoredKey


class _KeyItem(Model):
    key_id = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute()
    scope = UnicodeAttribute()
    secret_hash = UnicodeAttribute()
    created_at = UTCDateTimeAttribute()
    expires_at = UTCDateTimeAttribute(null=True)
    revoked_at = UTCDateTimeAttribute(null=True)


class KeysTable:
    """The `ApiKeyStore` in DynamoDB.

    Region, endpoint and credentials are those of the environment, as boto3 takes them.

    Parameters
    ----------
    table_name
        The template's KeysTable.
    """

    def __init__(self, table_name: str) -> None:
        class Item(_KeyItem):
            class Meta:
                # A caller waits for the answer, and the authorizer is ended after 10 s.
                connect_timeout_seconds = 1
                read_timeout_seconds = 2
                max_retry_attempts = 2

        Item.Meta.table_name = table_name  # type: ignore[attr-defined] # PynamoDB reads it from there
        self._item = Item

    def get(self, key_id: str) -> StoredKey | None:
        """Return the record of a key id, as of now: a revocation holds from the next request on."""
        try:
            item = self._item.get(key_id, consistent_read=True)
        except self._item.DoesNotExist:
            return None
        return StoredKey(
            key_id=item.key_id,
            name=item.name,
            scope=Scope(item.scope),
            secret_hash=item.secret_hash,
            created_at=item.created_at,
            expires_at=item.expires_at,
            revoked_at=item.revoked_at,
        )

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
        ).save()
