"""Makes API keys and stores their records; a key itself is returned once and kept nowhere."""

from __future__ import annotations

import secrets
from datetime import datetime

from candle_collector.domain.api_key import ALPHABET, KEY_ID_LENGTH, SECRET_LENGTH, ApiKey, Scope, StoredKey
from candle_collector.ports import ApiKeyStore

NAME_LENGTH_MAX = 64


def create_key(
    store: ApiKeyStore, *, name: str, scope: Scope, now: datetime, expires_at: datetime | None = None
) -> tuple[ApiKey, StoredKey]:
    """Return a new key and its record, which is stored.

    Raises
    ------
    ValueError
        The name is empty, longer than 64 characters or not printable, or the key would have expired already.
    """
    if not 0 < len(name) <= NAME_LENGTH_MAX or not name.isprintable():
        raise ValueError(f"a key's name has 1 to {NAME_LENGTH_MAX} printable characters")
    if expires_at is not None and expires_at <= now:
        raise ValueError("a key expires in the future")
    key = ApiKey(key_id=_random_letters(KEY_ID_LENGTH), secret=_random_letters(SECRET_LENGTH))
    stored = StoredKey(
        key_id=key.key_id,
        name=name,
        scope=scope,
        secret_hash=key.secret_hash,
        created_at=now,
        expires_at=expires_at,
    )
    store.put(stored)
    return key, stored


def rotate_key(store: ApiKeyStore, key_id: str, *, now: datetime) -> tuple[ApiKey, StoredKey]:
    """Return a second key with the name, scope and length of life of another, and its record, which is stored.

    The other goes on working until it is revoked, so that whoever uses it can change over.

    Raises
    ------
    ValueError
        There is no live key of that id.
    """
    old = store.get(key_id)
    if old is None or not old.is_live(now):
        raise ValueError(f"there is no live key {key_id}")
    expires_at = now + (old.expires_at - old.created_at) if old.expires_at else None
    return create_key(store, name=old.name, scope=old.scope, now=now, expires_at=expires_at)


def _random_letters(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
