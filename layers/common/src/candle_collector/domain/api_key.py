"""An API key: what its text holds, and the record that is kept of it instead of the key."""

from __future__ import annotations

import hashlib
import hmac
import re
import zlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

PREFIX = "cck"
"""Candle collector key: what scanners for leaked secrets look for."""

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
KEY_ID_LENGTH = 10
SECRET_LENGTH = 32
"""32 of 62 letters are 190 random bits."""

USE_NOTED_EVERY = timedelta(minutes=5)
"""How often at most the use of a key is written down: a write for each call would cost more than the call."""

_CHECKSUM_LENGTH = 6
_TEXT = re.compile(
    rf"{PREFIX}_(?P<key_id>[0-9A-Za-z]{{{KEY_ID_LENGTH}}})"
    rf"_(?P<secret>[0-9A-Za-z]{{{SECRET_LENGTH}}})_(?P<checksum>[0-9A-Za-z]{{{_CHECKSUM_LENGTH}}})"
)
# Stands in for the hash of a key that is not known, so that it takes the path of a wrong secret. Nothing hashes to it.
_NO_HASH = "0" * 64


class Scope(StrEnum):
    """What a key reaches."""

    ADMIN = "admin"
    READ = "read"

    def covers(self, needed: Scope) -> bool:
        """Return whether a key of this scope reaches what needs another."""
        return self is Scope.ADMIN or self is needed


@dataclass(frozen=True)
class ApiKey:
    """The key itself. It is in its owner's hands and in the memory of one call, and nowhere else.

    Attributes
    ----------
    key_id
        Names the key's record; no secret.
    """

    key_id: str
    secret: str = field(repr=False)

    @property
    def text(self) -> str:
        """What its owner sends: `cck_<key id>_<secret>_<checksum>`."""
        return f"{PREFIX}_{self.key_id}_{self.secret}_{_checksum(self.key_id, self.secret)}"

    @property
    def secret_hash(self) -> str:
        """The SHA-256 of the secret, in hex. The secret is random, so a slow hash would add nothing."""
        return hashlib.sha256(self.secret.encode()).hexdigest()

    @staticmethod
    def parse(text: str) -> ApiKey | None:
        """Read a key from its text; None where it is not a key, or where its checksum shows a typo."""
        found = _TEXT.fullmatch(text)
        if found is None or found["checksum"] != _checksum(found["key_id"], found["secret"]):
            return None
        return ApiKey(key_id=found["key_id"], secret=found["secret"])


@dataclass(frozen=True)
class StoredKey:
    """The record of a key.

    Attributes
    ----------
    name
        Whose it is or what it is for, in the words of whoever made it.
    secret_hash
        As `ApiKey.secret_hash`.
    expires_at
        From when on it is refused; None for never.
    revoked_at
        Since when it is refused; None where it is not.
    last_used_at
        When it last let somebody in, up to `USE_NOTED_EVERY` too early; None for never.
    """

    key_id: str
    name: str
    scope: Scope
    secret_hash: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Return whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def state(self, now: datetime) -> str:
        """Return `live`, `expired` or `revoked`."""
        if self.is_live(now):
            return "live"
        return "expired" if self.revoked_at is None else "revoked"

    def use_is_due(self, now: datetime) -> bool:
        """Return whether a use at `now` is to be written down."""
        return self.last_used_at is None or now - self.last_used_at >= USE_NOTED_EVERY


def belongs(key: ApiKey, stored: StoredKey | None) -> bool:
    """Return whether a record is the key's, in a time that says nothing of the secret or of there being a record."""
    expected = stored.secret_hash if stored is not None else _NO_HASH
    return hmac.compare_digest(key.secret_hash.encode(), expected.encode())


def _checksum(key_id: str, secret: str) -> str:
    rest = zlib.crc32(f"{PREFIX}_{key_id}_{secret}".encode())
    letters = ""
    for _ in range(_CHECKSUM_LENGTH):
        rest, letter = divmod(rest, len(ALPHABET))
        letters = ALPHABET[letter] + letters
    return letters
